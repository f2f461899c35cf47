"""What fits into the time there is: how many epochs, how many seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# In epochs of joint training: teachers 1, joint 1, AMCo 1, G²D 1 and its questions to the teachers.
_EPOCHS_A_SEED = 4.6
# Starting, evaluating and writing the runs of a seed.
_SECONDS_A_SEED = 1.0
MOST_SEEDS, ENOUGH_SEEDS = 5, 3
# With fewer epochs teachers are so far from what they can learn that nothing follows from them.
_LEAST_EPOCHS = 8


@dataclass(frozen=True)
class Plan:
    """The plan of a diagnosis: epochs and seeds.

    Attributes:
        epochs: Of every run.
        seeds: How often everything is trained.
        cut: What was left out for want of time, in sentences.
    """

    epochs: int
    seeds: int
    cut: tuple[str, ...] = ()

    @property
    def shortened(self) -> bool:
        """Whether the plan has fewer epochs than the recipe."""
        return any(line.startswith(f"{self.epochs} epoch") for line in self.cut)

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {**asdict(self), "cut": list(self.cut)}


def seconds_for(epoch: float, epochs: int, seeds: int) -> float:
    """How long so many epochs and seeds take.

    Args:
        epoch: Seconds of one epoch of joint training.
        epochs: Of every run.
        seeds: How many.
    """
    return seeds * (_SECONDS_A_SEED + _EPOCHS_A_SEED * epochs * epoch)


def fit_budget(epoch: float, budget: float, epochs: int, seeds: int | None = None) -> Plan:
    """The most that fits: first fewer seeds, down to 3, then fewer epochs, then fewer seeds.

    Where not even one seed of a few epochs fits, that is what is trained all the same.

    Args:
        epoch: Seconds of one epoch of joint training, as measured.
        budget: Seconds there are.
        epochs: That the recipe asks for.
        seeds: How many are wanted; then only epochs are cut.

    Example:
        >>> fit_budget(0.1, 600, epochs=20), fit_budget(20, 600, epochs=20).seeds
        (Plan(epochs=20, seeds=5, cut=()), 1)
    """
    least = min(epochs, _LEAST_EPOCHS)
    if seeds is not None:
        offers = [(seeds, n) for n in range(epochs, least - 1, -1)]
    else:
        offers = [(s, epochs) for s in range(MOST_SEEDS, ENOUGH_SEEDS - 1, -1)]
        offers += [(s, n) for s in range(ENOUGH_SEEDS, 0, -1) for n in range(epochs, least - 1, -1)]
    fitting = (offer for offer in offers if seconds_for(epoch, offer[1], offer[0]) <= budget)
    chosen, length = next(fitting, offers[-1])
    cut = []
    why = "to fit into the time budget"
    if length < epochs:
        cut.append(f"{length} epochs instead of the recipe's {epochs}, {why}")
    if seeds is None and chosen < MOST_SEEDS:
        cut.append(f"{chosen} seed{'s' * (chosen > 1)} instead of {MOST_SEEDS}, {why}")
    if seconds_for(epoch, length, chosen) > budget:
        cut.append("the time budget is too short for even that, so it takes longer")
    return Plan(length, chosen, tuple(cut))
