"""The arrows run one way, and each duty lies in one place: read off the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "g2d"
FILES = sorted(PACKAGE.rglob("*.py"))

# What the files of each part may import from g2d, besides their own part.
BASIS = {
    *("batch", "errors", "wording", "checksums", "files", "arrays", "tasks", "ranks", "gates"),
    "functional",
}
MODELS = BASIS | {"models"}
STUDENT = MODELS | {"student"}
TEACHERS = STUDENT | {"teachers"}
METHODS = TEACHERS | {"methods"}
ENGINE = METHODS | {"engine"}
RECIPES = ENGINE | {"data", "shallow"}
RUNS = RECIPES | {"recipes", "__init__"}
ANALYSIS = RUNS | {"runs", "figures"}
WING = ANALYSIS | {"analysis"}
ALLOWED = {
    "batch": set(),
    "errors": set(),
    "wording": set(),
    "figures": {"errors"},
    "checksums": {"errors"},
    "files": {"errors", "checksums"},
    "arrays": {"errors", "files"},
    "ranks": {"errors"},
    "gates": set(),
    "published": {"errors"},
    "quiet": set(),
    "tasks": {"errors"},
    "functional": {"errors", "tasks"},
    "models": BASIS - {"files", "ranks", "gates"} | {"published", "quiet"},
    "student": MODELS,
    "teachers": STUDENT,
    "methods": TEACHERS,
    "data": {"batch", "errors", "wording", "checksums", "files", "arrays", "tasks"},
    "shallow": MODELS | {"data"},
    "integrations": METHODS,
    "monitor": METHODS | {"figures"},
    "engine": METHODS,
    "recipes": RECIPES,
    "runs": RUNS,
    "analysis": ANALYSIS,
    "table": WING | {"monitor", "published", "quiet"},
    "benchmark": WING,
    "cli": WING | {"table", "benchmark"},
    "__init__": {"errors"},
    "__main__": {"cli"},
}
WINGS = ("table", "benchmark")

# Where the kinds of data may be called by their names: where data is read, and what lists it
# or the extras that read it.
SPEAKS_OF_DATA = (
    "data/",
    "table/kinds/",
    "table/columns/schema.py",
    "benchmark/datasets/",
    "recipes/catalog.py",
    "recipes/dataset_catalog.py",
    "published.py",
    "cli/data.py",
)
KINDS_OF_DATA = {"audio", "video", "image"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def name_of(path: Path) -> str:
    """`src/g2d/models/fusion/late.py` is `g2d.models.fusion.late`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def part_of(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules of g2d that a file names in an import, at its top or inside a function."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                found.add(below if below in MODULES else node.module)
    return frozenset(name for name in found if name.split(".")[0] == "g2d")


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def where(wrong: Callable[[Path], object]) -> dict[str, object]:
    """What a look at each file finds, by file. One test for all: each costs as much as its look."""
    found = {relative(path): wrong(path) for path in FILES}
    return {file: what for file, what in found.items() if what}


def test_arrows_run_one_way() -> None:
    def wrong(path: Path) -> set[str]:
        own = part_of(name_of(path))
        assert own in ALLOWED, f"say in this test what {own} may import"
        return {part_of(module) for module in imports(path)} - {own} - ALLOWED[own]

    assert not where(wrong)


def test_imports_name_files_that_exist_and_are_absolute() -> None:
    assert not where(lambda path: imports(path) - MODULES.keys())
    assert not where(
        lambda path: [
            node.lineno
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ImportFrom) and node.level
        ]
    )


def test_the_packages_stand_in_one_order() -> None:
    """Whoever may import a part is not among what that part may import, however far down."""

    def below(part: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        for other in ALLOWED[part] - seen - {"__init__"}:
            seen = below(other, seen | {other})
        return seen

    assert not [part for part in ALLOWED if part in below(part)]


# The rooms of `table/`, each of which may import those before it; what lies beside them comes
# between the two lines.
TABLE = ("reading", "kinds", "columns", "rows", "inspection")
WITH_TABLES = ("auto", "fusing", "export", "serve", "estimators", "diagnosis")


def test_the_rooms_of_a_table_stand_in_one_order() -> None:
    def wrong(path: Path) -> set[str]:
        own = room_of(name_of(path))
        others = {room_of(m) for m in imports(path) if m.startswith("g2d.table.")} - {own}
        if own in TABLE:
            return others - set(TABLE[: TABLE.index(own)])
        return set() if own in WITH_TABLES else others & set(WITH_TABLES)

    (kinds,) = {room_of("g2d.table.kinds"), room_of("g2d.table.kinds.base")}
    assert kinds == "kinds"
    assert not where(lambda path: wrong(path) if "table" in path.parts else None)


def room_of(module: str) -> str:
    """`g2d.table.rows.division` is in `rows`, `g2d.table.dataset` in none."""
    pieces = module.split(".")
    return pieces[2] if len(pieces) > 3 or pieces[-1] in (*TABLE, *WITH_TABLES) else ""


@pytest.mark.parametrize("wing", WINGS)
def test_table_and_benchmark_do_not_import_each_other(wing: str) -> None:
    others = set(WINGS) - {wing}
    knows = {
        (relative(path), module)
        for path in (PACKAGE / wing).rglob("*.py")
        for module in MODULES
        if part_of(module) in others and module in path.read_text("utf-8")
    }
    assert not knows


def test_no_file_imports_itself_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in sorted(imports(MODULES[module])):
                visit(other, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_only_gates_write_gradients() -> None:
    """No assignment to `.grad`, no method called on it, nowhere else."""
    touched = where(
        lambda path: [
            node.lineno
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute) and node.attr == "grad"
        ]
    )
    assert set(touched) == {"gates.py"}


def docstrings(path: Path) -> set[int]:
    """The nodes of docstrings, by identity."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Identifiers and string literals of a file with their lines; docstrings are left out."""
    told = docstrings(path)
    for node in ast.walk(tree(path)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name):
            yield line, node.id
        elif isinstance(node, ast.Attribute):
            yield line, node.attr
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield line, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield line, node.name
        elif isinstance(node, ast.alias):
            yield line, node.asname or node.name
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
        ):
            yield line, node.value


def test_a_modality_is_a_key_and_never_a_word_of_the_code() -> None:
    """`text` is also Python's word for a string, so it is looked for as a whole literal only."""

    def wrong(path: Path) -> list[object]:
        if relative(path).startswith(SPEAKS_OF_DATA):
            return []
        found = [
            (line, word)
            for line, word in words(path)
            if KINDS_OF_DATA & set(re.split(r"[^a-z]+", word.lower()))
        ]
        literals = [
            node.lineno
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and node.value == "text"
        ]
        return [*found, *literals]

    assert not where(wrong)


def test_only_the_command_line_prints() -> None:
    calls = where(
        lambda path: [
            node.lineno
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
    )
    assert calls
    assert all(file.startswith("cli/") for file in calls)


def test_only_wording_puts_an_and_between_words() -> None:
    """Joined by hand, three words come out as "a and b and c"."""
    joined = where(
        lambda path: [
            node.lineno
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute)
            and node.attr == "join"
            and isinstance(node.value, ast.Constant)
            and str(node.value.value).strip() == "and"
        ]
    )
    assert not joined


def test_a_file_can_be_read_in_one_sitting() -> None:
    assert not where(lambda path: len(path.read_text().splitlines()) > 300)


def test_an_example_fits_on_two_screens() -> None:
    examples = sorted((ROOT / "examples").rglob("*.py"))
    assert examples
    assert not [file for file in examples if len(file.read_text().splitlines()) > 120]
