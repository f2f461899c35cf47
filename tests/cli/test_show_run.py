"""What the terminal says of a run beside its floors."""

from __future__ import annotations

from g2d.cli.show_run import show_floors


def test_the_command_that_helps_has_a_line_of_its_own(capsys):
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
