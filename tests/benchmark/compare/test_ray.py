"""The launcher of Ray, on a Ray of this machine."""

from __future__ import annotations

import pytest

from benchmark.compare.small import left_behind, run_grid, toy_grid
from g2d.benchmark.compare.launchers.launching import make_launcher, take_options
from g2d.errors import UserError


def test_options_belong_to_their_launcher():
    changes = [("ray.cpus", 2), ("training.epochs", 3), ("rays", 1)]
    assert take_options(changes, "ray") == ({"cpus": 2}, [("training.epochs", 3), ("rays", 1)])
    with pytest.raises(UserError, match=r"--ray.cpus: an option of another launcher; add --launch"):
        take_options(changes, "slurm")
    with pytest.raises(UserError, match=r"--ray.cpu: no such option; known: address, cpus, gpus"):
        make_launcher("ray", None, None, {"cpu": 1})


@pytest.mark.slow(every_shard=True)
def test_a_grid_on_ray_is_the_grid_of_one_process_and_a_dead_worker_fails_alone(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    mark = tmp_path / "mark"
    data = {
        # other points than those of the deadly: else they share teachers, and the first trains them
        "toys": {"data": {"name": "toy.ToyData", "salt": 1}},
        "deadly": {
            "data": {"name": "benchmark.compare.deadly.Deadly", "mark": str(mark), "at": 15}
        },
    }
    grid = toy_grid(tmp_path, data=data, method=["umt"])
    out = tmp_path / "runs"
    outcomes = run_grid(grid, out, make_launcher("ray", out, 2, {}))
    reasons = [outcomes[cell.name].reason for cell in grid.cells()]
    assert reasons[0] == ""
    assert reasons[1].startswith("its teachers could not be trained: Ray ended it: ")
    assert mark.exists()
    again = run_grid(grid, out, make_launcher("ray", out, 2, {"cpus": 1}))
    assert not any(outcome.reason for outcome in again.values())
    run_grid(grid, tmp_path / "whole")
    assert left_behind(out) == left_behind(tmp_path / "whole")
