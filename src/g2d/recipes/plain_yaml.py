"""YAML as recipes, grids and ranges are written in it: plain values, of a bounded size."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from g2d.errors import UserError, require

# An alias repeats what its anchor holds, so that a few lines can stand for more than memory has.
_MOST_VALUES = 100_000
_DEEPEST = 100
_TOO_DEEP = f"it is nested more than {_DEEPEST} deep"


def read_yaml(text: str) -> Any:
    """Reads YAML 1.2 into plain values.

    PyYAML reads 1.1, where `off` is false, `1e-3` a word, `1:30` a number, `2024-01-01` a date, and
    of a key that stands twice keeps the last.

    Raises:
        yaml.YAMLError: It is not YAML, a key stands twice in one mapping, or it stands for more
            values than a recipe can have: a list that holds itself has no end.

    Example:
        >>> read_yaml("a: [off, 1e-3]")
        {'a': ['off', 0.001]}
    """
    yaml = require("yaml", "train")
    loader = _loader()(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, 1)
        return loader.construct_document(node)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, OverflowError) as error:
        # of `!!bool maybe` and its like, which PyYAML does not check
        raise yaml.YAMLError(f"a value is not of the type of its tag ({error})") from None
    finally:
        loader.dispose()


def read_yaml_of(name: str, text: str) -> Any:
    """Reads a user's YAML file.

    Raises:
        UserError: It is not YAML.
    """
    yaml = require("yaml", "train")
    try:
        return read_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{name} is not YAML: {' '.join(str(error).split())}") from None


def read_shipped(package: str, name: str) -> Any:
    """Reads a YAML file that is shipped in a package of g2d."""
    return read_yaml((files(package) / name).read_text(encoding="utf-8"))


def _measure(node: Any, known: dict[int, tuple[int, int] | None], depth: int) -> tuple[int, int]:
    """How many values a node stands for, aliases followed, and how deep they lie.

    Args:
        node: As PyYAML composes it; an alias is the node of its anchor.
        known: What was measured; `None` while it is.
        depth: Of this node.
    """
    yaml = require("yaml", "train")
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"what begins in line {line} holds itself")
        return found
    known[id(node)] = None
    count, below = 1, 0
    inner = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        inner = [one for pair in node.value for one in pair]
    for child in inner:
        values, levels = _measure(child, known, depth + 1)
        count, below = count + values, max(below, levels)
        if count > _MOST_VALUES:
            raise yaml.YAMLError(f"it stands for more than {_MOST_VALUES} values")
        if depth + below > _DEEPEST:
            raise yaml.YAMLError(_TOO_DEEP)
    known[id(node)] = count, below + 1
    return count, below + 1


def _loader() -> Any:
    """PyYAML's safe loader, with the words of YAML 1.2 and an eye on keys that stand twice."""
    yaml = require("yaml", "train")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own name)
            first: [
                (tag, pattern)
                for tag, pattern in resolvers
                if tag.rpartition(":")[2] not in {"bool", "int", "float", "timestamp"}
            ]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.depth += 1
            if self.depth > _DEEPEST:
                raise yaml.YAMLError(_TOO_DEEP)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            first: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if isinstance(key.value, str) and (before := first.get((key.tag, key.value))):
                    places = f"lines {before} and {line}" if before < line else f"line {line}"
                    raise yaml.YAMLError(f"the key {key.value!r} stands twice, {places}")
                if isinstance(key.value, str):
                    first[key.tag, key.value] = line
            return super().construct_mapping(node, deep)

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"
    )
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"
    )
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(
            r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$|^[-+]?[0-9]+[eE][-+]?[0-9]+$"
            r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
        ),
        "-+.0123456789",
    )
    return Loader
