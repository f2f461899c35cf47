"""What an installation weighs: the packages that g2d and its extras bring, on this machine.

python benchmarks/sizes.py

Counts the files of every distribution that pip would install, those of Python's cache included.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

RESULT = Path(__file__).parent / "results" / "sizes-linux.json"
INSTALLED = {
    "your own model": [],
    "engine and command line": ["train"],
    "your own table": ["train", "tables"],
    "demo and benchmark": ["demo"],
    "everything": ["all"],
}


def bring(names: list[str]) -> dict[str, Distribution]:
    """The distributions that `pip install ".[names]"` brings, g2d itself included."""
    found: dict[str, Distribution] = {}
    todo, done = [Requirement(f"g2d[{','.join(names)}]" if names else "g2d")], set()
    while todo:
        wanted = todo.pop()
        if (key := str(wanted)) in done:
            continue
        done.add(key)
        found[wanted.name] = distribution(wanted.name)
        for line in found[wanted.name].requires or []:
            needed = Requirement(line)
            extras = wanted.extras or {""}
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                needed.marker = None
                todo.append(needed)
    return {found[name].metadata["Name"].lower(): found[name] for name in found}


def megabytes(found: Distribution) -> float:
    """The size of its files."""
    places = [Path(str(file.locate())) for file in found.files or []]
    return sum(place.stat().st_size for place in places if place.is_file()) / 1e6


def main() -> None:
    """Writes the result."""
    rows = {}
    for what, extras in INSTALLED.items():
        sizes = {name: megabytes(found) for name, found in bring(extras).items()}
        rows[what] = {
            "command": f'pip install ".[{",".join(extras)}]"' if extras else "pip install .",
            "megabytes": round(sum(sizes.values())),
            "largest": {n: round(sizes[n]) for n in sorted(sizes, key=lambda n: -sizes[n])[:4]},
        }
    content = {
        "command": "python benchmarks/sizes.py",
        "environment": {
            "python": platform.python_version(),
            "system": platform.system(),
            "torch": distribution("torch").version,
        },
        # Sizes of the files that the index offers; added up from the lock that `uv lock` writes.
        "download_of_the_default_torch_on_linux": {
            "megabytes": 3019,
            "what": "torch 2.15.0 from PyPI, with CUDA 13 and triton; wheels of Linux x86-64",
        },
        "installed": rows,
    }
    RESULT.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
