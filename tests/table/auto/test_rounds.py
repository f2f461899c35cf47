"""Rows that compare have trained nothing and chosen nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.splits import Withheld
from g2d.errors import UserError
from g2d.table.auto.candidates import Candidate
from g2d.table.auto.leaderboard import Line, choose
from g2d.table.auto.lengths import length_for
from g2d.table.auto.rounds import make_rounds, usual_folds
from runs.made import MadeData


def marked(folds=None, **options):
    """Data whose first feature says which row it is; training rows first."""
    splits = MadeData("balanced", **options).splits()
    number = 0
    for part in splits.named().values():
        rows = part.inputs["quick"]
        rows[:, 0] = np.arange(number, number + len(rows))
        number += len(rows)
    return replace(splits, spec=replace(splits.spec, exchangeable=True))


def rows_of(split):
    return set(split.__getitems__(list(range(len(split)))).inputs["quick"][:, 0].int().tolist())


@pytest.mark.parametrize("folds", [1, 3, 5])
def test_no_row_compares_that_trains_or_chooses_and_test_is_out_of_reach(folds):
    splits = marked(train=70, held=31)
    compared: list[int] = []
    for rows in make_rounds(splits, folds, 0):
        parts = [rows_of(p) for p in (rows.splits.train, rows.splits.val, rows.compared)]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert isinstance(rows.splits.test, Withheld)
        compared += sorted(parts[2])
    known = range(70, 101) if folds == 1 else range(101)
    assert sorted(compared) == list(known)


def test_folds_have_fingerprints_of_their_own():
    marks = [rows.splits.spec.fingerprint for rows in make_rounds(marked(train=40, held=20), 3, 0)]
    assert len(set(marks)) == 3


def test_rows_that_belong_together_are_not_folded():
    few = marked(train=100, held=40)
    assert usual_folds(few) == 5
    assert usual_folds(replace(few, spec=replace(few.spec, exchangeable=False))) == 1
    assert usual_folds(marked(train=1800, held=400)) == 3
    assert usual_folds(marked(train=1200, held=1000)) == 1


def line(name, kind, score, behind, error, keepable=True):
    return Line(Candidate(kind, (name, "b")), score, 0.01, behind, error, 1.0, keepable)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.2), st.floats(0, 0.1)), max_size=6))
def test_who_is_kept_is_tied_with_the_best_and_nobody_tied_is_simpler(others):
    lines = [line("best", 3, 0.9, 0.0, 0.0)]
    lines += [line(f"m{i}", kind, 0.9 - b, b, e) for i, (kind, b, e) in enumerate(others)]
    kept = choose(lines)
    assert kept.behind <= kept.behind_error
    tied = [one for one in lines if one.behind <= one.behind_error]
    assert all(kept.candidate.kind <= one.candidate.kind for one in tied)


def test_who_cannot_answer_every_row_is_not_kept():
    lines = [line("a", 0, 0.9, 0.0, 0.01, keepable=False), line("b", 2, 0.9, 0.0, 0.0)]
    assert choose(lines).candidate.modalities[0] == "b"


@given(st.integers(1, 10**6), st.integers(1, 512))
def test_small_tables_train_for_enough_steps(rows, batch):
    length = length_for(rows, batch)
    steps = -(-rows // batch)
    assert 20 <= length.epochs <= 200
    assert 5 <= length.patience <= length.epochs
    assert length.epochs == 200 or length.epochs * steps >= 2000


def test_folds_that_are_asked_for_are_refused_where_rows_belong_together():
    few = marked(train=100, held=40)
    grouped = replace(few, spec=replace(few.spec, exchangeable=False))
    with pytest.raises(UserError, match=r"method\.folds: got 3, and the rows .* leave folds out"):
        make_rounds(grouped, 3, 0)
    assert len(make_rounds(grouped, 1, 0)) == 1


def test_folds_keep_the_weights_of_their_rows():
    splits = marked(train=40, held=20)
    splits.train.weights = torch.arange(40, dtype=torch.float64)
    for rows in make_rounds(splits, 3, 0):
        for part in (rows.splits.train, rows.splits.val, rows.compared):
            own = part.__getitems__(list(range(len(part)))).inputs["quick"][:, 0].double()
            assert torch.equal(part.weights, torch.where(own < 40, own, 1.0))
