"""The prepared UR-FUNNY as splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.urfunny.prepare import KIND
from g2d.benchmark.datasets.urfunny.source import CLASSES, WIDTHS
from g2d.benchmark.datasets.words.dataset import WordsDataset, official
from g2d.data.policies import select_on_test
from g2d.data.readers.sequences import Sequences
from g2d.data.splits import Splits
from g2d.data.store import RaggedArray, Store
from g2d.errors import UserError
from g2d.tasks import Classification

PROTOCOLS = {"clean": "clean", "paper": "paper-selects-on-test"}


class URFunny(WordsDataset):
    """UR-FUNNY as `prepare` left it on disk.

    Audio `(steps, 81)`, visual `(steps, 371)` and text `(steps, 300)`, one step a word. Numbers
    that are not finite become 0, features are standardised by the training words, clipped at 5
    standard deviations, and filled up with zeros at the end. Without `standardise` they are only
    filled up, as in other code; a word whose numbers are all 0 is then taken for padding.

    Args:
        root: Folder that `prepare` wrote.
        protocol: "clean" selects on the official validation fold. "paper" selects on test, as the
            published numbers were had; its results carry the name "paper-selects-on-test".
        context: Whether the sentences before the punchline come first. The store must have been
            prepared with them.
        steps: Length of every sequence; of a longer one the last words are kept, which are the
            punchline's.
        modalities: Those wanted, of audio, visual and text; all when not given.
        standardise: Whether features are standardised and clipped.

    Raises:
        UserError: The store is missing or damaged, or an option unknown.
    """

    kind = KIND
    keep = "last"

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        context: bool = False,
        steps: int = 50,
        modalities: list[str] | None = None,
        standardise: bool = True,
    ) -> None:
        if protocol not in PROTOCOLS:
            raise UserError(f"got protocol {protocol!r}, expected 'clean' or 'paper'")
        super().__init__(root, steps, modalities, standardise)
        self.protocol, self.context = protocol, context

    def splits(self) -> Splits:
        """Opens the store, and goes over the training words once for their statistics."""
        store = self.store()
        if self.context and not store.manifest["options"]["context"]:
            raise UserError(
                f"{self.root} was prepared without context; prepare it again with --context, or "
                "leave data.context out"
            )
        rows = official(store)
        if self.protocol == "paper":
            rows = select_on_test(rows.train, rows.test)
        return self.made_of(
            store,
            rows,
            store.column("target"),
            Classification(CLASSES),
            name=KIND,
            protocol=PROTOCOLS[self.protocol],
            widths=WIDTHS,
            sequences=lambda name: _sequences(store, name, self.context),
            options=[self.protocol, self.context],
        )


def _sequences(store: Store, name: str, context: bool) -> Sequences:
    spoken = store.ragged(name)
    return _WithContext(store.ragged(f"{name}-context"), spoken) if context else spoken


@dataclass(frozen=True)
class _WithContext:
    """The context sentences, then the punchline."""

    before: RaggedArray
    spoken: RaggedArray

    def __getitem__(self, row: int) -> NDArray[np.generic]:
        return np.concatenate([self.before[row], self.spoken[row]])
