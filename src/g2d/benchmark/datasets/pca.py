"""Principal components that carry a stated share of the variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.threads import one_thread
from g2d.errors import UserError


@dataclass(frozen=True)
class PCA:
    """A linear subspace fitted on training rows, used to take information out of pictures.

    Attributes:
        mean: Mean training row, `(D,)`.
        components: Orthonormal directions, `(k, D)`, the strongest first.
        cumulative: Share of the training variance in the first 1, 2, ... k directions, `(k,)`.

    Example:
        >>> rows = np.array([[0.0, 0.0, 1.0], [10.0, 1.0, 1.0], [20.0, 0.0, 1.0]])
        >>> pca = PCA.fit(rows, energy=0.9)
        >>> len(pca.components), pca.reconstruct(rows).round(1)[1].tolist()
        (1, [10.0, 0.3, 1.0])
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    cumulative: NDArray[np.float64]

    @classmethod
    def fit(cls, rows: NDArray[np.generic], energy: float) -> PCA:
        """Keeps the fewest components whose shares of the variance add up to `energy`.

        Args:
            rows: Training samples, `(N, D)`; give no others, or test data leaks into the basis.
            energy: Share of the variance to reach, in (0, 1].

        Raises:
            UserError: `energy` is out of range, or the rows do not differ.
        """
        if not 0 < energy <= 1:
            raise UserError(f"got energy={energy:g}, expected a share of the variance in (0, 1]")
        if rows.ndim != 2 or len(rows) < 2:
            raise UserError(f"PCA needs 2 rows or more of shape (N, D), got shape {rows.shape}")
        values = rows.astype(np.float64)
        mean = values.mean(axis=0)
        variance, directions = _principal(torch.from_numpy(values - mean))
        total = variance.sum()
        if total == 0:
            raise UserError("PCA needs rows that differ, got a constant; check the images")
        cumulative = np.cumsum(variance) / total
        # The sum of all shares may fall short of 1 by rounding, hence the tolerance and the cap.
        k = min(int(np.searchsorted(cumulative, energy - 1e-12)) + 1, len(variance))
        return cls(mean, np.ascontiguousarray(directions[:k]), cumulative[:k])

    def reconstruct(self, rows: NDArray[np.generic]) -> NDArray[np.float64]:
        """Projects rows `(N, D)` onto the subspace and adds the mean back."""
        components = torch.from_numpy(self.components)
        with one_thread():
            scores = torch.from_numpy(rows.astype(np.float64) - self.mean) @ components.T
            return np.asarray((scores @ components).numpy() + self.mean)


def _principal(centred: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances (but for a factor) and directions as rows, the strongest first."""
    with one_thread():
        if len(centred) < centred.shape[1]:
            _, spread, rows = torch.linalg.svd(centred, full_matrices=False)
            return spread.square().numpy(), rows.numpy()
        # The D x D covariance is far cheaper than the SVD of N x D.
        variance, columns = torch.linalg.eigh(centred.T @ centred)
        return variance.flip(0).clamp(min=0).numpy(), columns.T.flip(0).numpy()
