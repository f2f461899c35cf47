"""What the name of a CREMA-D clip holds: `<actor>_<sentence>_<emotion>_<level>`."""

from __future__ import annotations

import re
from typing import NamedTuple

# The order of the labels in the published lists' code; others sort them by name.
EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
CLIPS = 7442

_NAME = re.compile(rf"(\d{{4}})_([A-Z]{{3}})_({'|'.join(EMOTIONS)})_(LO|MD|HI|XX?)")


class Name(NamedTuple):
    """The parts of a name; the emotion is the one that was acted."""

    actor: str
    sentence: str
    emotion: str
    level: str

    @property
    def label(self) -> int:
        """The class."""
        return EMOTIONS.index(self.emotion)


def parse(clip: str) -> Name | None:
    """The parts of a clip's name; nothing where it is no such name.

    Example:
        >>> parse("1001_DFA_ANG_XX").label, parse("readme")
        (5, None)
    """
    found = _NAME.fullmatch(clip)
    return Name(*found.groups()) if found else None
