"""Joint training: one loss on the fused prediction. What every method is compared with."""

from __future__ import annotations

from g2d.methods.base import Method


class JointTraining(Method):
    """Every encoder learns from the loss of the fused prediction, Eq. 1 alone.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> task = g2d.Classification(2)
        >>> method = g2d.JointTraining(student, task)  # then the loop of `g2d.Method`
    """
