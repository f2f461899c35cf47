"""Numbers that no machine can hold, and names of nothing: one line, and nothing written."""

from __future__ import annotations

import pytest

FAULTS = {
    "a seed beyond 64 bits": (["--seed", str(2**63)], "seed: expected a whole number below 9007"),
    "a seed whose teachers' is": (["--seed", str(2**60)], "seed: expected a whole number below 90"),
    "a width below 0": (["--encoders.near.width", "-3"], "encoders.near: this cannot be made with"),
    "hidden layers below 0": (["--encoders.near.hidden", "[-1]"], "with inputs=6, hidden=[-1] (Tr"),
    "a width for no memory": (["--encoders.near.width", "10000000000000"], "allocate"),
    "a width of 31 digits": (
        ["--encoders.near.width", "1" + "0" * 30],
        "near.width: expected a whole number",
    ),
    "a share above 1": (["--encoders.near.dropout", "2"], "dropout probability has to be between"),
    "a batch of 31 digits": (
        ["--training.batch_size", "1" + "0" * 30],
        "training.batch_size: expected a whole number below 9223372036854775808",
    ),
    "steps of 21 digits": (
        ["--training.accumulate", "1" + "0" * 20],
        "accumulate: expected a",
    ),
    "epochs of 31 digits": (["--training.epochs", "1" + "0" * 30], "training.epochs: expected"),
    "a rate of 1e308": (
        ["--training.learning_rate", "1e308"],
        "training: learning_rate must be 3.40282e+38 or less, got 1e+308",
    ),
    "a decay of 1e308": (["--training.weight_decay", "1e308"], "weight_decay must be 3.40282e+38"),
    "an infinite rate": (["--training.learning_rate", ".inf"], "3.40282e+38 or less, got inf"),
    "too many workers": (
        ["--training.workers", "100000"],
        "workers must be 1024 or less",
    ),
    "points for a fusion": (["--fusion", ".."], "fusion: there is no '..'; known: bigated"),
    "points for a method": (["--method", "..."], "method: there is no '...'; known: "),
    "points for data": (["--data", ".."], "data: there is no '..'; known: avdigits"),
    "a path for an encoder": (["--encoders.near", "a..b"], "near: there is no 'a..b'"),
    "a fusion of width 0": (
        ["--fusion", "film", "--fusion.width", "0"],
        "fusion: this cannot",
    ),
    "a method of a wrong seed": (
        ["--method", "pmr", "--method.seed", "-5000000000000000000"],
        "method.seed: expected a whole number below 9007199254740992, got -5000",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_train_refuses(g2d, toy_file, tmp_path, fault):
    arguments, line = FAULTS[fault]
    mlp = {"name": "mlp", "inputs": 6}
    recipe = toy_file(encoders={"near": mlp, "far": mlp})
    said = g2d("train", recipe, *arguments, "--out", tmp_path / "out")
    assert (said.status, said.err.count("\n")) == (2, 1), said.err
    assert line in said.err
    assert list(tmp_path.iterdir()) == [recipe]


@pytest.mark.parametrize(
    "command", [("compare", "table4", "--on", "avdigits"), ("tune", "avdigits")]
)
def test_the_seeds_of_many_runs_are_looked_at_before_the_first(g2d, tmp_path, command):
    more = ("--methods", "joint") if command[0] == "tune" else ()
    said = g2d(*command, *more, "--seeds", "0", str(2**63), "--out", tmp_path / "out")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert "--seeds: expected a whole number below 9007199254740992" in said.err
    assert not (tmp_path / "out").exists()
