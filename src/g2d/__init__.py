"""G²D: multimodal training in which no modality drowns out the others.

The parts for your own loop need torch and numpy, nothing else; `pip install "g2d[train]"` adds
the engine and the command line.
"""

from typing import Any

from g2d import functional
from g2d.attach import attach
from g2d.batch import Batch, Call, Outputs
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
    OnlineTeachers,
    TeacherBank,
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
    "Call",
    "Classification",
    "ConcatFusion",
    "CrossAttentionFusion",
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
    "MultiLabel",
    "MultimodalModel",
    "OnlineTeachers",
    "Outputs",
    "ReconBoost",
    "Regression",
    "Relearning",
    "SampleValuation",
    "Schedule",
    "SequentialPrioritization",
    "Student",
    "SumFusion",
    "Task",
    "TeacherBank",
    "UnimodalModel",
    "UserError",
    "Validation",
    "attach",
    "ensemble",
    "functional",
    "learning_speed",
    "mean_confidence",
    "rank",
]


def __getattr__(name: str) -> Any:
    """The estimators, which need the engine and scikit-learn, when they are asked for."""
    if name in ("G2DClassifier", "G2DRegressor"):
        from g2d.errors import require

        require("sklearn", "sklearn")
        return getattr(require("g2d.estimators", "all"), name)
    raise AttributeError(f"module 'g2d' has no attribute {name!r}")
