"""MIS-ME: a deep joint head, the branches' own predictions beside it or in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.methods.base import Method, check_choice, check_fusion, check_weight
from g2d.methods.loop import Loop
from g2d.methods.unimodal import unimodal_losses
from g2d.models.fusion.base import Fusion
from g2d.models.fusion.mis_me import DeepConcatFusion, WeightedBranches, branch_heads
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from g2d.tasks import Task

Approach = Literal["concat", "hybrid", "learnable"]
JointHead = Literal["own", "chosen"]
Scalars = Literal["free", "complementary"]


class MISME(Method):
    """L = δ ℓ(z, y) + Σ_m γ_m ℓ(z_m, y), z from a head over all features, z_m from one branch.

    That is the `hybrid` approach, the published best. `concat` is ℓ(z, y) alone, with the same
    joint head. `learnable` has no joint head: z = Σ_m a_m z_m(a_m f_m) with learned a_m, and the
    loss is ℓ(z, y). The prediction is always z.

    Rakib et al., *MIS-ME: A Multi-modal Framework for Soil Moisture Estimation*, 2024 (arXiv
    2408.00963). There ℓ is the squared error of one number.

    Args:
        task: What is to be predicted.
        approach: `"hybrid"`, `"concat"` or `"learnable"`.
        joint_head: Of `hybrid` and `concat`: MIS-ME's own, or the fusion that was chosen; the
            latter with `concat` is joint training, bit for bit.
        weights: Of `hybrid`: δ under `fused` and γ_m under the name of the modality; what is not
            named has weight 1.
        scalars: Of `learnable`: a_m of its own for every modality, from 1 on, or `complementary`
            ones for two modalities, a and 1 - a.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"approach": "concat", "joint_head": "chosen"}
    }

    def __init__(
        self,
        task: Task,
        *,
        approach: Approach = "hybrid",
        joint_head: JointHead = "own",
        weights: Mapping[str, float] | None = None,
        scalars: Scalars = "free",
    ) -> None:
        super().__init__(task)
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
                    f"{option} is an option of approach {' and '.join(allowed)}, got approach "
                    f"{approach!r}; leave it out"
                )
        self.approach: Approach = approach
        self.joint_head: JointHead = joint_head
        self.weights = dict(weights or {})
        self.scalars: Scalars = scalars

    @classmethod
    def adapt_fusion(cls, fusion: Fusion, **options: Any) -> Fusion:
        """What the approach trains; the chosen fusion itself when off."""
        widths, outputs = fusion.widths, fusion.outputs
        approach = options.get("approach", "hybrid")
        if approach == "learnable":
            return WeightedBranches(widths, outputs, options.get("scalars") == "complementary")
        chosen = options.get("joint_head", "own") == "chosen"
        joint = fusion if chosen else DeepConcatFusion(widths, outputs)
        if approach == "concat":
            return joint
        return UnimodalHeads(joint, heads=branch_heads(widths, outputs))

    def on_fit_start(self, loop: Loop) -> None:
        """Looks at the fusion and at the names of the weights.

        Raises:
            UserError: The fusion is not the approach's, or a weight is for no modality.
        """
        super().on_fit_start(loop)
        if self.approach == "hybrid":
            check_fusion(type(self), loop.model.fusion, UnimodalHeads)
        elif self.approach == "learnable":
            check_fusion(type(self), loop.model.fusion, WeightedBranches)
        elif self.joint_head == "own":
            check_fusion(type(self), loop.model.fusion, DeepConcatFusion)
        names = ("fused", *loop.model.modalities)
        unknown = set(self.weights) - set(names)
        if unknown:
            raise UserError(
                f"weights is given for {sorted(unknown)}, expected some of {list(names)}; "
                "use their names"
            )

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused prediction's, and with `hybrid` those of the branches."""
        fused = super().loss(outputs, batch)
        if self.approach != "hybrid":
            return fused
        losses = {"fused": fused, **unimodal_losses(self.task, outputs, batch)}
        terms = [self.weights.get(name, 1.0) * loss for name, loss in losses.items()]
        return torch.stack(terms).sum()
