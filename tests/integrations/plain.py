"""A model, data and methods, and the loop that an integration must equal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import g2d

TASK, EPOCHS, BATCH = g2d.Classification(3), 4, 16


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.video_net = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        return self.head(torch.cat([self.audio_net(audio), self.video_net(video)], dim=1))

    def attached(self) -> g2d.Student:
        return g2d.attach(self, {"audio": self.audio_net, "video": self.video_net})


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def data(size: int = 64, seed: int = 1) -> TensorDataset:
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(3, (size,), generator=random)
    inputs = torch.randn(3, 11, generator=random)[target]
    inputs = inputs + torch.randn(size, 11, generator=random)
    return TensorDataset(inputs[:, :6], inputs[:, 6:], target)


def teachers() -> g2d.OnlineTeachers:
    torch.manual_seed(2)
    audio, video = net(), net()
    heads = [nn.Sequential(part, nn.Linear(8, 3)) for part in (audio.audio_net, video.video_net)]
    attached = {
        name: g2d.attach(model, {name: model[0]})
        for name, model in zip(("audio", "video"), heads, strict=True)
    }
    return g2d.OnlineTeachers(attached, TASK)


METHODS: dict[str, Callable[[g2d.Student], g2d.Method]] = {
    "joint": lambda student: g2d.JointTraining(student, TASK),
    "ogm_ge": lambda student: g2d.OGM(student, TASK, noise=True, window=(0, 1)),
    "g2d": lambda student: g2d.G2D(
        student, TASK, teachers(), (2, 2), confidence={"audio": 0.9, "video": 0.2}
    ),
    "mmpareto": lambda student: g2d.MMPareto(student, TASK),
    "amco": lambda student: g2d.AMCo(student, TASK),
}


def sgd(method: g2d.Method) -> torch.optim.Optimizer:
    return torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9, weight_decay=0.01)


def trained(name: str, accumulate: int = 1, clip_norm: float | None = None) -> dict[str, Tensor]:
    """The weights that a loop of nothing but torch and g2d ends with."""
    model = net()
    method = METHODS[name](model.attached())
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS))
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for step, (audio, video, target) in enumerate(DataLoader(data(), BATCH // accumulate)):
            loss = method.loss(model(audio, video), target) / accumulate
            loss.backward()
            if (step + 1) % accumulate == 0:
                method.adjust_gradients()
                if clip_norm is not None:
                    nn.utils.clip_grad_norm_(list(method.student.parameters()), clip_norm)
                optimizer.step()
                optimizer.zero_grad()
    return model.state_dict()


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
