"""Weights are written whole, also where others write into the same folder meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from g2d.engine.checkpoint import load_weights, save_weights


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
