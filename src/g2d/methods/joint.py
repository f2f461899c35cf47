"""Joint training: one loss on the fused prediction. What every method is compared with."""

from __future__ import annotations

from g2d.methods.base import Method


class JointTraining(Method):
    """Every encoder learns from the loss of the fused prediction, Eq. 1 alone."""
