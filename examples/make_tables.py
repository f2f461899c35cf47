"""Tables to try `g2d data inspect`, `train` and `predict` on.

Run: python examples/make_tables.py avmnist OUT --images MNIST --speech RECORDINGS
     python examples/make_tables.py soil OUT      (pictures and readings, a number to predict)
     python examples/make_tables.py broken OUT    (10,000 rows, one cell in twenty broken)
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from g2d.benchmark.datasets.idx import read_idx

Random = np.random.Generator


def write(path: Path, rows: list[dict[str, Any]], **options: Any) -> None:
    style = {"encoding": options.pop("encoding", "utf-8"), "errors": "surrogateescape"}
    with path.open("w", newline="", **style) as stream:
        table = csv.DictWriter(stream, list(rows[0]), **options)
        table.writeheader()
        table.writerows(rows)


def avmnist(out: Path, images: Path, speech: Path, random: Random) -> None:
    """MNIST's test digits as pictures, each with a recording of the same digit, in noise."""
    pixels = read_idx(images / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(images / "t10k-labels-idx1-ubyte.gz")
    spoken = {digit: sorted(speech.glob(f"{digit}_*.wav")) for digit in range(10)}
    rows = []
    for row, digit in enumerate(labels[:2000].tolist()):
        Image.fromarray(pixels[row]).save(out / f"{row}.png")
        wave, rate = soundfile.read(spoken[digit][row % len(spoken[digit])])
        loud = np.std(wave) * 10 ** (12 / 20)  # noise 12 dB above the voice
        soundfile.write(out / f"{row}.wav", 0.2 * (wave + random.normal(0, loud, len(wave))), rate)
        rows.append({"picture": f"{row}.png", "voice": f"{row}.wav", "digit": digit})
    write(out / "data.csv", rows)


def soil(out: Path, random: Random) -> None:
    """Wet soil is dark; its moisture also follows rain and heat."""
    rows = []
    for row in range(600):
        rain, heat = random.gamma(1.0, 4.0), random.normal(20, 6)
        moisture = float(np.clip(0.25 + 0.02 * rain - 0.006 * (heat - 20), 0.02, 0.6))
        grey = 220 - 300 * moisture + random.normal(0, 20, (32, 32, 3))
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(out / f"{row}.jpg")
        station, day = f"OK{row % 3}", f"2024-{1 + row % 12:02}-{1 + row % 28:02}"
        readings = {"rain": f"{rain:.2f}" if row % 9 else "", "heat": f"{heat:.1f}"}
        place = {"station": station, "day": day, "moisture": f"{moisture:.4f}"}
        rows.append({"photo": f"{row}.jpg", **readings, **place})
    write(out / "data.csv", rows)


def broken(out: Path, random: Random, count: int = 10_000) -> None:
    """A spreadsheet's CSV (BOM, semicolons) in which one cell in twenty is broken or empty."""
    for kind in range(4):
        grey = np.clip(random.normal(50 + 50 * kind, 20, (200, 16, 16)), 0, 255).astype(np.uint8)
        for number, picture in enumerate(grey):
            Image.fromarray(picture).save(out / f"p{kind}-{number}.png")
            tone = np.sin(2 * np.pi * (300 + 200 * kind) * np.arange(800) / 8000)
            noise = random.normal(0, 0.5, 800)
            soundfile.write(out / f"s{kind}-{number}.wav", 0.2 * (tone + noise), 8000)
    (out / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    (out / "empty.wav").touch()
    (out.parent / f"{out.name}-outside.png").write_bytes((out / "p0-0.png").read_bytes())
    bad = {
        "picture": ["corrupt.png", "", "nowhere.png", f"../{out.name}-outside.png"],
        "sound": ["empty.wav", "", "nowhere.wav", "corrupt.png"],
        "note": ["", "caf\udce9 au lait tomorrow morning"],  # a byte that is not UTF-8
        "size": ["NaN", "", "about four", "inf"],
        "kind": [""],
    }
    rows = []
    for _ in range(count):
        kind, number = int(random.integers(4)), int(random.integers(200))
        words = random.choice(["calm", "bright", "loud", "quiet"], 3)
        row = {
            "picture": f"p{kind}-{number}.png",
            "sound": f"s{kind}-{number}.wav",
            "note": f"{' '.join(words)} {['ant', 'bee', 'cat', 'dog'][kind]}",
            "size": f"{random.normal(kind, 1.0):.3f}",
            "kind": "abcd"[kind],
        }
        for name in bad:
            if random.random() < 0.05:
                row[name] = str(random.choice(bad[name]))
        rows.append(row)
    rows[7]["kind"] = "seen once"
    write(out / "data.csv", rows, delimiter=";", encoding="utf-8-sig")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("avmnist", "soil", "broken"))
    parser.add_argument("out", type=Path)
    for flag, usual in (("--images", "mnist"), ("--speech", "fsdd/recordings")):
        parser.add_argument(flag, type=Path, default=Path(usual))
    parser.add_argument("--rows", type=int, default=10_000, help="of `broken`")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    arguments.out.mkdir(parents=True)
    if arguments.what == "avmnist":
        avmnist(arguments.out, arguments.images, arguments.speech, random)
    elif arguments.what == "soil":
        soil(arguments.out, random)
    else:
        broken(arguments.out, random, arguments.rows)


if __name__ == "__main__":
    main()
