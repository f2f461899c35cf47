"""Where files lie on a machine, left out of what others will read."""

from __future__ import annotations

import re

# A path from the root on, of two parts or more; what stands before it is no part of a word.
_PART = r"[^\s/\\'\":;,]+"
_ABSOLUTE = re.compile(rf"(?<![\w.…~/])(?:~|[A-Za-z]:)?[/\\](?:{_PART}[/\\])+({_PART})")


def without_places(text: str) -> str:
    """The text with every absolute path cut to its last part.

    Example:
        >>> without_places("no finished run in /home/me/runs/a1; 3/4 of them, see docs/data.md")
        'no finished run in …/a1; 3/4 of them, see docs/data.md'
    """
    return _ABSOLUTE.sub(r"…/\1", text)
