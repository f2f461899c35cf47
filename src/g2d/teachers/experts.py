"""Teachers of which some are no networks: their logits are known, and features they have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank, TeacherOutputs


class ExpertTeachers(TeacherBank):
    """Any predictors as teachers, by their logits on the samples of one split.

    Of a training split they should be out of fold: a predictor knows the rows that it was fitted
    on too well. A teacher without a network has features of width 0, and methods that pull
    features leave it out.

    Args:
        logits: By modality, `(N, C)` for all samples of the split, found by their index.
        task: What they predict.
        networks: Teachers of the other modalities.
        modalities: The order of all; that of `networks` and `logits` when not given.
        held_out: Whether the split is held-out data, so that calibration may use it.

    Example:
        >>> from g2d import Batch, Classification
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        >>> bank = ExpertTeachers({"table": logits}, Classification(2))
        >>> batch = Batch({"table": torch.zeros(1, 3)}, torch.tensor([0]), torch.tensor([1]))
        >>> bank.outputs(batch)["table"].logits
        tensor([[0., 1.]])
    """

    def __init__(
        self,
        logits: Mapping[str, Tensor],
        task: Task,
        networks: TeacherBank | None = None,
        modalities: Sequence[str] | None = None,
        held_out: bool = False,
    ) -> None:
        named = [*(networks.modalities if networks else ()), *logits]
        self.modalities = tuple(modalities or named)
        if sorted(self.modalities) != sorted(named):
            raise UserError(
                f"got teachers for {named}, expected one for each of {list(self.modalities)}"
            )
        for name, one in logits.items():
            if one.ndim != 2 or one.shape[1] != task.outputs:
                raise UserError(
                    f"the logits of {name!r} are of shape {tuple(one.shape)}, expected "
                    f"(N, {task.outputs})"
                )
        self.task = task
        self.any_data = held_out or (networks is not None and networks.any_data)
        self._logits = {name: one.detach().float().cpu() for name, one in logits.items()}
        self._networks = networks

    def frozen_here(self) -> Iterable[nn.Parameter]:
        """The frozen parameters of the networks."""
        return self._networks.frozen_here() if self._networks else ()

    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """The outputs of the networks, and the known logits of these samples."""
        found = self._networks.outputs(batch) if self._networks else {}
        device, none = batch.target.device, torch.zeros(len(batch.index), 0)
        for name, logits in self._logits.items():
            found[name] = TeacherOutputs(none.to(device), logits[batch.index].to(device))
        return {name: found[name] for name in self.modalities}

    def confidence(self, batch: Batch) -> dict[str, Tensor]:
        """Eq. 5 before the mean, where the networks keep theirs, else on the batch's device."""
        found = self._networks.confidence(batch) if self._networks else {}
        device = next((one.device for one in found.values()), batch.target.device)
        for name, logits in self._logits.items():
            found[name] = self.task.confidence(
                logits[batch.index].to(device), batch.target.to(device)
            )
        return {name: found[name] for name in self.modalities}
