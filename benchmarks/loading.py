"""Samples a second from the original files and from a store, beside the time of a training step.

    python benchmarks/loading.py --threads 2

Clips as those of CREMA-D (480 x 360 Flash video of 2.5 s, a WAV file) and of VGGSound (640 x 360
MP4 of 10 s with an AAC track) are made with real codecs, of a moving texture with grain. `raw`
decodes sample by sample, as preparation does (and as a loader without a store would have to, before
it crops); `store` reads training batches of 16 with their random crops; both on one core, in one
process, the files in the page cache. `step` is one of joint training in the engine, ResNet-18,
batch 16, on as many threads as asked for. All take turns; ratios are medians over rounds of the
ratio within the round. Writes `benchmarks/results/loading-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from step import BATCH, Step, engine, make_batch, make_model, timed
from tables import loading_table

import g2d
from g2d.benchmark.datasets.audiovisual.decode import Decoder as VggsoundDecoder
from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.benchmark.datasets.cremad.decode import Decoder as CremadDecoder
from g2d.benchmark.datasets.cremad.layout import read_layout as cremad_layout
from g2d.benchmark.datasets.cremad.prepare import prepare as prepare_cremad
from g2d.benchmark.datasets.vggsound.dataset import VGGSound
from g2d.benchmark.datasets.vggsound.files import prepare as prepare_vggsound
from g2d.benchmark.datasets.vggsound.layout import read_layout as vggsound_layout
from g2d.data.preparation import Decode, Sample
from g2d.data.splits import Split
from g2d.data.threads import one_thread
from g2d.errors import require
from g2d.runs.environment import environment

HERE = Path(__file__).parent
EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")


@dataclass(frozen=True)
class Setup:
    """One dataset, made and prepared.

    Attributes:
        what: In words.
        samples: Of the original files.
        decode: What preparation makes of each.
        train: The training split of the store.
        shapes: Of a sample as it is read.
        sizes: Bytes of a sample, original and stored.
    """

    what: str
    samples: list[Sample]
    decode: Decode
    train: Split
    shapes: dict[str, tuple[int, ...]]
    sizes: dict[str, int]


def texture(size: tuple[int, int], seed: int) -> Callable[[int], NDArray[np.uint8]]:
    """Frames of a smooth picture that moves, with grain, so that a codec has something to do."""
    image = require("PIL.Image", "datasets")
    width, height = size
    rng = np.random.default_rng(seed)
    coarse = image.fromarray(rng.integers(0, 256, (18, 24, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-6, 7, (height, width, 1), dtype=np.int16)

    def frame(number: int) -> NDArray[np.uint8]:
        moved = np.roll(smooth, 2 * number, axis=1) + np.roll(grain, 17 * number, axis=0)
        return moved.clip(0, 255).astype(np.uint8)

    return frame


def write_video(
    path: Path,
    codec: str,
    rate: Any,
    count: int,
    frame: Callable[[int], NDArray[np.uint8]],
    sound: NDArray[np.float32] | None = None,
) -> None:
    """Writes a clip; `sound` `(2, T)` at 44.1 kHz becomes an AAC track."""
    av = require("av", "datasets")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frame(0).shape[:2]
        stream.pix_fmt = "yuv420p"
        track = None
        if sound is not None:
            track = container.add_stream("aac", rate=44100, layout="stereo")
        for number in range(count):
            picture = av.VideoFrame.from_ndarray(frame(number), format="rgb24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if track is not None:
            heard = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = 44100, 0
            container.mux(track.encode(heard))
            container.mux(track.encode())


def make_cremad(folder: Path, clips: int) -> Setup:
    """Clips of 2.5 s under names of CREMA-D, and their store."""
    sound = require("soundfile", "audio")
    root = folder / "CREMA-D"
    for name in ("AudioWAV", "VideoFlash"):
        (root / name).mkdir(parents=True)
    for i in range(clips):
        name = f"{1001 + i // 6}_IEO_{EMOTIONS[i % 6]}_XX"
        frame = texture((480, 360), i)
        video = root / "VideoFlash" / f"{name}.flv"
        write_video(video, "flv", Fraction(30000, 1001), 75, frame)
        wave = 0.1 * np.random.default_rng(i).standard_normal(40000)
        sound.write(root / "AudioWAV" / f"{name}.wav", wave, 16000, subtype="PCM_16")
    store = prepare_cremad(root, folder / "cremad", workers=0)
    splits = CREMAD(store, "paper").splits()
    return Setup(
        "2.5 s of 480 x 360 Flash video and WAV; one frame, 3 s of sound",
        cremad_layout(root).samples,
        CremadDecoder(),
        splits.train,
        splits.spec.shapes,
        {"original": _size(root) // clips, "stored": _size(store) // clips},
    )


def make_vggsound(folder: Path, clips: int) -> Setup:
    """Clips of 10 s under names of VGGSound, and their store."""
    root = folder / "VGGSound"
    (root / "video").mkdir(parents=True)
    rows = []
    for i in range(clips):
        wave = 0.1 * np.random.default_rng(i).standard_normal((2, 441000)).astype(np.float32)
        frame = texture((640, 360), i)
        path = root / "video" / f"clip-{i:06d}_000000.mp4"
        write_video(path, "libx264", 25, 250, frame, wave)
        rows.append(f"clip-{i:06d},0,class {i % 6},train\n")
    (root / "vggsound.csv").write_text("".join(rows))
    store = prepare_vggsound(root, folder / "vggsound", workers=0)
    splits = VGGSound(store, "paper").splits()
    return Setup(
        "10 s of 640 x 360 MP4 with AAC; three frames, 5 s of sound",
        vggsound_layout(root).samples,
        VggsoundDecoder(),
        splits.train,
        splits.spec.shapes,
        {"original": _size(root) // clips, "stored": _size(store) // clips},
    )


MAKE: Mapping[str, Callable[[Path, int], Setup]] = {
    "cremad": make_cremad,
    "vggsound": make_vggsound,
}


def measure(setup: Setup, rounds: int, batches: int, device: torch.device) -> dict[str, Any]:
    """Decodes, reads and trains by turns."""
    rows = [i % len(setup.train) for i in range(BATCH)]
    task = g2d.Classification(len(EMOTIONS))
    model = make_model(setup.shapes).to(device)
    step: Step = engine(g2d.JointTraining(model, task), make_batch(setup.shapes, device), 0)

    def raw() -> float:
        started = time.perf_counter()
        for sample in setup.samples:
            setup.decode(sample)
        return (time.perf_counter() - started) / len(setup.samples)

    def read() -> float:
        started = time.perf_counter()
        for _ in range(batches):
            setup.train.__getitems__(rows)
        return (time.perf_counter() - started) / batches

    with one_thread():
        read()
    timed(step, device)
    found = []
    for _ in range(rounds):
        with one_thread():
            decoded, loaded = raw(), read()
        found.append({"raw": decoded, "batch": loaded, "step": timed(step, device)})
    return {
        "what": setup.what,
        "bytes": setup.sizes,
        "raw_samples_per_s": statistics.median(1 / turn["raw"] for turn in found),
        "store_samples_per_s": statistics.median(BATCH / turn["batch"] for turn in found),
        "batch_ms": 1000 * statistics.median(turn["batch"] for turn in found),
        "step_ms": 1000 * statistics.median(turn["step"] for turn in found),
        "store_over_raw": _spread([BATCH * turn["raw"] / turn["batch"] for turn in found]),
        "step_over_batch": _spread([turn["step"] / turn["batch"] for turn in found]),
    }


def _spread(ratios: list[float]) -> dict[str, Any]:
    ordered = sorted(ratios)
    quarter = len(ordered) // 4
    return {
        "ratio": statistics.median(ordered),
        "quartiles": [ordered[quarter], ordered[-1 - quarter]],
    }


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Makes the clips, measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=16, help="of each dataset")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=10, help="read in each round")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the step")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--setups", nargs="+", default=list(MAKE), choices=list(MAKE))
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    result: dict[str, Any] = {
        "command": f"python benchmarks/loading.py --clips {arguments.clips} --rounds "
        f"{arguments.rounds} --batches {arguments.batches} --threads {arguments.threads}",
        "what": "raw and store on one core of one process, page cache warm; store: training "
        f"batches of {BATCH} with random crops; step: joint, ResNet-18, batch {BATCH}, float32",
        "environment": environment(),
        "loading": {},
    }
    for name in arguments.setups:
        with tempfile.TemporaryDirectory() as folder:
            setup = MAKE[name](Path(folder), arguments.clips)
            measured = measure(setup, arguments.rounds, arguments.batches, device)
            result["loading"][name] = measured
    print(loading_table(result))
    path = arguments.result or HERE / "results" / f"loading-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
