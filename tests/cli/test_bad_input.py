"""Whatever is wrong: exit status 2, one line that helps, and nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from g2d.checksums import sealed

FAULTS = {
    "unknown key": (["--model.depth", "3"], "model: no such key in a recipe; known: data, enc"),
    "unknown option": (
        ["--training.epoch", "3"],
        "training.epoch: no such option; known: epochs, patience",
    ),
    "wrong type": (
        ["--training.epochs", "three"],
        "training.epochs: expected a whole number, got 'three'",
    ),
    "wrong choice": (
        ["--training.optimizer", "adam"],
        "training.optimizer: expected sgd or adamw, got 'adam'",
    ),
    "no such method": (["--method", "g3d"], "method: there is no 'g3d'; known: "),
    "an option of another method": (
        ["--method", "umt", "--method.alpha", "1"],
        "method.alpha: no such option; known: calibrate, feature_reduction, init, preset, weight",
    ),
    "a value out of bounds": (
        ["--method", "g2d", "--method.alpha", "-1"],
        "method: alpha must be 0 or more, got -1",
    ),
    "a value out of bounds, beside teachers": (
        ["--method", "umt", "--method.weight", "-0.5"],
        "method: weight must be 0 or more, got -0.5",
    ),
    "a value out of bounds, of a gradient": (
        ["--method", "pdmp", "--method.gamma_p", "-2"],
        "method: gamma_p must be 0 or more, got -2",
    ),
    "a value out of bounds, inside a wrapper": (
        ["--method", "g2d_loss+smp", "--method.temperature", "0"],
        "method: temperature must be above 0, got 0",
    ),
    "a value out of bounds, of a fusion that the method brings": (
        ["--method", "di_mml", "--method.certainty_temperature", "0"],
        "method: certainty_temperature must be above 0, got 0",
    ),
    "missing file": (
        ["--data.root", "/no/such/place"],
        "/no/such/place is not there; expected the folder of the toys",
    ),
    "no such module": (["--data", "mine.Data"], "data: there is no module 'mine'; if it is your"),
    "schedule longer than the epochs": (
        ["--method.schedule", "[2, 1]"],
        "takes 3 epochs and training has 2; shorten the schedule or raise training.epochs",
    ),
    "schedule of another length": (
        ["--method.schedule", "[1]"],
        "method.schedule: a schedule is one whole number of epochs (0 or more) for each modality",
    ),
    "one modality only": (
        ["--data.modalities", "1"],
        "encoders: given for ['near', 'far'], and the data has ['near']; give one for each",
    ),
    "NaN in the data": (
        ["--data.fault", "nan"],
        "toy, train: modality 'near' is not a finite number in 1 of 96 rows (first: row 3); fill",
    ),
    "a class absent from train": (
        ["--data.fault", "absent"],
        "toy: no training sample of class '2'; add some, or declare fewer",
    ),
    "an empty split": (["--data.fault", "empty"], "toy, val: got 0 samples and 0 targets"),
    "a branch that cannot be closed": (
        ["--fusion", "concat", "--method.scope", "branch"],
        "method.scope: the fusion 'concat' has no head for each modality",
    ),
    "an ensemble that is not late": (
        ["--method", "ume", "--fusion", "sum"],
        "fusion: ume averages",
    ),
    "a value left out": (["--training.epochs"], "--training.epochs has no value; expected"),
    "a stray word": (["more"], "unexpected argument 'more'; a change of the recipe is --key value"),
    "a seed that is no number": (["--seed", "x"], "argument --seed: invalid int value: 'x'; see"),
    "a negative seed": (["--seed", "-1"], "seed: expected a whole number, 0 or more, got -1"),
}


def check(said, command, line):
    assert said.status == 2
    assert said.err.startswith(f"g2d {command}: ")
    assert said.err.count("\n") == 1
    assert line in said.err
    assert "Traceback" not in said.err
    assert not said.out


@pytest.mark.parametrize("fault", FAULTS)
def test_train_refuses(g2d, toy_file, tmp_path, fault):
    arguments, line = FAULTS[fault]
    said = g2d("train", toy_file(), "--out", tmp_path / "out", *arguments)
    check(said, "train", line)
    assert [p.name for p in tmp_path.iterdir()] == ["toy.yaml"]


@pytest.mark.parametrize("fault", ["wrong type", "one modality only", "NaN in the data"])
def test_teach_refuses(g2d, toy_file, tmp_path, fault):
    arguments, line = FAULTS[fault]
    check(g2d("teach", toy_file(), "--out", tmp_path / "out", *arguments), "teach", line)
    assert [p.name for p in tmp_path.iterdir()] == ["toy.yaml"]


def test_a_cache_from_other_data_is_refused(g2d, toy_file, tmp_path):
    out = tmp_path / "out"
    assert g2d("train", toy_file(), "--method", "umt", "--out", out).status == 0
    (sidecar,) = out.glob("cache/*/cache.json")
    sidecar.write_text(json.dumps(sealed({**json.loads(sidecar.read_text()), "key": "f" * 64})))

    def there() -> list[Path]:
        return sorted(path for path in out.rglob("*") if ".locks" not in path.parts)

    before = there()
    said = g2d("train", toy_file(), "--method", "g2d", "--out", out)
    check(said, "train", "holds a cache of other teachers or other data; delete it or name another")
    assert there() == before


def test_a_recipe_that_is_not_there(g2d, tmp_path):
    for name, line in (("digits", "there is no recipe 'digits'; shipped"), ("x.yaml", "no recipe")):
        check(g2d("train", name, "--out", tmp_path / "out"), "train", line)
    assert not list(tmp_path.iterdir())


def test_a_run_that_exists_or_is_none(g2d, toy_file, tmp_path):
    out = tmp_path / "out"
    assert g2d("train", toy_file(), "--method", "joint", "--out", out).status == 0
    again = ("train", toy_file(), "--method", "joint", "--out", out)
    check(
        g2d(*again),
        "train",
        "holds a finished run; add --resume to show it; for a changed recipe give --name",
    )
    said = g2d(*again, "--resume", "--training.epochs", "5")
    check(said, "train", "was made from another recipe (not the same: training)")
    assert g2d(*again, "--resume").status == 0
    check(g2d("evaluate", out), "evaluate", "is not a finished run folder of a multimodal model")
    said = g2d("evaluate", out / "toy-joint-seed0", "--trust", "--data.salt", "3")
    check(said, "evaluate", "the data is not what toy-joint-seed0 was trained on")


def test_a_place_that_cannot_be_written(g2d, toy_file, tmp_path):
    (tmp_path / "file").write_text("")
    said = g2d("train", toy_file(), "--method", "joint", "--out", tmp_path / "file" / "out")
    check(said, "train", "Not a directory")


@pytest.mark.parametrize(
    ("arguments", "command", "line"),
    [
        (["train"], "train", "the following arguments are required: recipe; see g2d train --help"),
        (["methods", "--all"], "methods", "unexpected argument '--all'; see g2d methods --help"),
        (["methods", "--a.b", "1"], "methods", "unexpected argument '--a.b'"),
        (["recipes", "show"], "recipes", "show what? one of: avdigits, avmnist"),
        (["recipes", "show", "x"], "recipes", "there is no recipe 'x'; shipped: avdigits, avmnist"),
        (["recipes", "drop"], "recipes", "argument action: invalid choice: 'drop'"),
        (["data"], "data", "the following arguments are required"),
        (
            ["data", "check", "avmnist"],
            "data",
            "--root: give the folder of the original files, or of the prepared store",
        ),
        (["data", "check", "avmnist", "--root", "/none"], "data", "/none is no prepared avmnist"),
        (["data", "check", "avmnist_archive", "--root", "/none"], "data", "/none/image/train_data"),
        (
            ["demo", "--epochs", "0", "--out", "/none/x"],
            "demo",
            "--epochs: expected 1 or more, got 0",
        ),
    ],
)
def test_other_commands_refuse(g2d, arguments, command, line):
    check(g2d(*arguments), command, line)


def test_prepare_refuses_what_is_not_there(g2d, tmp_path):
    arguments = ("--images", tmp_path, "--speech", tmp_path, "--out", tmp_path / "out")
    said = g2d("data", "prepare", "avmnist", *arguments)
    assert (said.status, said.err.count("\n"), said.out) == (2, 1, "")
    assert not list(tmp_path.iterdir())
    said = g2d("data", "prepare", "avmnist", "--images", tmp_path, "--out", tmp_path / "out")
    assert said.err == "g2d data: --speech: this must be given; see g2d data ls avmnist\n"
    said = g2d("data", "prepare", "avmnist", *arguments, "--snr-db", "loud")
    assert said.err == "g2d data: --snr-db: expected a number, got 'loud'\n"
    said = g2d("data", "prepare", "avmnist", *arguments, "--noises", "4")
    assert said.err.startswith("g2d data: --noises: no such option; known: images, speech, ")


def test_an_unknown_command(g2d):
    said = g2d("trian")
    assert said.status == 2
    assert said.err.startswith("g2d: argument COMMAND: invalid choice: 'trian' (choose from")
    assert said.err.count("\n") == 1


def test_debug_shows_the_trace(g2d, toy_file, tmp_path):
    from g2d import UserError

    with pytest.raises(UserError, match="expected a whole number"):
        g2d("train", toy_file(), "--debug", "--training.epochs", "x", "--out", tmp_path / "out")


def test_the_installed_command_ends_with_status_2_and_one_line(toy_file, tmp_path):
    command = Path(sys.executable).with_name("g2d")
    tests = Path(__file__).parents[1]
    ended = subprocess.run(
        [command, "train", toy_file(), "--data.fault", "nan", "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tests), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("g2d train: toy, train: modality 'near' is not a finite number")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
