"""What the terminal says of a run beside its floors."""

from __future__ import annotations

import pytest

from g2d.cli.show import show_metrics, show_table
from g2d.cli.show_run import show_floors


def test_the_command_that_helps_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"above": ["ensemble"], "clearly": True, "ensemble": {"accuracy": 0.9}}
    result = {
        "floors": {"metric": "accuracy", "test": found},
        "test": {"accuracy": {"fused": 0.8}},
        "samples": {"test": 10},
    }
    show_floors(result, ["accuracy"], "g2d train own.yaml --method ume")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Floors: the model should be above them (same samples)"
    assert said[-2].endswith("0.8000 is worse than fitted ensemble of the teachers 0.9000")
    assert said[-1] == "  use the ensemble: g2d train own.yaml --method ume"


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (["accuracy", "confidence"], "confidence: mean probability of the true class"),
        (["accuracy", "exact_match", "confidence"], "confidence: how near to the right answer"),
        (["r2", "confidence"], "confidence: how near to the right answer, from 0 to 1, on average"),
        (["accuracy"], ""),
    ],
)
def test_what_confidence_is(capsys: pytest.CaptureFixture[str], metrics, said) -> None:
    show_metrics({name: {"fused": 0.5} for name in metrics}, "mine, test split")
    lines = [line for line in capsys.readouterr().out.splitlines() if ":" in line]
    assert [line[: len(said)] for line in lines] == ([said] if said else [])


def test_no_heading_is_cut_where_all_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long rows took the room of "difference", which was shown as "differen…"."""
    head = ["column", "rows", "difference", "95 %", "p, samples", "p, seeds"]
    rows = [
        ["grade, fused, accuracy", "ogm - joint", "+0.0181", "+0.00261 to +0.0281", "1", "0.75"],
        ["labels, fused, accuracy", "g2d - joint", "+8.6", "+1.3 to +16.0", "< 0.001", "0.75"],
    ]
    for width in (60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        show_table("Paired", head, rows)
        said = capsys.readouterr().out
        assert max(map(len, said.splitlines())) <= width
        assert ("difference" in said) == (width == 80)
    assert "…" not in said
