"""Tables of README and docs, from the committed results; `tests/test_readme.py` compares them.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from g2d.benchmark.compare.statistics.critical_difference import rank_rows
from g2d.benchmark.compare.table import Ranking
from g2d.recipes.recipe import load_recipe

RESULTS = Path(__file__).parent / "results"

# The row of `default.json` that G²D's defaults are, and what it must not be below.
DEFAULT = "loss + γ, branch"
ALONE = "best modality alone"
OTHERS = ("joint", "UME, fitted", ALONE, "branch losses alone", "AMCo")
BLEND = "G²D and its teachers (blend)"
# What the pages call rows of the results.
NAMES = {
    "UME, equal": "UME",
    "UME, fitted": "fitted UME",
    "branch losses alone": "unimodal losses alone",
    BLEND: "G²D with its teachers (blend)",
}
# What the pages call the stages of a step: the results say "alone" and "joint stage".
STAGES = {
    " joint stage": ", all together",
    "audio alone": "only audio trained",
    "video alone": "only video trained",
    "one alone": "only one trained",
}

README_ROWS = (
    "joint",
    "UME (mean of teachers)",
    "UMT, mean",
    "joint + SMP, heldout, branch",
    "G²D loss, sum",
    "G²D, mean, batch, encoder (preset paper)",
    "G²D, sum, train, branch",
    "G²D, sum, heldout, branch",
)


def accuracy_table(result: dict[str, Any], only: tuple[str, ...] | None = None) -> str:
    """Test accuracy in percent: mean ± standard deviation over seeds."""
    # a contest writes beside them by which rate they were taught
    names = [name for name in result["teachers"] if name not in ("rate", "tried")]
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


def contest_table(result: dict[str, Any], pages: str = "") -> str:
    """Test accuracy of every method in percent, best first, with what was chosen for it.

    A row that was run with defaults of then names the preset that they are now.

    Args:
        result: Of `contest.py`.
        pages: Path from where the table stands to the pages of the methods.
    """
    names = list(result["teachers"])
    recipe = load_recipe(result["command"].split()[2])  # python benchmarks/accuracy.py RECIPE ...
    usual = {"training.learning_rate": recipe.training["learning_rate"]}
    lines = [
        f"| | {' | '.join(names)} | fused | fused (val) | chosen |",
        f"|---|{'---:|' * (len(names) + 2)}---|",
    ]
    taught = [_spread(result["teachers"][name]["test"]) for name in names]
    lines.append(f"| teachers | {' | '.join(taught)} | | | |")
    rows = result["rows"].items()
    for label, row in sorted(rows, key=lambda r: -r[1]["accuracy"]["test"]["fused"]["mean"]):
        test = row["accuracy"]["test"]
        cells = [_spread(test[name]) if name in test else "–" for name in (*names, "fused")]
        cells += [_spread(row["accuracy"]["val"]["fused"])]
        chosen = ", ".join(
            f"{key.removeprefix('method.').removeprefix('training.')} {_plain(value)}"
            for key, value in {**usual, **row["setting"]}.items()
        )
        page = label.rpartition("+")[2]
        linked = f"[{label}]({pages}{page}.md)" if pages else label
        linked += f" (preset {row['preset']})" if "preset" in row else ""
        chosen = chosen if len(row["tried"]) > 1 else "–"  # one setting leaves nothing to choose
        lines.append(f"| {linked} | {' | '.join(cells)} | {chosen} |")
    return "\n".join(lines)


# The columns of README's table: rows of `default.json`, by the names a reader knows.
SUMMARY = {
    "joint": "joint training",
    "UME, fitted": "fitted UME",
    "AMCo": "AMCo",
    "branch losses alone": "unimodal losses alone",
    "loss + γ, branch": "**G²D**",
    BLEND: "**G²D with its teachers**",
}
SUMMARY_DATA = {
    "movies": "text and numbers (movies)",
    "leaves": "a picture and three vectors (leaves)",
    "avmnist12": "digits, seen and heard in noise (AV-MNIST)",
    "avdigits": "8 x 8 digits, seen and heard (AV-Digits)",
}


def summary_table(result: dict[str, Any]) -> str:
    """Where G²D helps and where it does not: fused test accuracy in percent on every data set."""
    head = " | ".join(["best modality alone", *SUMMARY.values()])
    lines = [f"| | {head} |", f"|---|{'---:|' * (len(SUMMARY) + 1)}"]
    for name, part in result["data"].items():
        cells = [_spread(_best_alone(part)["test"])]
        cells += [_spread(part["rows"][label]["accuracy"]["test"]["fused"]) for label in SUMMARY]
        lines.append(f"| {SUMMARY_DATA[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _best_alone(part: dict[str, Any]) -> dict[str, Any]:
    """The teacher that is best on validation."""
    teachers = [row for row in part["teachers"].values() if isinstance(row, dict) and "val" in row]
    best: dict[str, Any] = max(teachers, key=lambda row: row["val"]["mean"])
    return best


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {own}" for name, own in value.items())
    return str(value)


def _with_stages(label: str) -> str:
    for recorded, said in STAGES.items():
        label = label.replace(recorded, said)
    return label


def step_table(result: dict[str, Any]) -> str:
    """Step time and peak memory over joint training in the engine."""
    found = result["variants"]
    lines = ["| step | time | ÷ joint | peak memory ÷ joint |", "|---|---:|---:|---:|"]
    for label, row in found.items():
        peak = row["peak_MiB"] / found[row["over"]]["peak_MiB"]
        cells = [f"{row['median_ms']:.0f} ms", f"{row['ratio']:.2f}", f"{peak:.2f}"]
        lines.append(f"| {_with_stages(label)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def methods_table(result: dict[str, Any]) -> str:
    """Step time of every method over joint training's, for every set of encoders."""
    setups = result["methods"]
    lines = [f"| | {' | '.join(setups)} |", f"|---|{'---:|' * len(setups)}"]
    labels = dict.fromkeys(label for found in setups.values() for label in found["steps"])
    for label in labels:
        rows = [found["steps"].get(label) for found in setups.values()]
        cells = ["–" if row is None else f"{row['ratio']:.2f}" for row in rows]
        said = re.sub(r"^(g2d|.*\+smp): joint$", r"\1: all together", label)
        said = re.sub(r": (\w+) alone$", r": only \1 trained", said)
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


