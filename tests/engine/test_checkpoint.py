"""Weights are written whole, also where others write into the same folder meanwhile."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from g2d import Classification, JointTraining, UnimodalModel
from g2d.engine.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights


def test_two_writers_of_one_folder_do_not_remove_each_others_files(tmp_path):
    models = [nn.Linear(400, 300), nn.Linear(400, 300)]

    def write(which: int) -> None:
        for _ in range(40):
            save_weights(tmp_path / f"{which}.safetensors", models[which])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    for which, model in enumerate(models):
        read = nn.Linear(400, 300)
        load_weights(tmp_path / f"{which}.safetensors", read)
        assert torch.equal(read.weight, model.weight)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.safetensors", "1.safetensors"]


def test_a_checkpoint_restores_the_random_states_of_all_three_libraries(tmp_path):
    """A user's data or method may draw from any of them."""

    def drawn():
        return torch.rand(3).tolist(), np.random.standard_normal(3).tolist(), random.gauss(0, 1)

    model = UnimodalModel("m", nn.Linear(2, 2), width=2, outputs=2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    parts = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1),
        "method": JointTraining(model, Classification(2)),
    }
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(4)
    drawn()  # an odd number of Gaussians: each library keeps half a pair
    save_checkpoint(tmp_path / "last.ckpt", **parts, progress={"epoch": 1})
    goes_on = drawn()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(5)
    assert load_checkpoint(tmp_path / "last.ckpt", **parts) == {"epoch": 1}
    assert drawn() == goes_on
