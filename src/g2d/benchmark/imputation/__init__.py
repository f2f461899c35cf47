"""CRA, MMIN, CPM-Nets and TATE: what G²D is compared with where modalities are missing.

None of them trains an encoder of raw data: they are given features of every modality that no
longer change (see `Views`).
"""

from g2d.benchmark.imputation.base import PartialViewModel
from g2d.benchmark.imputation.cpm_nets import CPMNets
from g2d.benchmark.imputation.cra import CRA
from g2d.benchmark.imputation.mmin import MMIN
from g2d.benchmark.imputation.tate import TATE
from g2d.benchmark.imputation.views import Views

__all__ = ["CRA", "MMIN", "TATE", "CPMNets", "PartialViewModel", "Views"]
