"""Splits, policies and inputs of the prepared MIS-ME."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.datasets.misme.miniature import WEATHER, write_miniature
from g2d.benchmark.datasets.misme.blocks import by_time
from g2d.benchmark.datasets.misme.dataset import MISME
from g2d.benchmark.datasets.misme.prepare import prepare
from g2d.data.checks import check_splits
from g2d.data.preparation.stored import check_stored
from g2d.errors import UserError
from g2d.tasks import Regression

PROTOCOLS = ("clean", "paper", "time", "station")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("misme")
    rows = write_miniature(folder / "original", captures=10, shared=True)
    return prepare(folder / "original", folder / "store", side=16, workers=0), rows


def moments(splits):
    """Station and time of the rows of every split."""
    store_rows = {part: split.rows for part, split in splits.named().items()}
    return {part: rows.tolist() for part, rows in store_rows.items()}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_passes_the_checks_and_is_the_same_each_time(made, protocol):
    splits = MISME(made[0], protocol).splits()
    check_splits(splits)
    assert splits.spec.protocol == protocol
    assert splits.spec.modalities == ("image", "tabular")
    assert moments(MISME(made[0], protocol).splits()) == moments(splits)
    parts = [set(split.rows.tolist()) for split in splits.named().values()]
    if protocol != "paper":
        assert not any(a & b for a, b in combinations(parts, 2))
        assert set().union(*parts) == set(range(60))


def test_clean_is_the_published_split(made):
    store, rows = made
    splits = MISME(store).splits()
    for part, split in splits.named().items():
        assert split.target.tolist() == pytest.approx([row["vwc"] for row in rows[part]])


def test_paper_selects_on_test_and_leaves_val_out(made):
    store, rows = made
    splits = MISME(store, "paper").splits()
    assert splits.val is splits.test
    assert splits.spec.selects_on_test
    assert not MISME(store).splits().spec.selects_on_test
    assert len(splits.train) == len(rows["train"])


def test_time_blocks_follow_one_another_at_every_station(made):
    splits = MISME(made[0], "time").splits()
    samples = np.genfromtxt(
        made[0] / "samples.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    for station in ("OK001", "OK002", "OK003"):
        times = [
            sorted(s["taken"] for s in samples[split.rows] if s["station"] == station)
            for split in splits.named().values()
        ]
        assert [len(block) for block in times] == [12, 4, 4]
        assert times[0][-1] < times[1][0]
        assert times[1][-1] < times[2][0]


def test_a_station_is_in_one_split(made):
    splits = MISME(made[0], "station").splits()
    station = np.load(made[0] / "sample-station.npy")
    found = [set(station[split.rows]) for split in splits.named().values()]
    assert [len(names) for names in found] == [1, 1, 1]
    assert set().union(*found) == {"OK001", "OK002", "OK003"}


@given(
    rows=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), min_size=1, max_size=50),
    shares=st.tuples(*[st.floats(0.1, 1)] * 3),
)
def test_blocks_of_time_never_overlap(rows, shares):
    series, taken = (np.array(column) for column in zip(*rows, strict=True))
    parts = by_time(series, taken, shares)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(rows)))
    for name in "ab":
        blocks = [taken[part[series[part] == name]] for part in parts]
        blocks = [block for block in blocks if len(block)]
        for earlier, later in combinations(blocks, 2):
            assert earlier.max() < later.min()


def test_inputs_are_standardised_as_misme_says(made):
    store, rows = made
    splits = MISME(store).splits()
    assert splits.spec.shapes == {"image": (3, 16, 16), "tabular": (8,)}
    batch = splits.test.__getitems__([1, 0])
    pixels = np.load(store / "image.npy")[splits.test.rows[[1, 0]]] / 255.0
    expected = (pixels - [0.507, 0.468, 0.307]) / [0.194, 0.201, 0.170]
    np.testing.assert_allclose(batch.inputs["image"], expected.transpose(0, 3, 1, 2), atol=1e-5)
    train = np.array([[row[name] for name in WEATHER] for row in rows["train"]])
    test = np.array([[row[name] for name in WEATHER] for row in rows["test"]])[[1, 0]]
    expected = (test - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(batch.inputs["tabular"], expected, rtol=1e-3, atol=1e-4)
    assert {value.dtype for value in batch.inputs.values()} == {torch.float32}


def test_the_scale_is_that_of_the_training_targets(made):
    store, rows = made
    task = MISME(store).splits().spec.task
    targets = [row["vwc"] for row in rows["train"]]
    assert isinstance(task, Regression)
    assert (task.low, task.high) == pytest.approx((min(targets), max(targets)))


def test_other_protocols_learn_their_own_statistics(made):
    for protocol in PROTOCOLS:
        splits = MISME(made[0], protocol).splits()
        table = splits.train.__getitems__(list(range(len(splits.train)))).inputs["tabular"]
        assert table.mean(dim=0).abs().max() < 1e-4
        assert table.std(dim=0, unbiased=False).tolist() == pytest.approx([1] * 8, abs=1e-4)


def test_a_store_says_which_weather_is_in_two_splits(made):
    """A fault of the store by itself; a finding where the published split is known for it."""
    data = MISME(made[0])
    shared = check_stored(data.splits(), made[0])
    assert any("tabular" in problem and "train and test" in problem for problem in shared.problems)
    known = check_stored(data.splits(), made[0], data.shared_inputs)
    assert any("train and test: the published split" in fact for fact in known.facts)
    assert not any("tabular" in problem for problem in known.problems)
    assert not MISME(made[0], "time").shared_inputs
    assert check_stored(MISME(made[0], "time").splits(), made[0]).problems == ()


def test_refusals(made, tmp_path):
    with pytest.raises(
        UserError, match="got protocol 'random', expected one of clean, paper, time"
    ):
        MISME(made[0], "random")
    with pytest.raises(UserError, match=r"is no prepared misme .* g2d data prepare misme --root"):
        MISME(tmp_path).splits()
    folder = tmp_path / "original"
    write_miniature(folder, captures=5)
    for path in sorted((folder / "images").iterdir()):
        path.rename(path.with_name(path.name.replace("_", "-")))
    for part in ("train", "val", "test"):
        rename_in_sheet(folder, part)
    store = prepare(folder, tmp_path / "store", side=8, workers=0)
    assert len(MISME(store).splits().train) == 18
    for protocol, what in (("station", "station"), ("time", "station")):
        with pytest.raises(UserError, match=f"30 of 30 pictures have no {what} .first: OK001-2"):
            MISME(store, protocol).splits()


def rename_in_sheet(folder, part):
    from benchmark.datasets.misme.miniature import make_rows, sheet_of, write_sheet

    rows = make_rows(captures=5)[part]
    renamed = [{**row, "image": row["image"].replace("_", "-")} for row in rows]
    write_sheet(sheet_of(folder, part), renamed)


def test_the_manifest_says_what_it_is(made):
    manifest = json.loads((made[0] / "manifest.json").read_text())
    assert manifest["kind"] == "misme"
    assert manifest["columns"] == list(WEATHER)
    assert manifest["options"] == {"side": 16}
    MISME(made[0]).verify()
