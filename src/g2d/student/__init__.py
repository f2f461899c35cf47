"""Students: the models that methods train, whoever wrote them."""

from g2d.student.base import Student

__all__ = ["Student"]
