"""Where the numbers of every epoch are written besides `metrics.jsonl`."""

from g2d.engine.loggers.libraries import check_loggers
from g2d.engine.loggers.opening import open_loggers

__all__ = ["check_loggers", "open_loggers"]
