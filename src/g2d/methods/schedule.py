"""Which modality is trained alone when: the stages of Eq. 6."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from g2d.errors import UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """Epochs of every stage, τ_1 .. τ_k.

    In stage j < k the j-th least confident modality learns alone; in the last stage, and in all
    epochs after it, every modality learns. A stage of 0 epochs is skipped.

    Args:
        tau: One number of epochs a modality.
        patience: A stage in which one learns alone ends early, once its own loss on validation has
            not improved for so many epochs; `None` for stages of fixed length.

    Example:
        >>> schedule = Schedule((2, 1, 3))
        >>> ranking = ("image", "text", "sound")
        >>> [schedule.active(epoch, ranking) for epoch in range(4)]
        [('image',), ('image',), ('text',), None]
        >>> schedule.boundaries
        (2, 3)
        >>> schedule.ended_after(0).tau
        (1, 1, 4)
    """

    tau: tuple[int, ...]
    patience: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", tuple(self.tau))
        if len(self.tau) < 2 or any(not isinstance(t, int) or t < 0 for t in self.tau):
            raise UserError(
                f"a schedule is one whole number of epochs (0 or more) for each modality, "
                f"got {list(self.tau)}"
            )
        if self.patience is not None and self.patience < 1:
            raise UserError(f"patience must be 1 epoch or more, got {self.patience}")

    @classmethod
    def default(cls, modalities: int, epochs: int) -> Schedule:
        """Half of the epochs in equal shares to all but the strongest, then all together.

        As in the paper: (150, 150) on CREMA-D, (75, 75, 150) on IEMOCAP.

        Example:
            >>> Schedule.default(2, 300).tau, Schedule.default(3, 300).tau
            ((150, 150), (75, 75, 150))
        """
        alone = epochs // 2 // (modalities - 1)
        return cls((*[alone] * (modalities - 1), epochs - alone * (modalities - 1)))

    @classmethod
    def shared(cls, modalities: int, alone: int, together: int) -> Schedule:
        """Epochs in which one learns alone, shared by all but the strongest, then all together.

        What cannot be divided evenly goes to those that are trained first.

        Example:
            >>> Schedule.shared(2, 50, 150).tau, Schedule.shared(3, 5, 10).tau
            ((50, 150), (3, 2, 10))
        """
        each, more = divmod(alone, modalities - 1)
        return cls((*(each + (place < more) for place in range(modalities - 1)), together))

    @property
    def boundaries(self) -> tuple[int, ...]:
        """The epochs at which a stage ends and the next begins."""
        ends = [sum(self.tau[: j + 1]) for j in range(len(self.tau) - 1)]
        return tuple(sorted({end for end in ends if end > 0}))

    def stage(self, epoch: int) -> int:
        """The stage of an epoch, both counted from 0."""
        end = 0
        for stage, length in enumerate(self.tau[:-1]):
            end += length
            if epoch < end:
                return stage
        return len(self.tau) - 1

    def ended_after(self, epoch: int) -> Schedule:
        """This schedule with the stage of an epoch ended after it; the last stage gets longer."""
        stage = self.stage(epoch)
        saved = sum(self.tau[: stage + 1]) - (epoch + 1)
        tau = list(self.tau)
        tau[stage] -= saved
        tau[-1] += saved
        return replace(self, tau=tuple(tau))

    def one_longer(self) -> Schedule:
        """This schedule with one epoch more before the last stage, as the authors' code counts.

        Example:
            >>> Schedule((150, 150)).one_longer().tau, Schedule((0, 300)).one_longer().tau
            ((151, 149), (0, 300))
        """
        tau = list(self.tau)
        last = max((j for j in range(len(tau) - 1) if tau[j]), default=None)
        if last is not None:
            tau[last] += 1
            tau[-1] = max(0, tau[-1] - 1)
        return replace(self, tau=tuple(tau))

    def without(self, stages: Collection[int]) -> Schedule:
        """This schedule without some stages; the last stage gets longer.

        Example:
            >>> Schedule((2, 1, 3)).without({0}).tau
            (0, 1, 5)
        """
        saved = sum(self.tau[stage] for stage in stages)
        tau = [0 if stage in stages else length for stage, length in enumerate(self.tau)]
        tau[-1] += saved
        return replace(self, tau=tuple(tau))

    def active(self, epoch: int, ranking: Sequence[str]) -> tuple[str, ...] | None:
        """The modalities that learn in this epoch, Eq. 6; `None` for all."""
        stage = self.stage(epoch)
        return None if stage == len(self.tau) - 1 else (ranking[stage],)

    def check(self, modalities: int, epochs: int) -> None:
        """Refuses a schedule that does not fit.

        Raises:
            UserError: Another number of stages than modalities, or more epochs than there are.
        """
        if len(self.tau) != modalities:
            raise UserError(
                f"the schedule {list(self.tau)} has {len(self.tau)} stages and there are "
                f"{modalities} modalities; give one number of epochs for each"
            )
        if sum(self.tau) > epochs:
            raise UserError(
                f"the schedule {list(self.tau)} takes {sum(self.tau)} epochs and training has "
                f"{epochs}; shorten the schedule or raise training.epochs"
            )

    def check_reached(self, epochs: int) -> None:
        """Refuses a schedule that the last epoch cuts off before its last stage.

        A loop that ends just where the last stage would begin may be resumed with more epochs, and
        one of a single epoch is a trial run, as Lightning's `fast_dev_run`: they get a warning.

        Raises:
            UserError: It does.
        """
        begins = [sum(self.tau[:stage]) for stage, length in enumerate(self.tau) if length]
        if not begins or begins[-1] < epochs:
            return
        message = (
            f"the schedule {list(self.tau)} begins its last stage after {begins[-1]} epochs and "
            f"the loop has {epochs}, so some modalities would hardly learn or not at all; shorten "
            "the schedule, or give g2d.Loop(optimizer, epochs=...) more epochs"
        )
        if 1 < epochs < begins[-1]:
            raise UserError(message)
        logger.warning(message)
