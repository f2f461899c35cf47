"""Data made to be balanced, to suppress a modality, or to hold one without signal."""

from __future__ import annotations

from typing import Literal

import numpy as np

from g2d import Classification, Regression
from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits

Case = Literal["balanced", "imbalanced", "noise"]


class MadeData:
    """Two vectors a row, `quick` and `slow`, of two classes.

    `quick` is a cloud for each class, learned in the first epochs. `slow` is, by case, another
    such cloud; the product of two signs, which a perceptron learns late; or nothing but noise.
    """

    def __init__(
        self,
        case: Case,
        seed: int = 0,
        train: int = 600,
        held: int = 300,
        regression: bool = False,
    ) -> None:
        self.case, self.seed, self.regression = case, seed, regression
        self.sizes = {"train": train, "val": held, "test": held}

    def splits(self) -> Splits:
        parts = {name: self._part(i, size) for i, (name, size) in enumerate(self.sizes.items())}
        task = Regression.fit(parts["train"].target) if self.regression else Classification(2)
        return Splits(
            DatasetSpec(
                name=self.case,
                task=task,
                shapes={"quick": (8,), "slow": (8,)},
                protocol="made",
                fingerprint="".join(part.fingerprint()[:12] for part in parts.values()),
            ),
            **parts,
        )

    def _part(self, number: int, rows: int) -> ArraySplit:
        rng = np.random.default_rng([self.seed, number])
        target = np.arange(rows) % 2
        sign = 2.0 * target - 1
        quick = rng.normal(size=(rows, 8))
        slow = rng.normal(size=(rows, 8))
        quick[:, 0] += (2.0 if self.case == "imbalanced" else 1.8) * sign
        if self.case == "balanced":
            slow[:, 0] += 1.8 * sign
        if self.case == "imbalanced":  # the product of the first two signs is the class
            slow[:, 0] = (0.5 + np.abs(slow[:, 0])) * np.sign(slow[:, 0])
            slow[:, 1] = (0.5 + np.abs(slow[:, 1])) * np.sign(slow[:, 0]) * sign
        if self.case == "imbalanced":
            quick *= 12
        inputs = {"quick": quick.astype(np.float32), "slow": slow.astype(np.float32)}
        if self.regression:
            return ArraySplit(inputs, (10 + 3 * sign + rng.normal(size=rows)).astype(np.float32))
        return ArraySplit(inputs, target)


def made_recipe(case: Case, seed: int = 0, epochs: int = 8, **options: object) -> dict[str, object]:
    """Trains in a few seconds."""
    return {
        "data": {"name": "runs.made.MadeData", "case": case, "seed": seed, **options},
        "encoders": {
            name: {"name": "mlp", "inputs": 8, "width": 32, "hidden": [64]}
            for name in ("quick", "slow")
        },
        "training": {
            "epochs": epochs,
            "batch_size": 32,
            "optimizer": "sgd",
            "learning_rate": 0.05,
            "accelerator": "cpu",
        },
        "seed": seed,
    }
