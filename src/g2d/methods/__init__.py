"""Methods, one file each. They know models and teachers, and neither data nor the engine."""

from g2d.methods.agm import AGM
from g2d.methods.amco import AMCo
from g2d.methods.arl import ARL
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

__all__ = [
    "AGM",
    "ARL",
    "CGGM",
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
    "G2DLoss",
    "GradientBlending",
    "Greedy",
    "InfoReg",
    "JointTraining",
    "Loop",
    "MMCosine",
    "MMPareto",
    "Method",
    "ReconBoost",
    "Relearning",
    "SampleValuation",
    "Schedule",
    "SequentialPrioritization",
    "Validation",
]
