"""Settings of every test."""

from __future__ import annotations

import torch
from hypothesis import settings

# Tiny tensors: a second thread would only wait for the first (five times slower on busy cores).
torch.set_num_threads(1)

# The time of one example depends on what else the machine does; no test is about that.
settings.register_profile("g2d", deadline=None)
settings.load_profile("g2d")
