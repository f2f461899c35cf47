"""A plain module under DDP on two gloo processes, with methods of every kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import g2d

TASK, EPOCHS, BATCH, STEPS = g2d.Classification(3), 3, 8, 3
METHODS: dict[str, Any] = {
    "joint": lambda student: g2d.JointTraining(student, TASK),
    "g2d": lambda student: g2d.G2D(student, TASK, bank(), (2, 1), confidence=CONFIDENCE),
    "g2d, ranked by batch": lambda student: g2d.G2D(student, TASK, bank(), (2, 1)),
    "ogm": lambda student: g2d.OGM(student, TASK, window=(0, 1)),
    "ogm_ge": lambda student: g2d.OGM(student, TASK, noise=True, window=(0, 1)),
    "mmpareto": lambda student: g2d.MMPareto(student, TASK),
    "amco": lambda student: g2d.AMCo(student, TASK),
    "opm": lambda student: g2d.OPM(student, TASK),
    "agm": lambda student: g2d.AGM(student, TASK, window=(0, 1)),
    "umt": lambda student: g2d.UMT(student, TASK, bank()),
    "pdmp": lambda student: g2d.PDMP(student, TASK, bank()),
    "joint+smp": lambda student: g2d.SequentialPrioritization(
        g2d.JointTraining(student, TASK), bank(), (2, 1), confidence=CONFIDENCE
    ),
    "mses": lambda student: g2d.MSES(student, TASK, patience=0),
    "mslr": lambda student: g2d.MSLR(student, TASK, history=1, rates={"video": 2.0}),
    "pmr": lambda student: g2d.PMR(student, TASK),
    "gradient_blending": lambda student: g2d.GradientBlending(student, TASK, super_epoch=1),
    "arl": lambda student: g2d.ARL(student, TASK),
    "cggm": lambda student: g2d.CGGM(student, TASK),
    "mlb": lambda student: g2d.MLB(student, TASK),
    "inforeg": lambda student: g2d.InfoReg(student, TASK, first=0, threshold=0.0),
    "mbsd": lambda student: g2d.MBSD(student, TASK),
    "cml": lambda student: g2d.CML(student, TASK),
    "relearning": lambda student: g2d.Relearning(student, TASK),
    "smv": lambda student: g2d.SampleValuation(student, TASK),
    "dlmg": lambda student: g2d.DLMG(student, TASK),
}
CONFIDENCE = {"audio": 0.9, "video": 0.2}


class Net(nn.Module):
    """Without batch norm, whose statistics are those of a process's own half."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(6, 8), nn.Tanh())
        self.video_net = nn.Sequential(nn.Linear(5, 7), nn.Tanh())
        self.head = nn.Sequential(nn.Linear(15, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        return self.head(torch.cat([self.audio_net(audio), self.video_net(video)], dim=1))


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def bank() -> g2d.OnlineTeachers:
    model = net()
    torch.manual_seed(1)
    parts = {"audio": (model.audio_net, 8), "video": (model.video_net, 7)}
    nets = {name: nn.Sequential(part, nn.Linear(d, 3)) for name, (part, d) in parts.items()}
    return g2d.OnlineTeachers({n: g2d.attach(m, {n: m[0]}) for n, m in nets.items()}, TASK)


def batch(number: int) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(number)
    target = torch.randint(3, (BATCH,), generator=random)
    return torch.randn(BATCH, 6, generator=random), torch.randn(BATCH, 5, generator=random), target


def whole(model: Net) -> Iterator[Any]:
    """The training data, every process all of it."""
    for step in range(STEPS):
        audio, video, target = batch(step)
        yield model(audio, video), target, {"index": BATCH * step + torch.arange(BATCH)}


def train(name: str, rank: int = 0, world_size: int = 1) -> dict[str, Any]:
    """The last weights, how far each encoder moved in the first epoch, and the doctor's word."""
    model = net()
    student = g2d.attach(model, {"audio": model.audio_net, "video": model.video_net})
    method = METHODS[name](student)
    doctor = g2d.doctor(student, TASK)
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9, weight_decay=0.01)
    wrapped: nn.Module = model
    if world_size > 1:
        wrapped = DistributedDataParallel(model, find_unused_parameters=True)
    method.on_fit_start(
        g2d.Loop(optimizer, epochs=EPOCHS, iter_train=lambda fraction, seed: whole(model))
    )
    moved: dict[str, float] = {}
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for step in range(STEPS):
            # processes take turns at the samples of a batch
            rows = BATCH * step + torch.arange(BATCH)
            parts = (part[rank::world_size] for part in (*batch(step), rows))
            audio, video, target, index = parts
            method.loss(wrapped(audio, video), target, index=index).backward()
            method.adjust_gradients()
            doctor.watch(target)
            optimizer.step()
            optimizer.zero_grad()
        values = dict.fromkeys(("fused", "audio", "video"), 0.5 - 0.1 * epoch)
        method.on_validation_end({"loss": values, "accuracy": values, "confidence": values})
        if epoch == 0:
            first = net().state_dict()
            moved = {
                key: float((value - first[key]).abs().max())
                for key, value in model.state_dict().items()
            }
    heads = {} if student.added_heads is None else student.added_heads.state_dict()
    said = doctor.epoch()
    return {"weights": model.state_dict(), "heads": heads, "moved": moved, "said": said}


def worker(rank: int, world_size: int, port: int, folder: Path) -> None:
    """One of the processes: every method, one after the other."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=world_size)
    found = {name: train(name, rank, world_size) for name in METHODS}
    torch.save(found, folder / f"rank{rank}.pt")
    torch.distributed.destroy_process_group()
