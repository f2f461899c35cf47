"""Predictors without a network: what they read, how they are fitted, floors for those with one."""

from g2d.shallow.floors import Floors, fit_floors
from g2d.shallow.network import fit_network
from g2d.shallow.predictors import NAMES, Fitted, choose, fit
from g2d.shallow.vectors import Rows, ShortVectors

__all__ = [
    "NAMES",
    "Fitted",
    "Floors",
    "Rows",
    "ShortVectors",
    "choose",
    "fit",
    "fit_floors",
    "fit_network",
]
