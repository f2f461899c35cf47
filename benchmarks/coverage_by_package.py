"""How many statements of every package the tests of CI run, from what `make coverage` measured.

python benchmarks/coverage_by_package.py

Reads the data file of `coverage combine` and writes `results/coverage.json`.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from cells import write
from coverage import Coverage

from g2d.runs.environment import environment

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "src"
RESULT = Path(__file__).parent / "results" / "coverage.json"


def by_package(measured: Coverage) -> dict[str, dict[str, int]]:
    """Statements and those never run, of the files of every folder."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"statements": 0, "missed": 0})
    for path in sorted(PACKAGES.rglob("*.py")):
        _, statements, _, missed, _ = measured.analysis2(str(path))
        row = found[".".join(path.relative_to(PACKAGES).parent.parts)]
        row["statements"] += len(statements)
        row["missed"] += len(missed)
    return {name: row for name, row in sorted(found.items()) if row["statements"]}


def percent(row: dict[str, int]) -> float:
    """Statements that ran, of a hundred."""
    return round(100 * (1 - row["missed"] / row["statements"]), 1)


def main() -> None:
    """Writes the result and says it."""
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"))
    measured.load()
    rows = by_package(measured)
    whole = {key: sum(row[key] for row in rows.values()) for key in ("statements", "missed")}
    packages = {name: {"percent": percent(row), **row} for name, row in rows.items()}
    result = {
        "command": "make coverage",
        "environment": environment() | {"coverage": version("coverage")},
        "tests": "those of `make test-ci`",
        "all": {"percent": percent(whole), **whole},
        "packages": packages,
    }
    write(result, RESULT)
    for name, row in packages.items():
        print(f"{row['percent']:5.1f} %  {row['statements']:6}  {name}")
    print(f"{percent(whole):5.1f} %  {whole['statements']:6}  all; in {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
