"""Students and teachers on the toy data, made from Python."""

from __future__ import annotations

from pathlib import Path

import torch

from g2d import CachedTeachers, Classification, LateFusion, MultimodalModel, OnlineTeachers
from g2d.data.loader import make_loader
from g2d.models import UnimodalModel
from g2d.teachers.cache import cache_key, write_cache
from toy import ToyData, ToyEncoder

TASK = Classification(3)
SPLITS = ToyData().splits()


def student(seed: int = 0, dropout: float = 0.1) -> MultimodalModel:
    torch.manual_seed(seed)
    encoders = {name: ToyEncoder(dropout) for name in SPLITS.spec.modalities}
    return MultimodalModel(encoders, LateFusion(dict.fromkeys(encoders, 8), 3))


def bank() -> OnlineTeachers:
    torch.manual_seed(5)
    models = {name: UnimodalModel(name, ToyEncoder(), 8, 3) for name in SPLITS.spec.modalities}
    return OnlineTeachers(models, TASK)


def cached(folder: Path) -> CachedTeachers:
    online = bank()
    key = cache_key(online.models, "toy")
    batches = make_loader(SPLITS.train, 32, shuffle=False)
    write_cache(folder, online, key, lambda start: batches, len(SPLITS.train))
    return CachedTeachers(folder, key, TASK)
