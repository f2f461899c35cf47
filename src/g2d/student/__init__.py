"""Students: the models that methods train, g2d's own and any others."""

from g2d.student.base import Student

__all__ = ["Student"]
