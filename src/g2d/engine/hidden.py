"""Keeps a package out of an import that would load it for nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(module: str) -> Iterator[None]:
    """Within this, the module appears not to be installed, unless it is loaded already.

    Example:
        >>> with hidden("this"):
        ...     import this
        Traceback (most recent call last):
        ...
        ModuleNotFoundError: import of this halted; None in sys.modules
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
