"""A recipe: everything that decides a run, as plain values from a YAML file."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from g2d.errors import UnknownKeyError, UserError, require
from g2d.recipes.moved import current
from g2d.recipes.plain_yaml import read_yaml, read_yaml_of

Component = dict[str, Any] | str
_MAPPINGS = ("encoders", "training", "teachers", "experts")
# A thousand seeds of a run are those of its teachers, and 64 bits hold them.
SEEDS = 2**53


@dataclass(frozen=True)
class Recipe:
    """A recipe: data, encoders, fusion, method and settings of a training run.

    Attributes:
        data: The dataset: a name or dotted path, and its options.
        encoders: One for each modality; a new one is made for each teacher and student. Of a
            dataset that suggests encoders, those left out or `auto` are the suggested ones. With
            `modalities` among the options of the data, those of other modalities are left out.
        fusion: Of the student.
        method: Of the student.
        training: Settings of the student's training (`TrainingSettings`).
        teachers: Settings in which the teachers' training differs from the student's, and
            `cache`: `auto`, `on` or `off`.
        seed: Of weights and order.
        missing: Which modalities are hidden from which samples (`MissingSettings`); `None` for
            the data as it is.
        experts: Of a table of your own, by modality what teaches in the place of a network:
            `boosting`, `linear` or `svm`.
    """

    data: Component
    encoders: dict[str, Component] = field(default_factory=dict)
    fusion: Component = "late"
    method: Component = "g2d"
    training: dict[str, Any] = field(default_factory=dict)
    teachers: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    missing: dict[str, Any] | None = None
    experts: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and YAML; `missing` and `experts` only where there are any."""
        plain = asdict(self)
        if self.missing is None:
            del plain["missing"]
        if not self.experts:
            del plain["experts"]
        return plain

    def with_method(self, method: Component) -> Recipe:
        """This recipe with another method."""
        return replace(self, method=method)


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with g2d."""
    folder = files("g2d.recipes") / "shipped"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """The YAML of a shipped recipe, or of a file.

    Raises:
        UserError: There is neither.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise UserError(f"there is no recipe file {name}")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{name} is not a text file; expected a recipe in YAML") from None
    if name not in shipped_recipes():
        known = ", ".join(shipped_recipes())
        raise UserError(
            f"there is no recipe {name!r}; shipped: {known}; or give a .yaml file (of a table: "
            "g2d data inspect TABLE --target COLUMN > recipe.yaml)"
        )
    return (files("g2d.recipes") / "shipped" / f"{name}.yaml").read_text()


def recipe_title(name: str) -> str:
    """The title of a recipe's data in tables: the name in its first line, or its file's.

    Example:
        >>> recipe_title("avmnist"), recipe_title("own/prices.yaml")
        ('AV-MNIST', 'prices')
    """
    if name not in shipped_recipes():
        return Path(name).stem
    return recipe_text(name).splitlines()[0].lstrip("# ").partition(":")[0]


def load_recipe(name: str, changes: Sequence[tuple[str, Any]] = ()) -> Recipe:
    """Reads a recipe and applies changes to it.

    Args:
        name: A shipped recipe, or the path of a YAML file.
        changes: Dotted keys and their new values, `("method.alpha", 2.0)`.

    Raises:
        UserError: The file is not a recipe, or a key is not known.

    Example:
        >>> load_recipe("avdigits", [("training.epochs", 2)]).training["epochs"]
        2
    """
    content = read_yaml_of(name, recipe_text(name))
    if content is None:
        raise UserError(f"{name} is empty; a recipe has at least data")
    if not isinstance(content, dict):
        raise UserError(f"{name} is not a recipe: expected keys and values")
    return recipe_from(_changed(content, changes))


def with_changes(recipe: Recipe, changes: Sequence[tuple[str, Any]]) -> Recipe:
    """A recipe with dotted keys set to new values."""
    return recipe_from(_changed(copy.deepcopy(recipe.as_dict()), changes))


