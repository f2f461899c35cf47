"""How a sentence names several things."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str:
    """Which of the known words somebody may have meant, as the end of a sentence.

    Example:
        >>> meant("G2D", ["g2d", "umt"]), meant("lat", ["late"]), meant("tree", ["late"])
        ("; did you mean 'g2d'?", "; did you mean 'late'?", '')
    """
    by_small = {one.lower(): one for one in known}
    near = get_close_matches(word.lower(), by_small, n=1, cutoff=0.7)
    return f"; did you mean {by_small[near[0]]!r}?" if near else ""


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
