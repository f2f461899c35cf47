"""Where parts of g2d lay in earlier versions, for recipes and run folders that name them so."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)

MOVED = {
    "g2d.data.datasets": "g2d.benchmark.datasets",
    "g2d.data.manifest": "g2d.table",
}


def current(component: Any) -> Any:
    """A component of a recipe, named by the dotted path of today.

    Example:
        >>> current({"name": "g2d.data.manifest.dataset.TableData", "target": "y"})
        {'name': 'g2d.table.dataset.TableData', 'target': 'y'}
        >>> current("my.Data")
        'my.Data'
    """
    if isinstance(component, str):
        return _current_path(component)
    if isinstance(component, Mapping) and isinstance(component.get("name"), str):
        return {**component, "name": _current_path(component["name"])}
    return component


@functools.cache
def _current_path(path: str) -> str:
    """Cached, so that a path is warned of once in a process."""
    for old, new in MOVED.items():
        if path.startswith(f"{old}."):
            now = new + path.removeprefix(old)
            logger.warning("%s is now %s; write that in the recipe", path, now)
            return now
    return path
