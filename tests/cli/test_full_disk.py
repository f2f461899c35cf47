"""Commands on a disk that has less room than they need."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from cli.test_stopping import ENVIRONMENT

ENDINGS = {"torch": "pt2", "onnx": "onnx"}


@pytest.fixture
def small_disk(tmp_path):
    """Runs a command with a disk of some size in the place of a folder, which nobody else sees."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def run(size, *words):
        command = shlex.join([sys.executable, "-m", "g2d.cli.main", *map(str, words)])
        # what is left there is listed, and goes with the command
        script = f"mount -t tmpfs -o size={size} none {folder} || exit 99; {command}; status=$?; "
        script += f"find {folder} -type f; exit $status"
        words = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, env=ENVIRONMENT, check=False
            )
        except FileNotFoundError:
            pytest.skip("this system has no unshare")
        if done.returncode == 99 or done.stderr.startswith("unshare"):
            pytest.skip(f"this system gives nobody a disk of his own: {done.stderr.strip()}")
        return done

    run.folder = folder
    return run


def test_training_names_the_file(toy_file, small_disk):
    words = ("train", toy_file(), "--method", "joint", "--out", small_disk.folder)
    done = small_disk("24k", *words)
    checkpoint = small_disk.folder / "toy-joint-seed0" / "last.ckpt"
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"g2d train: {checkpoint} cannot be written: the disk is full (")
    assert ".tmp" not in done.stdout
    assert str(checkpoint) not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDINGS)
def test_an_export_names_the_file_and_leaves_none(kind, g2d, toy_file, small_disk, tmp_path):
    """PyTorch's writer aborts the process when it finds out by itself."""
    g2d("train", toy_file(), "--method", "joint", "--out", tmp_path / "runs")
    run, file = tmp_path / "runs" / "toy-joint-seed0", small_disk.folder / f"m.{ENDINGS[kind]}"
    # room for the weights, and not for the rest
    done = small_disk("20k", "export", run, "--trust", "--format", kind, "--out", file)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        f"g2d export: {file} cannot be written: the disk is full ("
    )
    assert done.stdout == ""
