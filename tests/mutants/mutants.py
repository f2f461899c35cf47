"""The list of mutants, and how one is applied. Run them with `make mutants`."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("mutants.toml")


@dataclass(frozen=True)
class Mutant:
    """A fault put into the package on purpose.

    Attributes:
        name: What is then wrong, in words.
        file: Where, from the root of the repository.
        old: Text of the file, which occurs in it exactly once.
        new: What stands in its place.
        tests: Those that must notice, as pytest takes them.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The text of its file with the fault.

        Raises:
            ValueError: The old text does not occur exactly once, or what results is no Python.
        """
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: its old text occurs {times} times in {self.file}")
        faulty = text.replace(self.old, self.new)
        if faulty == text:
            raise ValueError(f"{self.name}: it changes nothing")
        if self.file.endswith(".py"):
            ast.parse(faulty, self.file)
        return faulty


def read_mutants() -> list[Mutant]:
    """All of the list, in its order."""
    entries = tomllib.loads(LIST.read_text("utf-8"))["mutant"]
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
