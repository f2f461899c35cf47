"""How sentences and tables name several things, unknown words and scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


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


def did_you_mean(word: str, known: Mapping[str, str]) -> str:
    """The end of a message on an unknown word: the known one that is nearest, or nothing.

    Args:
        word: As it was written; capitals do not matter.
        known: Words, and how the message names each.

    Example:
        >>> did_you_mean("G2D", {"g2d": "g2d"}), did_you_mean("joint", {"g2d": "g2d"})
        ('; did you mean g2d?', '')
    """
    lower = {name.lower(): shown for name, shown in known.items()}
    found = get_close_matches(word.lower(), lower, n=1, cutoff=0.75)
    return f"; did you mean {lower[found[0]]}?" if found else ""


def around(value: float | None, error: float | None) -> str:
    """A score with its standard error, where they are known.

    Example:
        >>> around(0.75, 0.02), around(0.75, None), around(None, None)
        ('0.750 ± 0.020', '0.750', '-')
    """
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ± {error:.3f}" if error is not None else "")
