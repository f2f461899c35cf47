"""A prepared dataset of words: what is read of it, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division
from g2d.data.prepared import PreparedDataset, divided_splits, fingerprint_of
from g2d.data.readers.sequences import SequenceReader, Sequences
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store
from g2d.errors import UserError
from g2d.tasks import Task

MODALITIES = ("audio", "visual", "text")


class WordsDataset(PreparedDataset):
    """Sequences of features, one step a word, standardised by the training words.

    Args:
        root: Folder that `prepare` wrote.
        steps: Length of every sequence.
        modalities: Those wanted, of audio, visual and text; all when not given.
        standardise: Whether features are standardised and clipped.

    Raises:
        UserError: An option is unknown.
    """

    keep: ClassVar[Literal["first", "last"]]

    def __init__(
        self, root: str | Path, steps: int, modalities: list[str] | None, standardise: bool
    ) -> None:
        if steps < 1:
            raise UserError(f"got steps={steps}, expected 1 or more")
        wanted = list(MODALITIES) if modalities is None else modalities
        unknown = [name for name in wanted if name not in MODALITIES]
        if unknown or not wanted:
            raise UserError(f"got modalities {wanted}, expected some of {', '.join(MODALITIES)}")
        self.root, self.steps, self.standardise = Path(root), steps, standardise
        self.modalities = [name for name in MODALITIES if name in wanted]

    def made_of(
        self,
        store: Store,
        rows: Division,
        target: NDArray[np.generic],
        task: Task,
        *,
        name: str,
        protocol: str,
        widths: Mapping[str, int],
        sequences: Callable[[str], Sequences],
        options: list[object],
        encoders: Mapping[str, object] | None = None,
    ) -> Splits:
        """The splits of a store; goes over the training words once for their statistics.

        Args:
            store: The prepared dataset.
            rows: Of each split.
            target: Of every row of the store.
            task: What is to be predicted.
            name: Of the dataset, where all its modalities are read.
            protocol: As results carry it.
            widths: Features of a word, by modality.
            sequences: Those of a modality.
            options: What else decides the inputs or the target, for the fingerprint.
            encoders: Of each modality, for recipes that name none.
        """
        readers = {
            modality: SequenceReader(
                sequences(modality),
                self.steps,
                rows.train if self.standardise else None,
                keep=self.keep,
            )
            for modality in self.modalities
        }
        whole = len(self.modalities) == len(MODALITIES)
        decided = [*options, self.steps, self.modalities]
        decided += [] if self.standardise else ["as they are"]
        spec = DatasetSpec(
            name=name if whole else "-".join([name, *self.modalities]),
            task=task,
            shapes={modality: (self.steps, widths[modality]) for modality in self.modalities},
            protocol=protocol,
            # the policy among the options decides which words the statistics are of
            fingerprint=fingerprint_of(store, decided),
            notes={key: store.manifest.get(key) for key in ("options", "counts", "sources")},
            encoders={m: encoders[m] for m in self.modalities} if encoders else {},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(spec, *divided_splits(rows, readers, target))


def official(store: Store) -> Division:
    """The rows of the official folds."""
    part = store.column("part")
    train, val, test = (np.flatnonzero(part == name) for name in ("train", "val", "test"))
    return Division(train, val, test)
