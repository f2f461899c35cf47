"""G²D: multimodal training in which no modality suppresses the others.

The parts for your own loop need torch and numpy, nothing else; the extra `train` adds the
engine and the command line.
"""

from typing import Any

from g2d import functional
from g2d.attach import attach
from g2d.batch import Batch, Call, Outputs
from g2d.doctor import Doctor, doctor
from g2d.errors import UserError
from g2d.functional import learning_speed, rank
from g2d.methods import (
    AGM,
    ARL,
    CML,
    DIMML,
    DLMG,
    G2D,
    MBSD,
    MISME,
    MLA,
    MSES,
    MSLR,
    OGM,
    OPM,
    PDMP,
    PMR,
    UMT,
    AMCo,
    G2DLoss,
    GradientBlending,
    Greedy,
    JointTraining,
    Loop,
    Method,
    MMCosine,
    MMPareto,
    ReconBoost,
    Relearning,
    SampleValuation,
    Schedule,
    SequentialPrioritization,
    Validation,
)
from g2d.models import MultimodalModel, UnimodalModel
from g2d.models.encoders import MLP, MobileNetV2, ResNet18, SmallCNN, TabularNet, Transformer
from g2d.models.fusion import (
    BiGatedFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    SumFusion,
)
from g2d.student import Student
from g2d.tasks import Classification, MultiLabel, Regression, Task
from g2d.teachers import (
    CachedTeachers,
    CalibratedTeachers,
    Calibration,
    OnlineTeachers,
    TeacherBank,
    calibrate,
    ensemble,
    mean_confidence,
)

__version__ = "0.1.0"

__all__ = [
    "AGM",
    "ARL",
    "CML",
    "DIMML",
    "DLMG",
    "G2D",
    "MBSD",
    "MISME",
    "MLA",
    "MLP",
    "MSES",
    "MSLR",
    "OGM",
    "OPM",
    "PDMP",
    "PMR",
    "UMT",
    "AMCo",
    "Batch",
    "BiGatedFusion",
    "CachedTeachers",
    "CalibratedTeachers",
    "Calibration",
    "Call",
    "Classification",
    "ConcatFusion",
    "CrossAttentionFusion",
    "Doctor",
    "FiLMFusion",
    "Fusion",
    "G2DClassifier",
    "G2DLoss",
    "G2DRegressor",
    "GradientBlending",
    "Greedy",
    "JointTraining",
    "LateFusion",
    "Loop",
    "MMCosine",
    "MMPareto",
    "Method",
    "MobileNetV2",
    "MultiLabel",
    "MultimodalModel",
    "OnlineTeachers",
    "Outputs",
    "ReconBoost",
    "Regression",
    "Relearning",
    "ResNet18",
    "Run",
    "SampleValuation",
    "Schedule",
    "SequentialPrioritization",
    "SmallCNN",
    "Student",
    "SumFusion",
    "TabularNet",
    "Task",
    "TeacherBank",
    "TrainingSettings",
    "Transformer",
    "UnimodalModel",
    "UserError",
    "Validation",
    "attach",
    "calibrate",
    "doctor",
    "ensemble",
    "evaluate",
    "fit",
    "functional",
    "learning_speed",
    "mean_confidence",
    "rank",
]


_ENGINE = {
    "Run": "g2d.runs.run",
    "TrainingSettings": "g2d.engine",
    "evaluate": "g2d.engine",
    "fit": "g2d.engine",
}
_ESTIMATORS = ("G2DClassifier", "G2DRegressor")


def __getattr__(name: str) -> Any:
    """What needs the engine or scikit-learn, when it is asked for."""
    if name in _ENGINE:
        from g2d.errors import require

        require("lightning_fabric", "train")
        return getattr(require(_ENGINE[name], "train"), name)
    if name in _ESTIMATORS:
        from g2d.errors import require

        require("sklearn", "sklearn")
        return getattr(require("g2d.table.estimators", "all"), name)
    raise AttributeError(f"module 'g2d' has no attribute {name!r}")
