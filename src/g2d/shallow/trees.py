"""Boosted trees of scikit-learn as the arrays that `TreeFusion` has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.models.fusion.trees import TreeFusion
from g2d.shallow.predictors import Fitted, cooled


@dataclass(frozen=True)
class Trees:
    """Decision trees fitted for a task.

    Attributes:
        nodes: Of every tree, scikit-learn's records of its nodes.
        outputs: Of every tree, the output that it adds to.
        biases: Of every output, `(C,)`.
        scale: What the values of leaves are multiplied by.
    """

    nodes: list[NDArray[np.void]]
    outputs: list[int]
    biases: NDArray[np.float64]
    scale: float

    @classmethod
    def of(cls, fitted: Fitted) -> Trees:
        """Reads the trees of fitted `HistGradientBoosting` estimators.

        scikit-learn has no public way to a tree of theirs: the attributes are its own, and a test
        compares what comes of them with what it predicts.
        """
        nodes: list[NDArray[np.void]] = []
        outputs: list[int] = []
        biases, scale = fitted.biases(), fitted.scale[1]
        for estimator, places in fitted.estimators():
            biases[places] += scale * np.ravel(estimator._baseline_prediction)
            for iteration in estimator._predictors:
                nodes += [tree.nodes for tree in iteration]
                outputs += places.tolist()
        return cls(nodes, outputs, biases, scale)

    def options(self) -> dict[str, Any]:
        """The options of a `TreeFusion` that can hold them."""
        return {
            "trees": len(self.nodes),
            "nodes": max((len(one) for one in self.nodes), default=1),
            "depth": max((int(one["depth"].max()) for one in self.nodes), default=0),
        }

    def put_into(self, fusion: TreeFusion, temperature: float) -> None:
        """Sets the arrays of a fusion; its logits are divided by the temperature."""
        fusion.bias.copy_(torch.from_numpy(cooled(self.biases, temperature)))
        fusion.output.copy_(torch.tensor(self.outputs, dtype=torch.int64))
        for tree, nodes in enumerate(self.nodes):
            own, count = np.arange(len(nodes)), len(nodes)
            leaf = nodes["is_leaf"].astype(bool)
            values = {
                "feature": np.where(leaf, 0, nodes["feature_idx"]),
                "threshold": _rounded_down(nodes["num_threshold"]),
                "left": np.where(leaf, own, nodes["left"]),
                "right": np.where(leaf, own, nodes["right"]),
                "value": nodes["value"] * (self.scale / temperature),
            }
            for name, array in values.items():
                getattr(fusion, name)[tree, :count] = torch.from_numpy(array)


def _rounded_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each: a float32 is below one exactly if it is below both."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
