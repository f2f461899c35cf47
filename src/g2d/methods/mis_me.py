"""MIS-ME: a deep joint head, the branches' own predictions beside it or in its place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.methods.base import Method, check_weight
from g2d.methods.heads.mis_me import BranchHeads, DeepConcatFusion, WeightedBranches
from g2d.methods.unimodal import unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.wording import listed

Approach = Literal["concat", "hybrid", "learnable"]
JointHead = Literal["own", "chosen"]
Scalars = Literal["free", "complementary"]


class MISME(Method):
    """Trains a joint head and a head on each branch.

    L = δ ℓ(z, y) + Σ_m γ_m ℓ(z_m, y), z from a head over all features, z_m from one branch.

    That is the `hybrid` approach, the published best. `concat` is ℓ(z, y) alone, with the same
    joint head. `learnable` has no joint head: z = Σ_m a_m z_m(a_m f_m) with learned a_m, and the
    loss is ℓ(z, y). The prediction is always z.

    Rakib et al., *MIS-ME: A Multi-modal Framework for Soil Moisture Estimation*, 2024 (arXiv
    2408.00963). There ℓ is the squared error of one number.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        approach: `"hybrid"`, `"concat"` or `"learnable"`.
        joint_head: Of `hybrid` and `concat`: MIS-ME's own, or the fusion that was chosen; the
            latter with `concat` is joint training, bit for bit.
        weights: Of `hybrid`: δ under `fused` and γ_m under the name of the modality; what is not
            named has weight 1.
        scalars: Of `learnable`: a_m of its own for every modality, from 1 on, or `complementary`
            ones for two modalities, a and 1 - a.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = g2d.MISME(model, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"approach": "concat", "joint_head": "chosen"}
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        approach: Approach = "hybrid",
        joint_head: JointHead = "own",
        weights: Mapping[str, float] | None = None,
        scalars: Scalars = "free",
    ) -> None:
        super().__init__(student, task)
        check_choice("approach", approach, get_args(Approach))
        check_choice("joint_head", joint_head, get_args(JointHead))
        check_choice("scalars", scalars, get_args(Scalars))
        for name, weight in (weights or {}).items():
            check_weight(f"weights.{name}", weight)
        for option, given, allowed in (
            ("joint_head", joint_head != "own", ("hybrid", "concat")),
            ("weights", weights is not None, ("hybrid",)),
            ("scalars", scalars != "free", ("learnable",)),
        ):
            if given and approach not in allowed:
                raise UserError(
                    f"{option} is an option of approach {listed(allowed)}, got approach "
                    f"{approach!r}; leave it out"
                )
        self.approach: Approach = approach
        self.joint_head: JointHead = joint_head
        self.weights = dict(weights or {})
        self.scalars: Scalars = scalars
        unknown = set(self.weights) - {"fused", *self.student.modalities}
        if unknown:
            raise UserError(
                f"weights is given for {sorted(unknown)}, expected some of "
                f"{['fused', *self.student.modalities]}; use their names"
            )
        self._bring_heads()

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused prediction's, and with `hybrid` those of the branches."""
        fused = super().objective(outputs, batch)
        if self.approach != "hybrid":
            return fused
        losses = {"fused": fused, **unimodal_losses(self.task, outputs, batch)}
        terms = [self.weights.get(name, 1.0) * loss for name, loss in losses.items()]
        return torch.stack(terms).sum()

    def _bring_heads(self) -> None:
        """Puts the heads of the approach into the model."""
        bring = partial(self.student.need_fusion, "MIS-ME")
        if self.approach == "learnable":
            bring(WeightedBranches, complementary=self.scalars == "complementary")
            return
        beside = self.approach == "hybrid" and self.student.added_heads is not None
        if self.joint_head == "own" and not beside:
            bring(DeepConcatFusion)
        if self.approach == "hybrid":
            bring(BranchHeads)
