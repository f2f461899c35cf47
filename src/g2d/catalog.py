"""The names that recipes know, and where what they name is defined.

A recipe may name anything else by its dotted path: there is no registry to edit. This list only
saves typing, and is what `g2d methods` shows.
"""

from __future__ import annotations

from dataclasses import dataclass

ENCODERS = {
    "mlp": "g2d.models.encoders.mlp.MLP",
    "resnet18": "g2d.models.encoders.resnet18.ResNet18",
    "small_cnn": "g2d.models.encoders.small_cnn.SmallCNN",
}

FUSIONS = {
    "bigated": "g2d.models.fusion.bigated.BiGatedFusion",
    "concat": "g2d.models.fusion.concat.ConcatFusion",
    "cross_attention": "g2d.models.fusion.cross_attention.CrossAttentionFusion",
    "film": "g2d.models.fusion.film.FiLMFusion",
    "late": "g2d.models.fusion.late.LateFusion",
    "sum": "g2d.models.fusion.sum.SumFusion",
}

DATASETS = {
    "avdigits": "g2d.data.datasets.avdigits.AVDigits",
    "avmnist": "g2d.data.datasets.avmnist.dataset.AVMNIST",
    "avmnist_archive": "g2d.data.datasets.avmnist.archive.AVMNISTArchive",
}


@dataclass(frozen=True)
class MethodEntry:
    """A line of `g2d methods`.

    Attributes:
        path: Where the method is defined.
        idea: In a few words.
        teachers: Whether it needs unimodal teachers.
        cost: Of a training step, joint training being 1, with cached teachers.
        regression: Whether it is defined for regression.
        fusions: For which fusions.
    """

    path: str
    idea: str
    teachers: bool
    cost: str
    regression: bool = True
    fusions: str = "all"


METHODS = {
    "joint": MethodEntry(
        "g2d.methods.joint.JointTraining", "one loss on the fused prediction", False, "1"
    ),
    "umt": MethodEntry("g2d.methods.umt.UMT", "encoders pulled to teachers' features", True, "1"),
    "ume": MethodEntry(
        "g2d.teachers.ensemble.ensemble",
        "the teachers' logits, averaged",
        True,
        "none",
        True,
        "late",
    ),
    "g2d_loss": MethodEntry(
        "g2d.methods.g2d_loss.G2DLoss", "teachers' features and predictions distilled", True, "1"
    ),
    "g2d": MethodEntry(
        "g2d.methods.g2d.G2D", "G²D loss, the weakest modality leading first", True, "2/3 then 1"
    ),
}

SMP = "g2d.methods.smp.SequentialPrioritization"
