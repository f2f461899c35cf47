"""The prepared CMU-MOSEI as splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.benchmark.datasets.mosei.prepare import KIND
from g2d.benchmark.datasets.mosei.targets import TARGETS, classes_of, without_neutral
from g2d.benchmark.datasets.words.dataset import WordsDataset, official
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.tasks import Classification, Regression, Task


class MOSEI(WordsDataset):
    """CMU-MOSEI as `prepare` left it on disk.

    Audio `(steps, 74)`, visual `(steps, 35)` and text `(steps, 300)`, one step a word; visual is
    713 wide in `mosei_raw.pkl`, text 768 in `aligned_50.pkl`. Numbers that are not finite become
    0, features are standardised by the training words, clipped at 5 standard deviations, and
    filled up with zeros at the end. Without `standardise` they are only filled up, as in other
    code; a word whose numbers are all 0 is then taken for padding.

    Args:
        root: Folder that `prepare` wrote.
        protocol: "clean" selects on the official validation fold; there is no other.
        target: "binary" is negative or not, sentiment 0 being not, as in AGM and
            BalanceBenchmark; "nonzero" is negative or positive, segments of sentiment 0 left out,
            as MulT reports it; "three" has neutral between them, as in MMSA and ReconBoost;
            "regression" is the sentiment itself, from -3 to 3. Results of another target than
            "binary" are named by it.
        steps: Length of every sequence; of a longer one the first words are kept.
        modalities: Those wanted, of audio, visual and text; all when not given.
        standardise: Whether features are standardised and clipped.

    Raises:
        UserError: The store is missing or damaged, or an option unknown.
    """

    kind = KIND
    keep = "first"

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        target: str = "binary",
        steps: int = 50,
        modalities: list[str] | None = None,
        standardise: bool = True,
    ) -> None:
        if protocol != "clean":
            raise UserError(f"got protocol {protocol!r}, expected 'clean'")
        if target not in TARGETS:
            raise UserError(
                f"got target {target!r}, expected 'binary' (0 is non-negative), 'nonzero' (0 is "
                "left out), 'three' (0 is neutral) or 'regression'"
            )
        super().__init__(root, steps, modalities, standardise)
        self.protocol, self.target = protocol, target

    def splits(self) -> Splits:
        """Opens the store, and goes over the training words once for their statistics."""
        store = self.store()
        widths = store.manifest["options"]["widths"]
        values = store.column("target").astype(np.float32)
        rows = official(store)
        if self.target == "nonzero":
            rows = without_neutral(rows, values)
        target, task = self._task(values, rows.train)
        return self.made_of(
            store,
            rows,
            target,
            task,
            name=KIND if self.target == "binary" else f"{KIND}-{self.target}",
            protocol=self.protocol,
            widths=widths,
            sequences=store.ragged,
            options=[self.protocol, self.target],
            encoders={m: {"name": "transformer", "inputs": width} for m, width in widths.items()},
        )

    def _task(
        self, values: NDArray[np.float32], train: NDArray[np.int64]
    ) -> tuple[NDArray[np.generic], Task]:
        """Target of every row, and what predicting it is."""
        if self.target == "regression":
            return values, Regression.fit(torch.from_numpy(values[train]))
        return classes_of(values, self.target), Classification(TARGETS[self.target])
