"""What every analysis returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Finding(Protocol):
    """The result of an analysis: numbers, a figure of them, and a sentence.

    Analyses return a dataclass of their own with these four methods, so that commands and pages can
    show any of them.
    """

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, for the terminal and for pages."""

    def sentence(self) -> str:
        """What the figure shows, for those who do not see it."""

    def as_dict(self) -> dict[str, Any]:
        """Every number of it, as JSON holds them; `None` for what is not known."""

    def plot(self, path: Path) -> Path:
        """Draws it into a file, in the format of its ending."""
