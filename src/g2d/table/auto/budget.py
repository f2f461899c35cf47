"""What fits into the minutes there are, in process time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

# In epochs of joint training: of a round (teachers, joint, G²D), and of the blend of all, which is
# the longest of the trainings that may be kept.
_ROUND, _KEPT = 3.3, 3.3
# With fewer epochs candidates are so far from what they can learn that nothing follows.
LEAST_EPOCHS = 8
# Of what was measured before: runs differ in length, and writing and drawing come at the end.
_MARGIN = 1.2


@dataclass
class Budget:
    """Process time there is and process time that was spent.

    Attributes:
        seconds: There are; `None` for no limit.
        before: Spent by earlier sessions.
        began: The process's clock when this session began.
    """

    seconds: float | None
    before: float = 0.0
    began: float = field(default_factory=time.process_time)

    @property
    def spent(self) -> float:
        """The seconds that all sessions have used."""
        return self.before + time.process_time() - self.began

    def has(self, *seconds: float) -> bool:
        """Whether the budget is enough for all of this, as it is estimated."""
        return self.seconds is None or self.spent + _MARGIN * sum(seconds) <= self.seconds


def epochs_within(seconds: float, epoch: float, epochs: int) -> int:
    """The most epochs with which one round and the training that is kept fit.

    Args:
        seconds: There are.
        epoch: Seconds of one epoch of joint training.
        epochs: That are wanted.

    Example:
        >>> epochs_within(60, 0.1, 100), epochs_within(60, 1, 100), epochs_within(1, 1, 100)
        (90, 9, 8)
    """
    fit = int(seconds / (max(epoch, 1e-9) * (_ROUND + _KEPT)))
    return max(min(LEAST_EPOCHS, epochs), min(epochs, fit))
