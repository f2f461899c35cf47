"""What the numbers of a table of predictions are: probabilities or logits."""

from __future__ import annotations

from g2d.errors import UserError
from g2d.table.fusing.answers import Answers
from g2d.tasks import Classification, MultiLabel, Task


def as_probabilities(task: Task, said: Answers) -> bool:
    """Whether a model's numbers are probabilities.

    Raises:
        UserError: They are percentages.
    """
    if isinstance(task, Classification):
        sums = said.values.sum(dim=1)
        if len(sums) and bool((said.values >= 0).all()) and bool(((sums - 100).abs() < 2).all()):
            raise UserError(
                f"{', '.join(said.columns)}: the rows of a table sum to 100; write shares from 0 "
                "to 1, not percent"
            )
        return said.probabilities and bool(((said.values.sum(dim=1) - 1).abs() < 0.02).all())
    return said.probabilities and isinstance(task, MultiLabel)