def missing_table(result: dict[str, Any], dataset: str) -> str:
    """Test accuracy in percent over all samples, one column for each rate of missing slots."""
    found = result["datasets"][dataset]
    rates = [f"{rate:g}" for rate in result["rates"]]
    lines = [f"| | {' | '.join(f'{100 * float(r):.0f} %' for r in rates)} |"]
    lines.append(f"|---|{'---:|' * len(rates)}")
    for label, row in found["rows"].items():
        cells = [
            _spread(row[rate]["accuracy"]["test"]["fused"]) if rate in row else "–"
            for rate in rates
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def patterns_table(result: dict[str, Any], dataset: str, rate: str) -> str:
    """Test accuracy in percent by what samples have, at one rate."""
    rows = {k: v[rate] for k, v in result["datasets"][dataset]["rows"].items() if rate in v}
    patterns = next(iter(rows.values()))["patterns"]
    lines = [f"| | {' | '.join(name.replace('+', ' + ') for name in patterns)} |"]
    lines.append(f"|---|{'---:|' * len(patterns)}")
    samples = [str(values["n"]) for values in patterns.values()]
    lines.append(f"| samples | {' | '.join(samples)} |")
    for label, row in rows.items():
        cells = [_spread(row["patterns"][name]["accuracy"]) for name in patterns]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def costs_table(result: dict[str, Any]) -> str:
    """Small steps over a bare loop, and the start of a run, for every label."""
    found = result["measured"]
    lines = [f"| | {' | '.join(found)} |", "|---|" + "---:|" * len(found)]
    first = next(iter(found.values()))
    for kind, rows in {**first["small steps"], "fit": first["fit"]}.items():
        for name in rows:
            each = [{**one["small steps"], "fit": one["fit"]}[kind][name] for one in found.values()]
            ratios = " | ".join(f"{row['ratio']:.2f}" for row in each)
            lines.append(f"| {kind}: {name} | {ratios} |")
    for name in ("cold", "warm", "recipe, warm"):
        rows = [one["start"][name] for one in found.values()]
        cells = [f"{row['cpu_s']:.2f} s, {row['peak_MiB']} MiB" for row in rows]
        lines.append(f"| start: {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def loading_table(result: dict[str, Any]) -> str:
    """Samples a second from original files and from a store, and a batch beside a step."""
    lines = [
        "| | original files | store | store ÷ original | batch of 16 | step | step ÷ batch |",
        f"|---|{'---:|' * 6}",
    ]
    for name, row in result["loading"].items():
        raw, store = row["raw_samples_per_s"], row["store_samples_per_s"]
        cells = [f"{raw:.1f} /s", f"{store:.0f} /s", f"{row['store_over_raw']['ratio']:.0f}"]
        cells += [f"{row['batch_ms']:.0f} ms", f"{row['step_ms']:.0f} ms"]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['step_over_batch']['ratio']:.0f} |")
    return "\n".join(lines)


def default_table(result: dict[str, Any]) -> str:
    """Test accuracy of every row of `default.py` on every data set, and the mean of its ranks.

    A rank counts the rows that are on every data set; the best modality alone is that whose
    teachers are best on validation.
    """
    found = result["data"]
    labels = dict.fromkeys(label for part in found.values() for label in part["rows"])
    lines = [f"| | {' | '.join(found)} | mean rank |", f"|---|{'---:|' * (len(found) + 1)}"]
    best = [_best_alone(part) for part in found.values()]
    lines.append(f"| best modality alone | {' | '.join(_spread(row['test']) for row in best)} | |")
    ranked = ranking(result)
    ranks = {label: rank for (label,), rank in zip(ranked.rows, ranked.ranks, strict=True)}
    for label in labels:
        cells = [
            _spread(part["rows"][label]["accuracy"]["test"]["fused"])
            if label in part["rows"]
            else "–"
            for part in found.values()
        ]
        rank = f"{ranks[label]:.1f}" if label in ranks else ""
        lines.append(f"| {NAMES.get(label, label)} | {' | '.join(cells)} | {rank} |")
    gap = f"{ranked.critical_difference:.1f}"
    lines.append(f"| critical difference, 0.05 | {' | '.join(' ' for _ in found)} | {gap} |")
    return "\n".join(lines)


def difference_table(result: dict[str, Any], of: str = DEFAULT) -> str:
    """Test accuracy of the default minus that of others, in points: mean ± standard error.

    Differences are taken seed by seed; the best modality alone is that of `default_table`. Others
    that were not run on all data sets are left out.

    Args:
        result: Of `default.py`.
        of: Another row in the place of the default.
    """
    known = [set(part["rows"]) | {ALONE} for part in result["data"].values()]
    labels = [label for label in OTHERS if all(label in rows for rows in known)]
    names = [NAMES.get(label, label) for label in labels]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(labels)}"]
    for name, part in result["data"].items():
        rows = part["rows"]
        own = _test(rows[of])
        others = [
            _best_alone(part)["test"]["values"] if label == ALONE else _test(rows[label])
            for label in labels
        ]
        cells = [_difference(own, other) for other in others]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def variants_table() -> str:
    """The default on AV-MNIST with less noise, and with a third modality, beside others."""
    variants = {
        "−5 dB": ("default-5db.json", "avmnist5"),
        "−8 dB": ("default-8db.json", "avmnist8"),
        "−12 dB": ("default.json", "avmnist12"),
        "−12 dB, two speakers": ("default-three.json", "avmnist3"),
    }
    labels = ("joint", "UME, fitted", DEFAULT, BLEND, "branch losses alone")
    names = [ALONE, *(NAMES.get(label, label) for label in labels)]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for name, (file, key) in variants.items():
        part = read(file)["data"][key]
        rows = [part["rows"].get(label) for label in labels]
        cells = ["–" if row is None else _spread(row["accuracy"]["test"]["fused"]) for row in rows]
        alone = _spread(_best_alone(part)["test"])
        lines.append(f"| {name} | {alone} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _test(row: dict[str, Any]) -> list[float]:
    values: list[float] = row["accuracy"]["test"]["fused"]["values"]
    return values


def _difference(own: list[float], other: list[float]) -> str:
    # a row may have fewer seeds
    points = [100 * (a - b) for a, b in zip(own, other, strict=False)]
    error = statistics.stdev(points) / len(points) ** 0.5
    return f"{statistics.mean(points):+.1f} ± {error:.1f}"


def ranking(result: dict[str, Any]) -> Ranking:
    """Rows that are on every data set, ranked by mean test accuracy, and what is beyond chance."""
    parts = {name: part["rows"] for name, part in result["data"].items()}
    everywhere = [
        label
        for label in next(iter(parts.values()))
        if all(label in rows for rows in parts.values())
    ]
    means = [
        [statistics.mean(_test(rows[label])) for rows in parts.values()] for label in everywhere
    ]
    labels = [(label,) for label in everywhere]
    return rank_rows(np.array(means), labels, list(parts), [True] * len(parts))


def gpu_accuracy_table(result: dict[str, Any]) -> str:
    """Test accuracy in percent of the rows that a card trained."""
    found = result["avmnist"]
    alone = found["teachers"]
    lines = [
        f"| | {' | '.join(alone)} | fused | fused (val) |",
        f"|---|{'---:|' * (len(alone) + 2)}",
    ]
    lines.append(f"| teachers | {' | '.join(_spread(row) for row in alone.values())} | | |")
    for label, row in found["rows"].items():
        cells = [_spread(row["test"][name]) for name in (*alone, "fused")]
        lines.append(f"| {label} | {' | '.join(cells)} | {_spread(row['val']['fused'])} |")
    return "\n".join(lines)


def gpu_step_table(result: dict[str, Any], batch: int = 256) -> str:
    """Time and peak memory of a step on a card over those of joint training, by precision."""
    rows = [
        row
        for row in result["step"]["rows"]
        if row["batch"] == batch and not row["compiled"] and not row["channels_last"]
    ]
    kinds = list(dict.fromkeys(row["precision"] for row in rows))
    found = {(row["variant"], row["precision"]): row for row in rows}
    lines = [f"| | {' | '.join(kinds)} | peak memory, bf16 |", f"|---|{'---:|' * (len(kinds) + 1)}"]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        cells = []
        for kind in kinds:
            row, joint = found.get((variant, kind)), found["joint", kind]
            ratio = f" ({row['ms'] / joint['ms']:.2f})" if row else ""
            cells.append(f"{row['ms']:.0f} ms{ratio}" if row else "–")
        peak = found[variant, "bf16"]["peak_MiB"] / 1024
        lines.append(f"| {_with_stages(variant)} | {' | '.join(cells)} | {peak:.1f} GiB |")
    return "\n".join(lines)


def own_data_table(result: dict[str, Any]) -> str:
    """Test scores of `auto`, of what it chose among, and of scikit-learn, on every own table."""
    rivals = list(result["mean_rank"])
    lines = [f"| | {' | '.join(rivals)} | kept |", f"|---|{'---:|' * len(rivals)}---|"]
    for name, found in result["data"].items():
        test = found["test"]
        cells = [_spread(test[rival]) if rival in test else "–" for rival in rivals]
        what = f"{name}: {found['what']} ({found['score']}, {len(found['kept'])} seeds)"
        kept = ", ".join(dict.fromkeys(found["kept"]))
        lines.append(f"| {what.replace('(accuracy, ', '(')} | {' | '.join(cells)} | {kept} |")
    ranks = " | ".join(f"{rank:.1f}" for rank in result["mean_rank"].values())
    lines.append(f"| mean rank | {ranks} | |")
    return "\n".join(lines)


def readings_table(result: dict[str, Any], table: str, epochs: str) -> str:
    """Test accuracy of a table's rows under each of the three readings of the paper."""
    readings = result["tables"][table][epochs]
    lines = [f"| | {' | '.join(readings)} |", f"|---|{'---:|' * len(readings)}"]
    for label in dict.fromkeys(label for part in readings.values() for label in part["rows"]):
        rows = [part["rows"].get(label) for part in readings.values()]
        cells = ["–" if row is None else _spread(row, 1) for row in rows]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def price_table(result: dict[str, Any]) -> str:
    """What a command costs, teachers included, and what its model is worth."""
    lines = [
        "| | CPU time ÷ joint | accuracy | with its teachers |",
        "|---|---:|---:|---:|",
    ]
    for name, row in result["rows"].items():
        both = _spread(row["with_teachers"]) if "with_teachers" in row else "–"
        price = f"{row['price']['mean']:.2f}"
        lines.append(f"| {name} | {price} | {_spread(row['accuracy'])} | {both} |")
    return "\n".join(lines)


def read(name: str) -> dict[str, Any]:
    """A committed result."""
    content: dict[str, Any] = json.loads((RESULTS / name).read_text())
    return content


def _spread(values: dict[str, Any], scale: float = 100, digits: int = 1) -> str:
    spread = "" if values["std"] is None else f" ± {scale * values['std']:.{digits}f}"
    return f"{scale * values['mean']:.{digits}f}{spread}"


def _table_of(result: dict[str, Any]) -> str:
    if "mean_rank" in result:
        return own_data_table(result)
    if "tables" in result:
        return "\n\n".join(
            f"{table}, {epochs} epochs\n\n{readings_table(result, table, epochs)}"
            for table, found in result["tables"].items()
            for epochs in found
        )
    if "avmnist" in result:
        return f"{gpu_accuracy_table(result)}\n\n{gpu_step_table(result)}"
    if "installed" in result:
        rows = result["installed"].items()
        return "\n".join(f"- {what}: {row['megabytes']} MB" for what, row in rows)
    if len(result.get("data", ())) == 1:
        return accuracy_table(*result["data"].values())
    if "data" in result:
        return f"{default_table(result)}\n\n{difference_table(result)}"
    if "teachers_tried" in result:
        return contest_table(result)
    if "methods" in result:
        return methods_table(result)
    if "rates" in result:
        parts = [f"{name}\n\n{missing_table(result, name)}" for name in result["datasets"]]
        return "\n\n".join(parts)
    if "loading" in result:
        return loading_table(result)
    if "measured" in result:
        return costs_table(result)
    if "price" in next(iter(result.get("rows", {}).values()), {}):
        return price_table(result)
    return accuracy_table(result) if "rows" in result else step_table(result)


def main() -> None:
    """Prints every table there is a result for."""
    for path in sorted(RESULTS.glob("*.json")):
        result = read(path.name)
        table = _table_of(result)
        print(f"## {path.stem}\n\n{table}\n")


if __name__ == "__main__":
    main()
