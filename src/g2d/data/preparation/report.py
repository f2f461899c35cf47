"""What a check of a dataset found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """The report of a check: facts, and problems.

    Attributes:
        facts: A line each.
        problems: A sentence each; empty where nothing is wrong.

    Example:
        >>> Report(("2 clips",), ("1001.wav is missing",)).lines()
        ['2 clips', 'fault: 1001.wav is missing']
    """

    facts: tuple[str, ...]
    problems: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Facts and problems as lines for a terminal."""
        return [*self.facts, *(f"fault: {problem}" for problem in self.problems)]

    def __add__(self, other: Report) -> Report:
        return Report(self.facts + other.facts, self.problems + other.problems)
