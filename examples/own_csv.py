"""A table of one's own, end to end: a CSV of pictures and recordings to a model and predictions.

The table is written here, of scikit-learn's digits and tones; yours is there already.

Run: python examples/own_csv.py
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from sklearn.datasets import load_digits

from g2d.recipes.recipe import recipe_from, with_changes
from g2d.runs.train import train
from g2d.table.inspection.inspect import inspect_table
from g2d.table.predict import Predictor

ROWS = 400


def write_table(folder: Path) -> Path:
    """Each row: a picture of a digit, a tone as high as the digit, in noise, and the answer."""
    pixels, digits = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    time = np.arange(1600) / 8000
    with (folder / "digits.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["photo", "sound", "digit"])
        for row in range(ROWS):
            photo, sound = f"{row}.png", f"{row}.wav"
            Image.fromarray((15 * pixels[row].reshape(8, 8)).astype(np.uint8)).save(folder / photo)
            tone = np.sin(2 * np.pi * (300 + 100 * digits[row]) * time)
            soundfile.write(folder / sound, 0.1 * (tone + random.standard_normal(1600)), 8000)
            table.writerow([photo if row != 7 else "", sound, digits[row]])  # row 8 has no photo
    return folder / "digits.csv"


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = write_table(folder)

        content, notes = inspect_table(table, target="digit")
        print("\n".join(notes))

        recipe = with_changes(
            recipe_from(content),
            [
                ("data.cache", str(folder / "cache")),
                ("data.modalities.photo.side", 16),
                ("data.modalities.sound.seconds", 0.2),
                ("data.modalities.sound.rate", 8000),
                ("method", "g2d"),  # inspect suggests auto, which `g2d train` compares methods for
                ("training.epochs", 10),
            ],
        )
        run = train(recipe, folder / "runs")

        predictor = Predictor(run)
        said = list(predictor.table(table))
        right = np.mean([row["digit"] == prediction.answer for row, prediction in said])
        print(f"fused: {right:.3f} of all rows right")
        row, prediction = said[7]
        print(f"row 8 is {row['digit']}: {prediction.answer}, by {', '.join(prediction.unimodal)}")


if __name__ == "__main__":
    main()
