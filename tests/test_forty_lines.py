"""Forty lines outside the package train three methods on a plain model with a deep head."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import g2d

PROGRAM = """\
import torch
from torch import nn

import g2d


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.ears, self.eyes = nn.Linear(8, 6), nn.Linear(9, 6)
        self.head = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, audio, *, video):
        return self.head(torch.cat([self.ears(audio), self.eyes(video)], dim=1))


task, target = g2d.Classification(3), torch.arange(60) % 3
means = 2 * torch.randn(3, 17, generator=torch.Generator().manual_seed(0))
audio, video = (means[target] + torch.randn(60, 17)).split([8, 9], dim=1)
nets = {"audio": nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 3))}
nets["video"] = nn.Sequential(nn.Linear(9, 6), nn.Linear(6, 3))
teachers = g2d.OnlineTeachers({n: g2d.attach(m, {n: m[0]}) for n, m in nets.items()}, task)
for name in ("G2D", "OGM", "AMCo"):
    net = Net()
    keys, eyes = list(net.state_dict()), net.eyes.weight.clone()
    student = g2d.attach(net, {"audio": net.ears, "video": net.eyes})
    extra = (teachers, (2, 6)) if name == "G2D" else ()
    options = {"confidence": {"audio": 0.1, "video": 0.9}} if name == "G2D" else {}
    method = getattr(g2d, name)(student, task, *extra, **options)
    optimizer = torch.optim.SGD(method.parameter_groups(), 0.05, 0.9, weight_decay=0.01)
    method.on_fit_start(g2d.Loop(optimizer, epochs=8))
    for epoch in range(8):
        method.on_epoch_start(epoch)
        for a, v, y in zip(audio.split(10), video.split(10), target.split(10)):
            method.loss(net(a, video=v), y).backward()
            method.adjust_gradients()
            optimizer.step()
            optimizer.zero_grad()
        print(name, epoch, torch.equal(net.eyes.weight, eyes), list(net.state_dict()) == keys)
"""


def test_forty_lines_with_torch_and_g2d_alone(tmp_path: Path) -> None:
    lines = [line for line in PROGRAM.splitlines() if line.strip()]
    assert len(lines) <= 40
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(PROGRAM))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"torch", "g2d"}
    (tmp_path / "train.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(Path(g2d.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 24
    assert all(names == "True" for *_, names in rows)  # the keys of state_dict are what they were
    still = {(name, int(epoch)) for name, epoch, equal, _ in rows if equal == "True"}
    assert still == {("G2D", 0), ("G2D", 1)}  # the frozen encoder does not move by a bit
