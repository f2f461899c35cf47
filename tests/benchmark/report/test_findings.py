"""The sentences of the overview, of tables made by hand."""

from __future__ import annotations

import pytest

from g2d.benchmark.compare.table import Best, Column, Number, PairedTest, Row, Table
from g2d.benchmark.report.findings import beside_the_paper, findings


def number(mean, n=3, marks=(), paper=None):
    return Number(mean, 1.0, n, mean - 2, mean + 2, (mean,) * n, ("run",) * n, paper, marks)


def table(numbers, best, tests=(), higher=True):
    metric, unit = ("accuracy", "%") if higher else ("rmse", "")
    return Table(
        **{"name": "t", "title": "T", "about": "", "command": "", "axes": ("method",)},
        columns=(Column("data, fused", "data", metric, "fused", higher, unit),),
        rows=tuple(Row((label,), (value,)) for label, value in numbers.items()),
        best=(tuple(best),),
        tests=tuple(tests),
    )


@pytest.mark.parametrize(
    ("beyond", "n", "end"),
    [
        (True, 3, ", beyond chance (joint follows with 70.0\u00a0%)."),
        (False, 3, "; joint has 70.0\u00a0%: not beyond chance."),
        (False, 2, "; joint has 70.0\u00a0%: two seeds cannot tell."),
        (False, 1, "; joint has 70.0\u00a0%: one seed cannot tell."),
    ],
)
def test_who_is_ahead_and_whether_by_chance(beyond, n, end):
    numbers = {"joint": number(70.0, n), "g2d": number(73.0, n), "umt": number(60.0, n)}
    (said,) = findings(table(numbers, [Best(1, beyond)]))
    assert said == f"On data, g2d has the highest fused accuracy, 73.0\u00a0%{end}"


def test_who_is_level_is_not_ahead():
    numbers = {"joint": number(70.0), "g2d": number(73.0), "umt": number(73.0)}
    (said,) = findings(table(numbers, [Best(1, False, (2,))]))
    assert said == "On data, g2d and umt are level with the best fused accuracy, 73.0\u00a0%."


def test_an_error_is_lowest():
    numbers = {"joint": number(2.0), "g2d": number(1.0)}
    (said,) = findings(table(numbers, [Best(1, True)], higher=False))
    assert said.startswith("On data, g2d has the lowest fused RMSE, 1")
    assert "joint follows with 2" in said


def test_what_was_measured_otherwise_does_not_follow():
    other = ("another protocol: official, and not clean",)
    numbers = {"joint": number(70.0), "g2d": number(73.0), "umt": number(72.0, marks=other)}
    (said,) = findings(table(numbers, [Best(1, False)]))
    assert "umt" not in said
    (said,) = findings(table(numbers, [Best(1, False), Best(2, True)]))
    assert said == (
        "On data, of those measured alike, g2d has the highest fused accuracy, 73.0\u00a0%, not "
        "beyond chance; of others, umt, 72.0\u00a0%, beyond chance."
    )


def test_rows_are_counted_against_the_reference():
    def test(row, difference, adjusted, half=2.0):
        names = {"column": "data, fused", "reference": ("joint",), "row": (row,)}
        numbers = {"n": 9, "p": 0.01, "least": 0.0}
        numbers |= {"low": difference - half, "high": difference + half}
        return PairedTest(
            **names, over="samples", test="", difference=difference, adjusted=adjusted, **numbers
        )

    tests = [test("a", 3.0, 0.01), test("b", -3.0, 0.01), test("c", 1.0, 0.6), test("d", 2.5, 0.02)]
    # Of e these very models differ, and others trained in the same way may not.
    tests.append(test("e", 2.0, 0.01, half=9.0))
    numbers = {"joint": number(70.0), "a": number(73.0)}
    (said,) = findings(table(numbers, [Best(1, True)], tests))
    assert said.endswith(
        "Against joint, over test samples and seeds: 2 better, 1 worse, 1 better in these runs "
        "only and 1 not told apart."
    )


def test_how_far_the_paper_is():
    numbers = {"a": number(70.0, paper=72.0), "b": number(60.0, paper=61.0), "c": number(50.0)}
    said = beside_the_paper([table(numbers, [])])
    assert said.startswith(
        "For 2 of these numbers the paper gives its own; ours lie 1.5 points below in the median."
    )
    assert beside_the_paper([table({"c": number(50.0)}, [])]) == ""