def recipe_from(content: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values, its top-level keys checked."""
    if not isinstance(content, Mapping):
        raise UserError(f"a recipe is keys and values, got {content!r}")
    known = tuple(Recipe.__dataclass_fields__)
    if content.get("encoders") == "auto":
        content = {**content, "encoders": {}}
    _check_plain(content)
    for key, value in content.items():
        if key not in known:
            raise UnknownKeyError(key, known, content.get("method"))
        if key in _MAPPINGS and not isinstance(value, Mapping):
            raise UserError(f"{key}: expected keys and values, got {value!r}")
        if key == "missing" and not (value is None or isinstance(value, Mapping)):
            raise UserError(f"missing: expected keys and values (rate: 0.4), got {value!r}")
    if "data" not in content:
        raise UserError("data: this must be given")
    check_seed(content.get("seed", 0), "seed")
    return _without_unused(Recipe(**{**content, "data": current(content["data"])}))


def check_seed(seed: Any, where: str) -> None:
    """Refuses a value that is no seed.

    Raises:
        UserError: It is no whole number, below 0 or too large.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UserError(f"{where}: expected a whole number, 0 or more, got {seed!r}")
    if seed >= SEEDS:
        raise UserError(f"{where}: expected a whole number below {SEEDS}, got {seed}")


def _without_unused(recipe: Recipe) -> Recipe:
    """Where the data is to have some of its modalities only, what is of the others goes.

    Example:
        >>> data = {"name": "urfunny", "modalities": ["b"]}
        >>> list(_without_unused(Recipe(data, {"a": "mlp", "b": "mlp"})).encoders)
        ['b']
    """
    chosen = recipe.data.get("modalities") if isinstance(recipe.data, Mapping) else None
    if not isinstance(chosen, list | tuple):
        return recipe
    kept = {name: encoder for name, encoder in recipe.encoders.items() if name in chosen}
    experts = {name: expert for name, expert in recipe.experts.items() if name in chosen}
    return replace(recipe, encoders=kept, experts=experts)


def parse_changes(arguments: Sequence[str]) -> list[tuple[str, Any]]:
    """Reads `--key.sub value` and `--key.sub=value` into dotted keys and values.

    Example:
        >>> parse_changes(["--method.alpha", "0", "--teachers.cache=off"])
        [('method.alpha', 0), ('teachers.cache', 'off')]
    """
    changes: list[tuple[str, Any]] = []
    rest = list(arguments)
    while rest:
        flag = rest.pop(0)
        key, equals, text = flag.removeprefix("--").partition("=")
        if not flag.startswith("--") or not key:
            raise UserError(f"unexpected argument {flag!r}; a change of the recipe is --key value")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key} has no value; expected --{key} VALUE")
            text = rest.pop(0)
        changes.append((key, _value(text)))
    return changes


def digest(content: Any) -> str:
    """A short hash of plain values.

    Example:
        >>> digest({"a": 1}) == digest({"a": 1}), len(digest({}))
        (True, 12)
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _value(text: str) -> Any:
    """YAML where it is, else the text itself."""
    yaml = require("yaml", "train")
    try:
        return read_yaml(text)
    except (yaml.YAMLError, ValueError):
        return text


def _check_plain(content: Any, where: str = "") -> None:
    """Only what JSON holds: a recipe is written into every run folder."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if not isinstance(key, str):
                raise UserError(f"{where}{key}: expected a word as the key, got {key!r}; quote it")
            _check_plain(value, f"{where}{key}.")
    elif isinstance(content, list | tuple):
        for value in content:
            _check_plain(value, where)
    elif content is not None and not isinstance(content, str | int | float | bool):
        kind = type(content).__name__
        raise UserError(f"{where[:-1]}: expected a plain value, got a {kind}: {content!r}")


def _changed(content: dict[str, Any], changes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields = Recipe.__dataclass_fields__
    for key, value in changes:
        first = key.partition(".")[0]
        if first in {"fusion", "method"} and first not in content:
            content[first] = fields[first].default
        _set(content, key, value)
    return content


def _set(content: dict[str, Any], key: str, value: Any) -> None:
    """Sets a dotted key; a component that was only a name becomes a mapping."""
    *parents, last = key.split(".")
    here = content
    for parent in parents:
        below = here.get(parent)
        if below is None:
            below = {}
        elif isinstance(below, str):
            below = {"name": below}
        elif not isinstance(below, dict):
            raise UserError(f"{key}: {parent} holds a value, not options")
        here[parent] = below
        here = below
    if last in {"data", "fusion", "method"} and not parents and isinstance(here.get(last), dict):
        # Another component: the options of the one before do not carry over.
        here[last] = {"name": value} if isinstance(value, str) else value
    else:
        here[last] = value


def flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The settings of a recipe by dotted keys; a component is called by its name.

    Example:
        >>> flat({"method": {"name": "g2d", "alpha": 1.0}, "seed": 0})
        {'method': 'g2d', 'method.alpha': 1.0, 'seed': 0}
    """
    found: dict[str, Any] = {}
    for key, value in content.items():
        dotted = above if key == "name" and above else f"{above}.{key}" if above else key
        found |= flat(value, dotted) if isinstance(value, Mapping) else {dotted: value}
    return found
