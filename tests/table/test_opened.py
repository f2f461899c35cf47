"""A table opened again is the one that was opened before, and a changed one is not."""

from __future__ import annotations

import csv
import logging
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from g2d.data.policies import Division
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.table.dataset import TableData
from g2d.table.opened import WORTH_KEEPING

ROWS = WORTH_KEEPING + 200
COLUMNS = ("f0", "f1", "price", "colour", "day", "said", "curve", "shop", "count", "label")


def write(path: Path, rows: int = ROWS, seed: int = 0) -> Path:
    """Every kind whose cells say all, with gaps, faults and a class that comes once."""
    draw = random.Random(seed)

    def row(number: int) -> list[Any]:
        label = "once" if number == 7 else draw.choice(["yes", "no"])
        values = [draw.gauss(0, 1), draw.gauss(3, 2)]
        values += [f"{draw.randrange(1, 9)},{draw.randrange(100, 999)}", draw.choice("rgb")]
        values += [f"{draw.randrange(1, 13)}/{draw.randrange(1, 29)}/2024"]
        values += [" ".join(draw.choices(["good", "bad", "fine", "so", "é"], k=draw.randrange(9)))]
        values += [str([[draw.random(), 1] for _ in range(draw.randrange(1, 5))])]
        cells = [cell if draw.random() > 0.05 else "" for cell in values]
        cells[0] = "broken" if number == 11 else cells[0]
        weight = "" if number == 5 else draw.randrange(1, 4)
        return [*cells, f"shop{draw.randrange(40)}", weight, label if number != 3 else ""]

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([COLUMNS, *map(row, range(rows))])
    return path


MODALITIES = {
    "numbers": {"kind": "features", "columns": ["f0", "f1"]},
    "rest": {"kind": "tabular", "columns": ["price", "colour", "day"], "categories": 2},
    "said": {"kind": "text", "column": "said"},
    "curve": {"kind": "sequence", "column": "curve"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "inferred": {"target": "label"},
    "grouped": {
        "target": "label",
        "modalities": MODALITIES,
        "split": {"group": "shop", "seed": 3},
        "weight": "count",
        "task": {"name": "classification", "class_weight": "balanced"},
    },
    "regression": {
        "target": "f1",
        "modalities": {name: MODALITIES[name] for name in ("rest", "said")},
        "task": "regression",
        "numbers": {"price": "decimal_comma"},
        "duplicates": "drop",
    },
}


def everything(splits: Splits) -> dict[str, Any]:
    spec = splits.spec
    found: dict[str, Any] = {
        "spec": replace(spec, task=None),  # type: ignore[arg-type]
        "task": (type(spec.task), spec.task.describe()),
    }
    for name, split in splits.named().items():
        batch = split.__getitems__(list(range(len(split))))
        found |= {
            f"{name}/{key}": (x.dtype, x.numpy().tobytes()) for key, x in batch.inputs.items()
        }
        found[f"{name}/target"] = (batch.target.dtype, batch.target.tolist(), split.target.tolist())
        found[f"{name}/present"] = {key: mask.tolist() for key, mask in batch.present.items()}
        for extra in ("weights", "groups"):
            value: torch.Tensor | None = getattr(split, extra)
            found[f"{name}/{extra}"] = None if value is None else (value.dtype, value.tolist())
    return found


def opened(caplog: pytest.LogCaptureFixture, **options: Any) -> tuple[dict[str, Any], bool]:
    """All that there is to know of the splits, and whether the table itself was read for them."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "g2d"):
        data = TableData(**options)
        found = everything(data.splits())
    found["said"] = [(record.name, record.getMessage()) for record in caplog.records]
    found["left out"] = (data.skipped, data.absent)
    return found, "contents" in vars(data)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_table_opened_again_is_the_same_and_is_not_read(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"table": write(tmp_path / "shops.csv"), "cache": tmp_path / "cache", **OPTIONS[name]}
    first, read = opened(caplog, **options)
    assert read
    assert first["said"]
    assert first["left out"][0]
    again, read = opened(caplog, **options)
    assert not read
    assert again == first


def test_another_table_or_option_is_read_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = write(tmp_path / "shops.csv")
    options: dict[str, Any] = {"table": table, "cache": tmp_path / "cache", **OPTIONS["grouped"]}
    seen = [opened(caplog, **options)[0]["spec"].fingerprint]
    fewer = {**MODALITIES, "rest": {**MODALITIES["rest"], "categories": 1}}
    changes: list[dict[str, Any]] = [
        {"split": {"group": "shop", "seed": 4}},
        {"modalities": fewer},
        {"modalities": {name: MODALITIES[name] for name in ("said", "curve")}},
        {"weight": None},
        {"task": "classification"},
    ]
    for change in changes:
        found, read = opened(caplog, **{**options, **change})
        assert read, change
        if "task" not in change:  # which decides the loss, and not what the splits hold
            assert found["spec"].fingerprint not in seen
        seen.append(found["spec"].fingerprint)
    text = table.read_bytes()
    for changed in (text.replace(b"good", b"wood", 1), text):  # of the same size, and back again
        table.write_bytes(changed)
        found, read = opened(caplog, **options)
        assert read == (changed != text)
        assert (found["spec"].fingerprint == seen[0]) == (changed == text)


def test_rows_of_ones_own_are_not_those_that_are_kept(tmp_path: Path) -> None:
    options = {"table": write(tmp_path / "shops.csv"), "cache": tmp_path / "cache"}
    kept = TableData(**options, **OPTIONS["inferred"]).splits()  # type: ignore[arg-type]
    rows = Division(np.arange(20, 600), np.arange(600, 700), np.arange(700, 900))
    again = TableData(**options, **OPTIONS["inferred"])  # type: ignore[arg-type]
    assert len(again.splits(rows).val) == 100
    assert again.splits().spec.fingerprint == kept.spec.fingerprint


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    options = {"table": write(tmp_path / "shops.csv"), "cache": tmp_path / "cache"}
    TableData(**options, **OPTIONS["inferred"]).splits()  # type: ignore[arg-type]
    file = next((tmp_path / "cache" / "tables").glob("opened-*/target.npy"))
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"target.npy is damaged.*made again from the table"):
        TableData(**options, **OPTIONS["inferred"])  # type: ignore[arg-type]


def test_what_lies_beside_a_table_is_looked_at_every_time(tmp_path: Path) -> None:
    table, rows = tmp_path / "vectors.csv", WORTH_KEEPING + 10
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.full(4, number, np.float32))
    lines = [f"{n % 3}.npy,{n % 7},{'yn'[n % 2]}" for n in range(rows)]
    table.write_text("\n".join(["vector,size,label", *lines]))
    options = {"table": table, "target": "label", "cache": tmp_path / "cache"}
    before = TableData(**options).splits().spec.fingerprint  # type: ignore[arg-type]
    np.save(tmp_path / "1.npy", np.full(4, 9, np.float32))
    assert TableData(**options).splits().spec.fingerprint != before  # type: ignore[arg-type]
    assert not list((tmp_path / "cache" / "tables").glob("opened-*"))
