"""Where parts of g2d lay in earlier versions, for recipes and run folders that name them so."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MOVED = {
    "g2d.data.datasets": "g2d.benchmark.datasets",
    "g2d.data.manifest": "g2d.table",
}


def current_path(path: str, where: str) -> str:
    """The dotted path of today; says so where it is another.

    Args:
        path: As the recipe gives it.
        where: Key of the recipe, for the warning.

    Example:
        >>> current_path("g2d.data.manifest.dataset.TableData", "data")
        'g2d.table.dataset.TableData'
        >>> current_path("my.Net", "encoders.left")
        'my.Net'
    """
    for old, new in MOVED.items():
        if path.startswith(f"{old}."):
            current = new + path.removeprefix(old)
            logger.warning("%s: %s is now %s; write that in the recipe", where, path, current)
            return current
    return path
