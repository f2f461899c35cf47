"""The names that recipes know, and where what they name is defined.

A recipe may name anything else by its dotted path: there is no registry to edit. This list only
saves typing, and is what `g2d methods` shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENCODERS = {
    "agm_transformer": "g2d.models.encoders.transformer.agm_transformer",
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
class DatasetEntry:
    """A dataset of `g2d data ls`.

    Attributes:
        path: Where the dataset is defined.
        what: What a sample is, in a few words.
        obtain: How to come by the original files.
        licence: Under which they may be used.
        size: What to expect on disk: the original files, and the store.
        prepare: The function that makes a store of the original files, where there is one.
        check: The function that looks through the original files, where there is one.
    """

    path: str
    what: str
    obtain: str
    licence: str
    size: str
    prepare: str = ""
    check: str = ""


_SETS = "g2d.benchmark.datasets"

DATASETS = {
    "table": DatasetEntry(
        "g2d.table.dataset.TableData",
        what="a table of your own: files, text, numbers",
        obtain="CSV, TSV, Parquet or JSON Lines",
        licence="yours",
        size="decoded files are kept in the cache",
    ),
    "avdigits": DatasetEntry(
        f"{_SETS}.avdigits.AVDigits",
        what="1,797 handwritten digits, each spoken by eSpeak NG in noise",
        obtain="nothing to do: made at the first use, in seconds",
        licence="digits CC BY 4.0, eSpeak NG GPL-3.0",
        size="nothing to download; 50 MB in the cache",
    ),
    "avmnist": DatasetEntry(
        f"{_SETS}.avmnist.dataset.AVMNIST",
        what="MNIST reduced by PCA, with recordings of spoken digits in noise",
        obtain="MNIST's IDX files and the Free Spoken Digit Dataset",
        licence="MNIST CC BY-SA 3.0, FSDD CC BY-SA 4.0",
        size="originals 55 MB and 25 MB; store 320 MB",
        prepare=f"{_SETS}.avmnist.prepare.prepare",
    ),
    "avmnist_archive": DatasetEntry(
        f"{_SETS}.avmnist.archive.AVMNISTArchive",
        what="the avmnist.tar.gz of many papers; sound and label may disagree",
        obtain="link in the readme of MultiBench; used as it is",
        licence="none stated",
        size="1.3 GB unpacked",
        check=f"{_SETS}.avmnist.findings.check_archive",
    ),
    "misme": DatasetEntry(
        f"{_SETS}.misme.dataset.MISME",
        what="soil moisture from pictures of the soil and the weather",
        obtain="release v1 of github.com/OSU-Complex-Systems/MIS-ME",
        licence="MIT",
        size="originals: see the release; store 0.7 GB",
        prepare=f"{_SETS}.misme.prepare.prepare",
        check=f"{_SETS}.misme.check.check",
    ),
    "iemocap": DatasetEntry(
        f"{_SETS}.iemocap.dataset.IEMOCAP",
        what="turns of acted dialogues, 4 or 6 emotions: sound, face, words",
        obtain="by request at sail.usc.edu/iemocap; features of MMIN, or yours",
        licence="research only, not to be passed on",
        size="originals about 12 GB; store about 1.5 GB with MMIN's features",
        prepare=f"{_SETS}.iemocap.prepare.prepare",
        check=f"{_SETS}.iemocap.check.check",
    ),
    "urfunny": DatasetEntry(
        f"{_SETS}.urfunny.dataset.URFunny",
        what="punchlines of talks, word by word: sound, face and words",
        obtain="github.com/ROC-HCI/UR-FUNNY, or the humor.pkl of MultiBench",
        licence="none stated; the talks are CC BY-NC-ND",
        size="originals several GB; store 0.5 GB, with context 2 GB",
        prepare=f"{_SETS}.urfunny.prepare.prepare",
        check=f"{_SETS}.urfunny.check.check",
    ),
    "cremad": DatasetEntry(
        f"{_SETS}.cremad.dataset.CREMAD",
        what="7,442 clips of actors who say a sentence with one of six emotions",
        obtain="git lfs clone of CheyneyComputerScience/CREMA-D",
        licence="ODbL 1.0, contents DbCL 1.0",
        size="originals 7.6 GB; store 7 GB",
        prepare=f"{_SETS}.cremad.prepare.prepare",
        check=f"{_SETS}.cremad.check.check",
    ),
    "vggsound": DatasetEntry(
        f"{_SETS}.vggsound.dataset.VGGSound",
        what="some 200,000 clips of ten seconds, 309 kinds of sounds",
        obtain="table on the page of the VGG group; clips from YouTube or a mirror",
        licence="annotations CC BY 4.0; the clips belong to those who made them",
        size="originals 330 GB; store 3.8 MB a clip (--most-frames 3: 1.4)",
        prepare=f"{_SETS}.vggsound.prepare.prepare",
        check=f"{_SETS}.vggsound.check.check",
    ),
}


@dataclass(frozen=True)
class MethodEntry:
    """A line of `g2d methods`.

    Attributes:
        path: Where the method is defined.
        family: What it acts on: the `loss`, the `gradient`, the `order` in which modalities learn,
            the whole `step`, the learning `rate`, the `fusion`, the `data`, the `weights`.
        idea: In a few words.
        cost: Of a training step, joint training being 1, with cached teachers.
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
        "who leads by more than before learns less",
    ),
    "pmr": MethodEntry(
        f"{_HERE}.pmr.PMR",
        "loss",
        "who is behind is pulled to class prototypes",
        regression=False,
    ),
    "ogm": MethodEntry(
        f"{_HERE}.ogm.OGM",
        "gradient",
        "the gradient of who is ahead scaled down",
        options={"noise": False},
    ),
    "ogm_ge": MethodEntry(
        f"{_HERE}.ogm.OGM",
        "gradient",
        "OGM with noise as large as the gradient",
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
        cost="1.7",
    ),
    "reconboost": MethodEntry(
        f"{_HERE}.reconboost.ReconBoost",
        "order",
        "one boosts what the others miss, then all learn",
        cost="2/3, 1",
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
        "features of who is ahead dropped at random",
    ),
    "greedy": MethodEntry(
        f"{_HERE}.greedy.Greedy",
        "fusion",
        "gates between modalities, held where one idles",
        fusions="late",
    ),
    "amco": MethodEntry(
        f"{_HERE}.amco.AMCo",
        "fusion",
        "features of who is relied on masked",
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
        "in each sample the surer teaches the other",
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
        "who adds little to a sample learns it alone",
        cost="4/3",
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
        "encoders apart, dimensions handed over, then fused",
        cost="1, 1/3",
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
