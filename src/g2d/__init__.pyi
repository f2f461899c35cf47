"""The public names of g2d, and where each of them lies; `__init__.py` reads them from here."""

from g2d import functional
from g2d.batch import Batch, Call, Outputs
from g2d.engine import TrainingSettings, evaluate, fit
from g2d.errors import UserError
from g2d.functional import learning_speed, rank
from g2d.methods.agm import AGM
from g2d.methods.amco import AMCo
from g2d.methods.arl import ARL
from g2d.methods.aug import AUG
from g2d.methods.base import Method
from g2d.methods.cggm import CGGM
from g2d.methods.cml import CML
from g2d.methods.di_mml import DIMML
from g2d.methods.dlmg import DLMG
from g2d.methods.g2d import G2D
from g2d.methods.g2d_loss import G2DLoss
from g2d.methods.gradient_blending import GradientBlending
from g2d.methods.greedy import Greedy
from g2d.methods.inforeg import InfoReg
from g2d.methods.joint import JointTraining
from g2d.methods.loop import Loop
from g2d.methods.mbsd import MBSD
from g2d.methods.mis_me import MISME
from g2d.methods.mla import MLA
from g2d.methods.mlb import MLB
from g2d.methods.mmcosine import MMCosine
from g2d.methods.mmpareto import MMPareto
from g2d.methods.mses import MSES
from g2d.methods.mslr import MSLR
from g2d.methods.ogm import OGM
from g2d.methods.opm import OPM
from g2d.methods.pdmp import PDMP
from g2d.methods.pmr import PMR
from g2d.methods.reconboost import ReconBoost
from g2d.methods.relearning import Relearning
from g2d.methods.schedule import Schedule
from g2d.methods.smp import SequentialPrioritization
from g2d.methods.smv import SampleValuation
from g2d.methods.umt import UMT
from g2d.methods.validation import Validation
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
from g2d.monitor import Doctor, doctor
from g2d.runs.run import Run
from g2d.student import Student
from g2d.student.attach import attach
from g2d.table.estimators import G2DClassifier, G2DRegressor
from g2d.tasks import Classification, MultiLabel, Regression, Task
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.cache import CachedTeachers
from g2d.teachers.calibrated import CalibratedTeachers, Calibration, calibrate
from g2d.teachers.confidence import mean_confidence
from g2d.teachers.ensemble import ensemble

__version__: str

__all__ = [
    "AGM",
    "ARL",
    "AUG",
    "CGGM",
    "CML",
    "DIMML",
    "DLMG",
    "G2D",
    "MBSD",
    "MISME",
    "MLA",
    "MLB",
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
    "InfoReg",
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
