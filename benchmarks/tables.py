"""Tables of README and docs, from the committed results; `tests/test_readme.py` compares them.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

README_ROWS = (
    "joint",
    "UME (mean of teachers)",
    "UMT, mean",
    "joint + SMP, heldout, branch",
    "G²D loss, sum",
    "G²D, mean, batch, encoder (preset paper)",
    "G²D, sum, train, branch",
    "G²D, sum, heldout, branch (default)",
)


def accuracy_table(result: dict[str, Any], only: tuple[str, ...] | None = None) -> str:
    """Test accuracy in percent: mean ± standard deviation over seeds."""
    names = list(result["teachers"])
    lines = [
        f"| | {' | '.join(names)} | fused | fused (val) |",
        f"|---|{'---:|' * (len(names) + 2)}",
    ]
    taught = [_spread(result["teachers"][name]["test"]) for name in names]
    lines.append(f"| teachers | {' | '.join(taught)} | | |")
    for label, row in result["rows"].items():
        if only is not None and label not in only:
            continue
        accuracy = row["accuracy"]
        cells = [_spread(accuracy["test"][name]) for name in (*names, "fused")]
        lines.append(f"| {label} | {' | '.join(cells)} | {_spread(accuracy['val']['fused'])} |")
    return "\n".join(lines)


def step_table(result: dict[str, Any]) -> str:
    """Step time and peak memory over joint training in the engine."""
    found = result["variants"]
    lines = ["| step | time | ÷ joint | peak memory ÷ joint |", "|---|---:|---:|---:|"]
    for label, row in found.items():
        peak = row["peak_MiB"] / found[row["over"]]["peak_MiB"]
        lines.append(f"| {label} | {row['median_ms']:.0f} ms | {row['ratio']:.2f} | {peak:.2f} |")
    return "\n".join(lines)


def read(name: str) -> dict[str, Any]:
    """A committed result."""
    content: dict[str, Any] = json.loads((RESULTS / name).read_text())
    return content


def _spread(values: dict[str, Any]) -> str:
    spread = "" if values["std"] is None else f" ± {100 * values['std']:.1f}"
    return f"{100 * values['mean']:.1f}{spread}"


def main() -> None:
    """Prints every table there is a result for."""
    for path in sorted(RESULTS.glob("*.json")):
        result = read(path.name)
        table = accuracy_table(result) if "rows" in result else step_table(result)
        print(f"## {path.stem}\n\n{table}\n")


if __name__ == "__main__":
    main()
