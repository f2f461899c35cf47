"""Tests of rows: what they can show at all, by counting."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.statistics.place import Place
from g2d.benchmark.compare.statistics.samples import Samples
from g2d.benchmark.compare.testing import Places, best_rows, paired_tests
from g2d.runs.run import Run

SAMPLES = 40


@pytest.fixture
def place(tmp_path):
    return partial(place_in, tmp_path)


def run_in(folder, seed):
    """A run folder with as much in it as a test of rows asks for."""
    run = Run(folder / f"seed{seed}")
    run.write_json("run.json", {"recipe": {"seed": seed}, "fingerprint": ""})
    run.write_json("result.json", {"method": folder.name, "protocol": "clean"})
    return run


def place_in(folder, method, values, parts=None, metric="accuracy"):
    """A place of one run a seed; with `parts`, what every test sample adds to each."""
    runs = tuple(run_in(folder / method, seed) for seed in range(len(values)))
    rows, present = np.arange(SAMPLES), np.ones(SAMPLES, dtype=bool)
    samples = None
    if parts is not None:
        one = Samples(metric, rows, np.zeros(SAMPLES), present, np.asarray(parts, np.float64))
        samples = (one,) * len(values)
    return Place(METRICS[metric], runs, np.asarray(values, np.float64), samples)


def pairs_of(*places):
    rows = tuple((f"row {i}",) for i in range(len(places)))
    return paired_tests(Places("toys", rows, dict(enumerate(places))))


@pytest.mark.parametrize(("rows", "least"), [(1, 1 / 32), (3, 3 / 32), (40, 1.0)])
def test_the_least_p_is_that_of_all_rows_together(rows, least, place):
    joint = place("joint", np.zeros(6))
    found = pairs_of(joint, *(place("ogm", 1.0 + np.arange(6)) for _ in range(rows)))
    # All six seeds are better: two of 2⁶ signs are as far from 0, in every row.
    assert [test.p for test in found] == [1 / 32] * rows
    assert [test.least for test in found] == [least] * rows
    assert [test.adjusted for test in found] == [least] * rows


def test_rows_of_fewer_seeds_do_not_bind_those_of_more(place):
    joint = place("joint", np.zeros(8))
    found = pairs_of(joint, place("ogm", np.ones(8)), place("agm", np.ones(2)))
    assert [(test.n, test.least) for test in found] == [(8, 2 / 128), (2, 0.5)]
    assert all(test.adjusted == test.least for test in found)


def test_the_exact_test_of_samples_has_no_floor_of_draws(place):
    joint, other = place("joint", [0.0], np.zeros(SAMPLES)), place("ogm", [100.0], np.ones(SAMPLES))
    (test,) = pairs_of(joint, other)
    assert test.test == "McNemar"
    assert test.p == test.least == 2.0 ** (1 - SAMPLES)


@pytest.mark.parametrize(("metric", "best"), [("accuracy", 1), ("rmse", 0), ("mape", 0), ("r2", 1)])
def test_the_best_row_is_the_lowest_where_less_is_better(metric, best, place):
    values = 0.2 + np.array([0.01, 0.02, 0.03, 0.02])
    places = [place("a", values, metric=metric), place("b", values + 0.5, metric=metric)]
    for order in ([0, 1], [1, 0]):
        column = Places("toys", (("x",), ("y",)), dict(enumerate(places[i] for i in order)))
        (found,) = best_rows(column)
        assert (order[found.row], found.beyond_chance) == (best, True)


def test_two_seeds_have_no_interval_and_three_a_possible_one(place):
    joint = place("joint", [48.0, 50.0])
    (test,) = pairs_of(joint, place("ogm", [95.0, 90.0]))
    assert (test.low, test.high) == (None, None)
    wild = place("ogm", [100.0, 20.0, 90.0])
    (test,) = pairs_of(place("joint", [0.0, 60.0, 50.0]), wild)
    assert -100.0 <= test.low < 0 < test.high == 100.0
    column = Places("toys", (("x",), ("y",)), {0: joint, 1: place("ogm", [95.0, 96.0])})
    assert not best_rows(column)[0].beyond_chance


def test_rows_that_are_level_are_all_the_best(place):
    """The one that stood first was marked as the best of its equals."""
    same = np.array([0.7, 0.8, 0.9])
    places = [place("a", same - 0.5), place("b", same), place("c", same[::-1])]
    column = Places("toys", (("x",), ("y",), ("z",)), dict(enumerate(places)))
    (found,) = best_rows(column)
    assert (found.rows, found.beyond_chance) == ((1, 2), False)
