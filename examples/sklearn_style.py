"""Two halves of a digit and a modality of noise, in the style of scikit-learn.

Run: python examples/sklearn_style.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import g2d


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    noise = np.random.default_rng(0).standard_normal((len(digits), 16))
    X = np.hstack([pixels, noise])
    train, test, y_train, y_test = train_test_split(X, digits, test_size=400, random_state=0)

    model = g2d.G2DClassifier(
        modalities={"top": slice(0, 32), "bottom": slice(32, 64), "noise": slice(64, 80)},
        method="g2d",  # the default, auto, compares ways to train and would leave the noise out
        epochs=12,
        learning_rate=0.003,
    ).fit(train, y_train)

    print(f"fused: {model.score(test, y_test):.3f} right")
    for name, said in model.predict_unimodal(test).items():
        print(f"{name}, unimodal prediction: {np.mean(np.array(said) == y_test):.3f} right")


if __name__ == "__main__":
    main()
