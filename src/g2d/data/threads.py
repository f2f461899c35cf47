"""Small sums on one thread: faster than on many, and the same on every machine of a kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread; afterwards on as many as before.

    How a sum is shared out among threads changes its last bits, and with them the fingerprint of
    what is made; and for thousands of short signals the sharing out costs more than the sums.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
