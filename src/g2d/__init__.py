"""G²D: multimodal training in which no modality suppresses the others.

The parts for your own loop need torch and numpy, nothing else; the extra `train` adds the
engine and the command line. Names are imported when they are first used, so that the command line
prints `--help` without torch; `__init__.pyi` lists them.
"""

import ast
import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

# What has to be installed for a module, and the extra that brings it.
_NEEDS = {
    "g2d.engine": ("lightning_fabric", "train"),
    "g2d.runs.run": ("lightning_fabric", "train"),
    "g2d.table.estimators": ("sklearn", "sklearn"),
}


def _homes() -> dict[str, str]:
    """The module of every public name that is not a module itself."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    return {
        alias.name: str(node.module)
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module != __name__
        for alias in node.names
    }


_HOMES = _homes()
__all__ = sorted({*_HOMES, "functional"})


def __getattr__(name: str) -> Any:
    """A public name or a module, imported at its first use."""
    if name in _HOMES:
        home = _HOMES[name]
        if home in _NEEDS:
            from g2d.errors import LackingNameError, UserError, require

            try:
                for package in (_NEEDS[home][0], home):
                    require(package, _NEEDS[home][1])
            except UserError as error:
                raise LackingNameError(str(error)) from None
        globals()[name] = getattr(importlib.import_module(home), name)
        return globals()[name]
    try:
        return importlib.import_module(f"g2d.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"g2d.{name}":
            raise
        raise AttributeError(f"module 'g2d' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
