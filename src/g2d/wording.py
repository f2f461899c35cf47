"""How a sentence names several things."""

from __future__ import annotations

from collections.abc import Iterable


def listed(words: Iterable[str], most: int | None = None) -> str:
    """Words as a sentence lists them.

    Args:
        words: What is listed; of none comes an empty string.
        most: How many are named, and the others counted. None names all.

    Example:
        >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
        ('a', 'a and b', 'a, b and c')
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    words = list(words)
    if most is not None and len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
