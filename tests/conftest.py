"""Tiny tensors: a second thread would only wait for the first (five times slower on busy cores)."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
