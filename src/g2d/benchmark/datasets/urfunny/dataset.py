"""The prepared UR-FUNNY as splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.urfunny.prepare import KIND
from g2d.benchmark.datasets.urfunny.source import CLASSES, WIDTHS
from g2d.data.policies import Division, select_on_test
from g2d.data.prepared import PreparedDataset, divided_splits, fingerprint_of
from g2d.data.readers.sequences import SequenceReader, Sequences
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import RaggedArray, Store
from g2d.errors import UserError
from g2d.tasks import Classification

PROTOCOLS = {"clean": "clean", "paper": "paper-selects-on-test"}


class URFunny(PreparedDataset):
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
        if steps < 1:
            raise UserError(f"got steps={steps}, expected 1 or more")
        wanted = list(WIDTHS) if modalities is None else modalities
        unknown = [name for name in wanted if name not in WIDTHS]
        if unknown or not wanted:
            raise UserError(f"got modalities {wanted}, expected some of {', '.join(WIDTHS)}")
        self.root, self.protocol, self.context, self.steps = Path(root), protocol, context, steps
        self.modalities = [name for name in WIDTHS if name in wanted]
        self.standardise = standardise

    def splits(self) -> Splits:
        """Opens the store, and goes over the training words once for their statistics."""
        store = self.store()
        if self.context and not store.manifest["options"]["context"]:
            raise UserError(
                f"{self.root} was prepared without context; prepare it again with --context, or "
                "leave data.context out"
            )
        rows = {part: np.flatnonzero(store.column("part") == part) for part in _PARTS}
        divided = Division(*rows.values())
        if self.protocol == "paper":
            divided = select_on_test(divided.train, divided.test)
        readers = {
            name: SequenceReader(
                _sequences(store, name, self.context),
                self.steps,
                divided.train if self.standardise else None,
                keep="last",
            )
            for name in self.modalities
        }
        target = store.column("target")
        parts = divided_splits(divided, readers, target)
        whole = len(self.modalities) == len(WIDTHS)
        spec = DatasetSpec(
            name=KIND if whole else "-".join([KIND, *self.modalities]),
            task=Classification(CLASSES),
            shapes={name: (self.steps, WIDTHS[name]) for name in self.modalities},
            protocol=PROTOCOLS[self.protocol],
            fingerprint=self._fingerprint(store),
            notes={key: store.manifest.get(key) for key in ("options", "counts", "sources")},
            selects_on_test=divided.selects_on_test,
        )
        return Splits(spec, *parts)

    def _fingerprint(self, store: Store) -> str:
        """Of the inputs: the policy decides which words the statistics are of."""
        options: list[object] = [self.protocol, self.context, self.steps, self.modalities]
        options += [] if self.standardise else ["as they are"]
        return fingerprint_of(store, options)


_PARTS = ("train", "val", "test")


def _sequences(store: Store, name: str, context: bool) -> Sequences:
    spoken = store.ragged(name)
    return _WithContext(store.ragged(f"{name}-context"), spoken) if context else spoken


@dataclass(frozen=True)
class _WithContext:
    """What was said before, then the punchline."""

    before: RaggedArray
    spoken: RaggedArray

    def __getitem__(self, row: int) -> NDArray[np.generic]:
        return np.concatenate([self.before[row], self.spoken[row]])
