"""Regression: a number a sample."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError
from g2d.tasks.base import Task

# Standard deviations of the targets from zero, beyond which float32 is not enough.
_FAR = 1000


class Regression(Task):
    """One number a sample, predicted as sigmoid(logit) on the range seen in training.

    The paper trains regression on p = σ(l) with the squared error (Eq. 1), which supposes targets
    in [0, 1]: they are scaled by the minimum and maximum of the training split, and metrics are
    taken after scaling back. A divergence of softmaxes over one output is identically zero, so
    the logit distillation is the squared difference of the predictions, and confidence is
    exp(-|prediction - target| / s) with s the standard deviation of the training targets.

    Args:
        low: Smallest training target.
        high: Largest training target.
        std: Standard deviation of the training targets.
        scale: `log` takes the three, and the loss, of the targets' logarithms: for positive numbers
            of many sizes.
        loss: `squared`, or `absolute`, on which a few wrong targets have less effect.

    Example:
        >>> import torch
        >>> task = Regression.fit(torch.tensor([10.0, 20.0, 30.0]))
        >>> task.predict(torch.zeros(1, 1))
        tensor([20.])
    """

    metric = "rmse"
    higher_is_better = False
    outputs = 1

    def __init__(
        self,
        low: float,
        high: float,
        std: float,
        scale: Literal["linear", "log"] = "linear",
        loss: Literal["squared", "absolute"] = "squared",
    ) -> None:
        if not (high > low and std > 0):
            raise UserError(
                f"regression needs training targets that differ, got minimum {low:g}, "
                f"maximum {high:g}, standard deviation {std:g}"
            )
        self.low, self.high, self.std = float(low), float(high), float(std)
        self.log, self.absolute = scale == "log", loss == "absolute"
        # far from zero, float32 has too few digits for what tells the targets apart
        far = not self.log and max(abs(self.low), abs(self.high)) > _FAR * self.std
        self._dtype = torch.float64 if far else torch.float32

    @classmethod
    def fit(
        cls,
        targets: Tensor,
        scale: Literal["linear", "log"] = "linear",
        loss: Literal["squared", "absolute"] = "squared",
    ) -> Regression:
        """Reads the scale off the training targets, `(N,)`.

        With `absolute`, the range goes from the first to the ninety-ninth percentile: the largest
        target may be a typing error, and would squeeze the others together.

        Raises:
            UserError: Targets are all the same, or have no logarithm.
        """
        values = targets.double()
        if scale == "log":
            if values.min() <= 0:
                raise UserError(
                    f"got a target of {values.min():g}, which has no logarithm; leave scale out"
                )
            values = values.log()
        low, high = values.min().item(), values.max().item()
        if loss == "absolute":
            ends = torch.tensor([0.01, 0.99], dtype=values.dtype)
            inner = values.quantile(ends, interpolation="nearest").tolist()
            if inner[1] > inner[0]:  # else nearly all targets are one number
                low, high = inner
        return cls(low, high, values.std(unbiased=False).item(), scale, loss)

    def scale(self, target: Tensor) -> Tensor:
        """From the original scale to the unit range of training."""
        values = target if target.dtype == torch.float64 else target.float()
        if self.log:  # what has no logarithm, and is in no training split, is the smallest
            values = values.clamp(min=math.exp(self.low)).log()
        return ((values - self.low) / (self.high - self.low)).float()

    def _pair(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions and targets on the unit range, `(B,)` each."""
        if target.ndim != 1:  # (B, 1) would be compared with every prediction of the batch
            raise UserError(
                f"got targets of shape {tuple(target.shape)}, expected (B,); give target.flatten()"
            )
        return self._unit(logits), self.scale(target)

    def _unit(self, logits: Tensor) -> Tensor:
        return logits.float().squeeze(1).sigmoid()

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared error on the unit range, Eq. 1; or absolute error."""
        unit, scaled = self._pair(logits, target)
        return F.l1_loss(unit, scaled) if self.absolute else F.mse_loss(unit, scaled)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """The error of each sample on the unit range."""
        unit, scaled = self._pair(logits, target)
        return (unit - scaled).abs() if self.absolute else (unit - scaled) ** 2

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """exp(-|prediction - target| / s), the same on either scale."""
        unit, scaled = self._pair(logits, target)
        error = (unit - scaled).abs() * (self.high - self.low)
        return (-error / self.std).exp()

    def constant(self, target: Tensor) -> Tensor:
        """The mean target, as a logit."""
        return self.scale(target).mean().logit(eps=1e-6).expand(len(target), 1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Squared difference of the two predictions on the unit range (temperature unused)."""
        return (self._unit(logits) - self._unit(teacher.detach())) ** 2

    def predict(self, logits: Tensor) -> Tensor:
        """The number, on the original scale; float64 where the targets are far from zero."""
        values = self.low + (self.high - self.low) * self._unit(logits).to(self._dtype)
        return values.exp() if self.log else values

    @property
    def digits(self) -> int:
        """Significant digits that keep predictions distinct: 8, and more far from zero.

        Example:
            >>> Regression(0.0, 10.0, 2.0).digits, Regression(1.7e9, 1.7e9 + 10, 2.0).digits
            (8, 13)
        """
        if self._dtype == torch.float32:
            return 8
        return math.ceil(math.log10(max(abs(self.low), abs(self.high)) / self.std)) + 4

    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """MAPE, R², RMSE, MAE and signed MPE on the original scale.

        MPE is the mean of (target - prediction) / target: positive targets are predicted too low
        where it is positive. Like MAPE it leaves targets of 0 out.
        """
        prediction, truth = self.predict(logits).double(), target.double()
        error = prediction - truth
        spread = ((truth - truth.mean()) ** 2).sum()
        share = (-error / truth)[truth != 0]  # nan where no target is left
        nan = float("nan")
        return {
            "mape": share.abs().mean().item(),
            "r2": (1 - (error**2).sum() / spread).item() if spread > 0 else nan,
            "rmse": (error**2).mean().sqrt().item(),
            "mae": error.abs().mean().item(),
            "mpe": share.mean().item(),
        }

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared error on the original scale."""
        return ((self.predict(logits) - target) ** 2).float()

    def metric_of(self, mean: float) -> float:
        """The root of the mean squared error."""
        return math.sqrt(mean)

    def describe(self) -> dict[str, object]:
        """The description for `task_from`: the scale, and options that are not the defaults."""
        described: dict[str, object] = {"kind": "regression", "low": self.low, "high": self.high}
        described["std"] = self.std
        if self.log:
            described["scale"] = "log"
        if self.absolute:
            described["loss"] = "absolute"
        return described
