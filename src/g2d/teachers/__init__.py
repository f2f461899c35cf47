"""Frozen unimodal teachers: their outputs, online or from a cache, and their confidence."""

from g2d.teachers.bank import OnlineTeachers, TeacherBank, TeacherOutputs
from g2d.teachers.cache import CachedTeachers, cache_key, write_cache
from g2d.teachers.calibrated import CalibratedTeachers, Calibration, HeldOut, calibrate
from g2d.teachers.confidence import batch_confidence, mean_confidence
from g2d.teachers.ensemble import begin_from, ensemble
from g2d.teachers.experts import ExpertTeachers

__all__ = [
    "CachedTeachers",
    "CalibratedTeachers",
    "Calibration",
    "ExpertTeachers",
    "HeldOut",
    "OnlineTeachers",
    "TeacherBank",
    "TeacherOutputs",
    "batch_confidence",
    "begin_from",
    "cache_key",
    "calibrate",
    "ensemble",
    "mean_confidence",
    "write_cache",
]
