"""Puts one fault after the other into a copy of the package: do the nearest tests notice?

    PYTHONPATH=tests python -m mutants.run [PART OF A NAME OR FILE ...] [--shard I/N] [--jobs N]

The checkout is not touched. The tests are first run without any fault, and have to pass. Ends with
1 when a mutant survives, or when there is no answer.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from mutants.mutants import Mutant, read_mutants

ROOT = Path(__file__).parents[2]
# A mutant that makes a test wait for ever is noticed as well.
SECONDS = 600
# Imported once, and not by every mutant's tests: most of them are shorter than that.
HEAVY = ["torch", "torch.utils.data", "numpy", "scipy.stats", "lightning_fabric", "pytest"]
HEAVY += ["safetensors.torch", "pandas", "jsonargparse"]
CONTEXT = multiprocessing.get_context("forkserver")


def copy_checkout(to: Path) -> None:
    """All files that git knows, and those that are new."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def pytest_in(copy: Path, tests: Sequence[str], output: Path) -> None:
    """Runs tests on the package of a copy, in a process of their own."""
    import pytest

    os.setsid()  # so that what the tests begin ends with them
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(copy)
    sys.path[:0] = [str(copy / "src")]
    os.environ["PYTHONPATH"] = str(copy / "src")
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was imported before
    options += ["-m", "not conformance and not slow"]
    sys.exit(int(pytest.main([*options, *tests])))


def outcome(copy: Path, tests: Sequence[str]) -> tuple[str, str]:
    """What the tests of a copy say: `passed`, `failed`, `timeout` or `error`, and a line of it."""
    output = copy.with_suffix(".txt")
    process = CONTEXT.Process(target=pytest_in, args=(copy, tests, output))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        return "timeout", f"no end after {SECONDS} s"
    lines = output.read_text(errors="replace").splitlines() or [""]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    nothing = process.exitcode == 0 and " passed" not in lines[-1]
    word = {0: "error" if nothing else "passed", 1: "failed"}.get(process.exitcode, "error")
    return word, (failed or lines)[-1][:160]


def judge(mutant: Mutant, copy: Path) -> tuple[str, str]:
    """`killed`, `survived` or `no answer`, and why."""
    path = copy / mutant.file
    text = path.read_text("utf-8")
    _write(path, mutant.applied(text))
    try:
        said, why = outcome(copy, mutant.tests)
    finally:
        _write(path, text)
    return {"passed": "survived", "error": "no answer"}.get(said, "killed"), why


def _write(path: Path, text: str) -> None:
    """Under another time, to the second, than before: Python keeps what it compiled by that."""
    before = path.stat().st_mtime
    path.write_text(text, "utf-8")
    os.utime(path, (before + 10, before + 10))


def main(arguments: list[str] | None = None) -> int:
    """Runs the mutants and says which survive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="only mutants whose name or file has one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="the I-th of N parts")
    parser.add_argument(
        "--pass", action="store_true", dest="known", help="without a mutant, all do"
    )
    options = parser.parse_args(arguments)
    mutants = [
        mutant
        for mutant in read_mutants()
        if not options.parts or any(p in mutant.name or p in mutant.file for p in options.parts)
    ]
    part, parts = map(int, options.shard.split("/"))
    mutants = mutants[part % parts :: parts]
    if not mutants:
        parser.error("no mutant has that in its name or file, or none is in that part")
    for mutant in mutants:
        mutant.applied((ROOT / mutant.file).read_text("utf-8"))
    os.environ["OMP_NUM_THREADS"] = "1"
    CONTEXT.set_forkserver_preload(HEAVY)
    copies: SimpleQueue[Path] = SimpleQueue()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        for job in range(options.jobs):
            copies.put(Path(folder) / f"copy-{job}")
            copy_checkout(Path(folder) / f"copy-{job}")

        def run(mutant: Mutant) -> tuple[str, str, float]:
            copy, before = copies.get(), time.perf_counter()
            try:
                return *judge(mutant, copy), time.perf_counter() - before
            finally:
                copies.put(copy)

        tests = sorted({test for mutant in mutants for test in mutant.tests})
        said, why = ("passed", "") if options.known else outcome(Path(folder) / "copy-0", tests)
        if said != "passed":
            print(f"without any mutant the tests do not pass: {why}")
            return 1
        found = []
        for mutant, (verdict, why, took) in zip(mutants, pool.map(run, mutants), strict=True):
            print(f"{verdict:9} {took:4.0f} s  {mutant.name} ({mutant.file}): {why}", flush=True)
            found.append(verdict)
    minutes = (time.perf_counter() - began) / 60
    print(f"{found.count('killed')} of {len(mutants)} killed in {minutes:.1f} minutes")
    return 0 if set(found) == {"killed"} else 1


if __name__ == "__main__":
    sys.exit(main())
