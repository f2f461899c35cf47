"""Words that people write for steps of a scale, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Sequence

_SCALES = tuple(
    tuple(words.split(", "))
    for words in (
        "very low, low, medium, moderate, average, high, very high",
        "terrible, very bad, very poor, bad, poor, fair, average, ok, okay, good, very good, "
        "excellent, outstanding",
        "never, rarely, seldom, sometimes, often, usually, always",
        "strongly disagree, disagree, neither agree nor disagree, neutral, agree, strongly agree",
        "very dissatisfied, dissatisfied, neutral, satisfied, very satisfied",
        "very negative, negative, neutral, positive, very positive",
        "none, minimal, mild, moderate, severe, very severe, critical",
        "tiny, small, medium, large, huge",
        "xxs, xs, s, m, l, xl, xxl",
        "beginner, novice, intermediate, advanced, expert",
        "cold, cool, mild, warm, hot",
        "young, middle-aged, old",
    )
)
# Two words, as of yes and no, have no steps between them.
_LEAST = 3


def order_of(names: Sequence[str]) -> list[str]:
    """The names in the order of a scale that has all of them; none where there is no such scale.

    Example:
        >>> order_of(["Excellent", "Fair", "Good", "Very_good"])
        ['Fair', 'Good', 'Very_good', 'Excellent']
        >>> order_of(["cat", "dog", "high"])
        []
    """
    plain = {" ".join(name.casefold().replace("_", " ").split()): name for name in names}
    if len(plain) < max(_LEAST, len(names)):
        return []
    found = (scale for scale in _SCALES if plain.keys() <= set(scale))
    return [plain[word] for word in next(found, ()) if word in plain]
