"""What g2d does on one GPU, in one call of nine minutes at most.

    python benchmarks/gpu.py --pack avmnist --data avmnist.npz
    python benchmarks/gpu.py --data avmnist.npz

The first command makes the file that is carried to the machine with the card (40 MB at most), of a
store that `g2d data prepare avmnist` wrote. The second needs that file, this checkout, and the
packages that `benchmarks/README.md` names; nothing is downloaded. Three parts, each with a share of
the minutes, each written to the result as soon as it is there:

- `check`: every method on the card beside the CPU, gates, host copies (`gpu_check.py`);
- `step`: a step of ResNet-18 at CREMA-D's shapes (`gpu_step.py`);
- `avmnist`: AV-MNIST with the paper's encoders and settings (`gpu_avmnist.py`).

A part that fails leaves its error in the result, and the others are run. `--only` measures some
parts and keeps those that the result has of the same card and software.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_avmnist import avmnist, pack
from gpu_check import check
from gpu_step import steps

from g2d.runs.environment import environment

HERE = Path(__file__).parent
# Of all the time; what is left goes to the last part.
SHARES = {"check": 0.12, "step": 0.2, "avmnist": 1.0}


class Clock:
    """How much time is left of so many seconds.

    Example:
        >>> Clock(60.0).part(0.5).left() <= 30.0
        True
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds."""
        return self._ends - time.monotonic()

    def part(self, share: float) -> Clock:
        """The clock of a part that may take a share of what is left."""
        return Clock(share * self.left())


def card(device: torch.device) -> dict[str, Any]:
    """What the device calls itself."""
    if device.type != "cuda":
        return {"name": "CPU"}
    found = torch.cuda.get_device_properties(device)
    return {
        "name": found.name,
        "memory_GiB": round(found.total_memory / 2**30, 1),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def _before(path: Path, now: dict[str, Any]) -> dict[str, Any]:
    """What a result says already, when it was measured by the same card and software."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    same = all(found.get(key) == now[key] for key in ("card", "environment"))
    return found if same else {}


def main() -> None:
    """Packs, or measures and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the carried file")
    parser.add_argument("--pack", type=Path, help="make that file of this prepared store")
    parser.add_argument("--rows", type=int, nargs=3, default=[3000, 1000, 1500], help="to pack")
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--only", nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--lanes", type=int, default=12, help="runs of AV-MNIST side by side")
    parser.add_argument("--epochs", type=int, help="of AV-MNIST; as many as fit when not given")
    parser.add_argument("--tiny", action="store_true", help="everything small, to try it out")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    if arguments.pack is not None:
        size = pack(arguments.pack, arguments.data, arguments.rows)
        print(f"packed {arguments.data}, {size / 1e6:.1f} MB")
        return
    device, clock = torch.device(arguments.device), Clock(60 * arguments.minutes)
    path = arguments.result or HERE / "results" / f"gpu-{device.type}.json"
    parts: dict[str, Callable[[Clock], dict[str, Any]]] = {
        "check": lambda own: check(device, own.left, tiny=arguments.tiny),
        "step": lambda own: steps(device, own.left, tiny=arguments.tiny),
        "avmnist": lambda own: avmnist(
            arguments.data,
            path.with_suffix(".runs"),
            own.left,
            device=device.type,
            seeds=arguments.seeds,
            lanes=arguments.lanes,
            epochs=arguments.epochs,
            tiny=arguments.tiny,
        ),
    }
    result: dict[str, Any] = {
        "command": "python benchmarks/gpu.py --data FILE",
        "card": card(device),
        "environment": environment(),
    }
    result = _before(path, result) | result
    for name in arguments.only:
        began = time.monotonic()
        try:
            result[name] = parts[name](clock.part(SHARES[name]))
        except Exception as error:  # one part does not take the others with it
            traceback.print_exc()
            result[name] = {"failed": f"{type(error).__name__}: {error}"}
        result[name]["seconds"] = round(time.monotonic() - began, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        print(
            f"{name}: {result[name]['seconds']} s, {max(0.0, clock.left()):.0f} s left", flush=True
        )
    print(f"written to {path}")


if __name__ == "__main__":
    main()
