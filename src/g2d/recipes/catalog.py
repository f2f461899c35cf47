"""The names that recipes know, and where what they name is defined.

A recipe may name anything else by its dotted path: there is no registry to edit. This list only
saves typing, and is what `g2d methods` shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENCODERS = {
    "agm_transformer": "g2d.models.encoders.transformer.AGMTransformer",
    "mlp": "g2d.models.encoders.mlp.MLP",
    "mobilenet_v2": "g2d.models.encoders.mobilenet_v2.MobileNetV2",
    "resnet18": "g2d.models.encoders.resnet18.ResNet18",
    "sentence_transformers": "g2d.models.encoders.sentence_model.SentenceModel",
    "small_cnn": "g2d.models.encoders.small_cnn.SmallCNN",
    "tabular": "g2d.models.encoders.tabular.TabularNet",
    "timm": "g2d.models.encoders.timm_model.TimmModel",
    "transformer": "g2d.models.encoders.transformer.Transformer",
    "transformers": "g2d.models.encoders.transformers_model.TransformersModel",
    "words": "g2d.models.encoders.words.Words",
}

FUSIONS = {
    "bigated": "g2d.models.fusion.bigated.BiGatedFusion",
    "concat": "g2d.models.fusion.concat.ConcatFusion",
    "cross_attention": "g2d.models.fusion.cross_attention.CrossAttentionFusion",
    "film": "g2d.models.fusion.film.FiLMFusion",
    "late": "g2d.models.fusion.late.LateFusion",
    "sum": "g2d.models.fusion.sum.SumFusion",
}


@dataclass(frozen=True)
class MethodEntry:
    """A line of `g2d methods`.

    Attributes:
        path: Where the method is defined.
        family: What it acts on: the `loss`, the `gradient`, the `order` in which modalities learn,
            the whole `step`, the learning `rate`, the `fusion`, the `data`, the `weights`.
        idea: In a few words.
        cost: Of a training step in each kind of its epochs, joint training being 1, with cached
            teachers and two encoders, as measured (`benchmarks/results/methods-cpu.json`).
        teachers: Whether it needs unimodal teachers.
        regression: Whether it is defined for regression.
        fusions: For which fusions; `own` brings its own in the place of the chosen one.
        experimental: Whether its definition could not be verified against a source.
        options: What the name stands for beside the class: a variant with a name of its own.
    """

    path: str
    family: str
    idea: str
    cost: str = "1"
    teachers: bool = False
    regression: bool = True
    fusions: str = "all"
    experimental: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


_HERE = "g2d.methods"

METHODS = {
    "joint": MethodEntry(
        f"{_HERE}.joint.JointTraining", "reference", "one loss on the fused prediction"
    ),
    "ume": MethodEntry(
        "g2d.teachers.ensemble.ensemble",
        "reference",
        "the teachers, averaged",
        cost="none",
        teachers=True,
        fusions="late",
    ),
    "umt": MethodEntry(
        f"{_HERE}.umt.UMT", "loss", "features pulled to the teachers'", teachers=True
    ),
    "g2d_loss": MethodEntry(
        f"{_HERE}.g2d_loss.G2DLoss",
        "loss",
        "teachers' features and predictions distilled",
        teachers=True,
    ),
    "g2d": MethodEntry(
        f"{_HERE}.g2d.G2D",
        "loss",
        "the G²D loss; in stages with a schedule",
        teachers=True,
    ),
    "mses": MethodEntry(
        f"{_HERE}.mses.MSES",
        "order",
        "each modality stops when it overfits",
        cost="≤ 1",
    ),
    "mslr": MethodEntry(f"{_HERE}.mslr.MSLR", "rate", "a learning rate for each modality"),
    "agm": MethodEntry(
        f"{_HERE}.agm.AGM",
        "gradient",
        "a modality that is further ahead than before learns less",
        cost="1.2, 1",
    ),
    "pmr": MethodEntry(
        f"{_HERE}.pmr.PMR",
        "loss",
        "the weaker modality pulled to class prototypes",
        regression=False,
    ),
    "ogm": MethodEntry(
        f"{_HERE}.ogm.OGM",
        "gradient",
        "the gradient of the dominant modality scaled down",
        options={"noise": False},
    ),
    "ogm_ge": MethodEntry(
        f"{_HERE}.ogm.OGM",
        "gradient",
        "OGM with noise as large as the gradient",
        cost="1.3, 1",
        options={"noise": True},
    ),
    "mla": MethodEntry(
        f"{_HERE}.mla.MLA",
        "step",
        "in turn, through one shared head",
        fusions="own",
    ),
    "mmpareto": MethodEntry(
        f"{_HERE}.mmpareto.MMPareto",
        "step",
        "fused and unimodal gradient, both descending",
        cost="1.8",
    ),
    "reconboost": MethodEntry(
        f"{_HERE}.reconboost.ReconBoost",
        "order",
        "each in turn fits what the others miss, then all learn",
        cost="2/3, 1",
        regression=False,
        fusions="own",
    ),
    "aug": MethodEntry(
        f"{_HERE}.aug.AUG",
        "step",
        "in turn; the one behind is given one more classifier at times",
        regression=False,
        fusions="own",
    ),
    "gradient_blending": MethodEntry(
        f"{_HERE}.gradient_blending.GradientBlending",
        "loss",
        "losses weighed by how little they overfit",
    ),
    "arl": MethodEntry(
        f"{_HERE}.arl.ARL",
        "gradient",
        "reliance on a modality inverse to its variance",
        regression=False,
    ),
    "inforeg": MethodEntry(
        f"{_HERE}.inforeg.InfoReg",
        "gradient",
        "the dominant modality held back while it learns fast",
    ),
    "cggm": MethodEntry(
        f"{_HERE}.cggm.CGGM",
        "gradient",
        "the modality that improves less gets the larger gradient",
        experimental=True,
    ),
    "mlb": MethodEntry(
        f"{_HERE}.mlb.MLB",
        "gradient",
        "unimodal losses; those ahead slowed down, those behind sped up",
    ),
    "pdmp": MethodEntry(
        f"{_HERE}.pdmp.PDMP",
        "gradient",
        "the best modality gets the larger gradient",
        teachers=True,
        experimental=True,
    ),
    "opm": MethodEntry(
        f"{_HERE}.opm.OPM",
        "fusion",
        "features of the dominant modality dropped at random",
    ),
    "greedy": MethodEntry(
        f"{_HERE}.greedy.Greedy",
        "fusion",
        "gates between modalities, at times replaced by their mean",
        fusions="late",
    ),
    "amco": MethodEntry(
        f"{_HERE}.amco.AMCo",
        "fusion",
        "features of the dominant modality masked",
        regression=False,
        experimental=True,
    ),
    "mmcosine": MethodEntry(
        f"{_HERE}.mmcosine.MMCosine",
        "fusion",
        "features and class weights of length 1",
        regression=False,
        fusions="late, sum, concat",
    ),
    "mbsd": MethodEntry(
        f"{_HERE}.mbsd.MBSD",
        "loss",
        "in each sample the more confident modality teaches the other",
        regression=False,
        experimental=True,
    ),
    "cml": MethodEntry(
        f"{_HERE}.cml.CML",
        "loss",
        "less input must not mean more confidence",
        regression=False,
    ),
    "relearning": MethodEntry(
        f"{_HERE}.relearning.Relearning",
        "weights",
        "overfitted encoders partly start anew",
        regression=False,
    ),
    "smv": MethodEntry(
        f"{_HERE}.smv.SampleValuation",
        "data",
        "a modality that adds little to a sample learns it alone",
        regression=False,
    ),
    "dlmg": MethodEntry(
        f"{_HERE}.dlmg.DLMG",
        "loss",
        "modalities matched first, labels fitted later",
    ),
    "di_mml": MethodEntry(
        f"{_HERE}.di_mml.DIMML",
        "order",
        "encoders trained apart with a contrastive loss, then fused",
        cost="1.3, 1/3",
        regression=False,
        fusions="own",
    ),
    "mis_me": MethodEntry(
        f"{_HERE}.mis_me.MISME",
        "loss",
        "a deep joint head, each branch trained beside it",
        fusions="own",
    ),
}
