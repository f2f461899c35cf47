"""Columns of a table: gaps filled, then standardised, by the training rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.errors import UserError


class TableReader:
    """Rows of a table in which a missing value becomes the column's mean in training.

    x_j = (v_j - μ_j) / σ_j, with μ_j the mean of the training values that are there and σ_j the
    population standard deviation of the training rows after gaps are filled; a missing v_j is μ_j,
    and so 0. A column that is constant in training has σ_j = 1.

    Args:
        table: `(N, D)` of the whole store, nan where a value is missing.
        train: Rows of the training split: nothing is learned from others.

    Raises:
        UserError: A column has no value in any training row.

    Example:
        >>> table = np.array([[1.0, 7.0], [3.0, 7.0], [np.nan, 8.0]])
        >>> TableReader(table, np.array([0, 1])).read(np.array([0, 2]))
        tensor([[-1.,  0.],
                [ 0.,  1.]])
    """

    augments = False

    def __init__(self, table: NDArray[np.floating], train: NDArray[np.integer]) -> None:
        seen = np.asarray(table[train], dtype=np.float64)
        there = ~np.isnan(seen)
        empty = np.flatnonzero(~there.any(axis=0))
        if len(empty):
            raise UserError(
                f"column {empty[0] + 1} of the table has no value in any of the {len(seen)} "
                "training rows; fill it, or divide the data in another way"
            )
        mean = np.where(there, seen, 0).sum(axis=0) / there.sum(axis=0)
        filled = np.where(there, seen, mean)
        # By the values themselves: the mean of equal numbers may differ from them by rounding.
        constant = np.where(there, seen, -np.inf).max(axis=0) == np.where(there, seen, np.inf).min(
            axis=0
        )
        std = np.where(constant, 1.0, filled.std(axis=0))
        whole = np.where(np.isnan(table), mean, table)
        self._values = torch.from_numpy(((whole - mean) / std).astype(np.float32))

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads rows, `(B, D)` float32."""
        return self._values[torch.from_numpy(rows)]
