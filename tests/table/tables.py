"""Tables of made-up people's data, written with real codecs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

WORDS = ["the", "a", "bird", "dog", "runs", "sings", "loud", "soft", "far", "near"]


def write_table(folder: Path, rows: int = 80, seed: int = 0, name: str = "animals.csv") -> Path:
    """Pictures, recordings, sentences and numbers of two animals; every modality tells them apart.

    A bird is a bright picture, a high tone, has `sings` in its sentence, and is small.
    """
    import soundfile
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    time = np.arange(2000) / 4000
    lines = []
    for row in range(rows):
        bird = row % 2 == 0
        pixels = rng.integers(100, 256, (24, 24, 3)) if bird else rng.integers(0, 156, (24, 24, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
        tone = 0.3 * np.sin(2 * np.pi * (1200 if bird else 300) * time)
        noisy = tone + 0.05 * rng.standard_normal(2000)
        soundfile.write(folder / f"{row}.wav", noisy.astype(np.float32), 4000)
        words = [*rng.choice(WORDS[:4], 3), "sings" if bird else "runs", *rng.choice(WORDS[6:], 2)]
        lines.append(
            {
                "picture": f"{row}.png",
                "call": f"{row}.wav",
                "note": " ".join(words),
                "weight": round(float(rng.normal(0.1 if bird else 20, 0.02)), 3),
                "place": rng.choice(["wood", "town", "sea"]),
                "seen": f"2024-{1 + row % 12:02}-{1 + row % 28:02}",
                "age": round(float(rng.uniform(1, 9) + (0 if bird else 10)), 1),
                "animal": "bird" if bird else "dog",
            }
        )
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


SMALL = (
    *("--data.modalities.picture.side", 16, "--data.modalities.call.seconds", 0.5),
    *("--data.modalities.call.rate", 4000, "--data.modalities.call.mels", 12),
    *("--training.epochs", 4),
)
