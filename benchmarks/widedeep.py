"""pytorch-widedeep on the tables, rows and seeds of `own_data.py`, whose result gets a row more.

Preprocessing and networks are its own, with their defaults: `TabMlp` for the columns, `BasicRNN`
(width 32) for every text, `Vision` for pictures of 64 x 64. AdamW, shuffled; validation loss picks
the epoch and one of six learning rates, where g2d's rows have one. Missing numbers are the median
of training rows, and missing texts are empty: it knows no missing modality. There is nothing for
recordings in it, so that AV-MNIST has no such row.

    pip install pytorch-widedeep
    python benchmarks/widedeep.py --root TABLES --only movies leaves
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import own_data
import own_tables
import pandas
import torch
from cells import write
from numpy.typing import NDArray
from pytorch_widedeep import Trainer
from pytorch_widedeep.callbacks import EarlyStopping
from pytorch_widedeep.models import BasicRNN, TabMlp, Vision, WideDeep
from pytorch_widedeep.preprocessing import (
    ImagePreprocessor,
    TabPreprocessor,
    TextPreprocessor,
)

from g2d.analysis.scores import score_samples
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import Splits
from g2d.recipes.build import build_splits
from g2d.tasks import Classification, Regression

ROW = "widedeep"
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
EPOCHS, PATIENCE, BATCH, SIDE = 60, 10, 32, 64
Inputs = dict[str, Any]


@dataclass
class Columns:
    """Columns of a table by what reads them."""

    numbers: list[str]
    names: list[str]
    texts: list[str]
    pictures: list[str]

    @classmethod
    def of(cls, frame: pandas.DataFrame, modalities: dict[str, Any]) -> Columns:
        """By the kinds that the recipe of `own_data.py` has."""
        found = cls([], [], [], [])
        for name, options in modalities.items():
            kind, columns = options["kind"], options.get("columns", [options.get("column", name)])
            if kind == "text":
                found.texts += columns
            elif kind == "image":
                found.pictures += columns
            elif kind in ("tabular", "features"):
                for column in columns:
                    number = pandas.api.types.is_numeric_dtype(frame[column])
                    (found.numbers if number else found.names).append(column)
            else:
                raise SystemExit(f"{name}: pytorch-widedeep has nothing for {kind}")
        return found


class Prepared:
    """What the networks get, fitted on training rows."""

    def __init__(self, frame: pandas.DataFrame, columns: Columns, folder: Path, train: Any) -> None:
        frame = frame.copy()
        middle = frame.iloc[train][columns.numbers].median()
        frame[columns.numbers] = frame[columns.numbers].fillna(middle)
        frame[columns.texts] = frame[columns.texts].fillna("")
        self.parts: Inputs = {}
        self.networks: dict[str, Any] = {}
        own = frame.iloc[train]
        if columns.numbers or columns.names:
            table = TabPreprocessor(
                cat_embed_cols=columns.names or None,
                continuous_cols=columns.numbers or None,
                cols_to_scale=columns.numbers or None,
                verbose=0,
            )
            table.fit(own)
            self.parts["X_tab"] = table.transform(frame)
            self.networks["deeptabular"] = lambda: TabMlp(
                column_idx=table.column_idx,
                cat_embed_input=table.cat_embed_input if columns.names else None,
                continuous_cols=columns.numbers or None,
            )
        if columns.texts:
            texts = [TextPreprocessor(text_col=c, n_cpus=1, verbose=0) for c in columns.texts]
            for each in texts:
                each.fit(own)
            self.parts["X_text"] = [each.transform(frame) for each in texts]
            self.networks["deeptext"] = lambda: [
                BasicRNN(vocab_size=len(each.vocab.itos), embed_dim=32) for each in texts
            ]
        if columns.pictures:
            (picture,) = columns.pictures
            look = ImagePreprocessor(
                img_col=picture, img_path=str(folder), width=SIDE, height=SIDE, verbose=0
            )
            look.fit(own)
            self.parts["X_img"] = look.transform(frame)
            self.networks["deepimage"] = Vision

    def rows(self, rows: NDArray[np.integer]) -> Inputs:
        """Of a split."""
        return {
            name: [part[rows] for part in parts] if isinstance(parts, list) else parts[rows]
            for name, parts in self.parts.items()
        }

    def model(self, outputs: int) -> WideDeep:
        """New networks."""
        return WideDeep(**{name: make() for name, make in self.networks.items()}, pred_dim=outputs)


def score(splits: Splits, prepared: Prepared, seed: int) -> float:
    """The test score of the learning rate with the lowest validation loss."""
    task = splits.spec.task
    parts: dict[str, Any] = {n: getattr(splits, n) for n in ("train", "val", "test")}
    if isinstance(task, Regression):
        goal, outputs = "regression", 1
        target = {n: task.scale(part.target).numpy() for n, part in parts.items()}
    else:
        assert isinstance(task, Classification)
        goal = "binary" if task.outputs == 2 else "multiclass"
        outputs = 1 if goal == "binary" else task.outputs
        target = {n: part.target.numpy() for n, part in parts.items()}
    rows = {n: prepared.rows(part.rows) for n, part in parts.items()}
    found: dict[float, tuple[float, Any]] = {}
    for rate in RATES:
        torch.manual_seed(seed)
        np.random.seed(seed)
        model = prepared.model(outputs)
        stop = EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        trainer = Trainer(
            model,
            objective=goal,
            optimizers=torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01),
            callbacks=[stop],
            verbose=0,
            seed=seed,
            device="cpu",
            num_workers=0,
        )
        trainer.fit(
            X_train={**rows["train"], "target": target["train"]},
            X_val={**rows["val"], "target": target["val"]},
            n_epochs=EPOCHS,
            batch_size=BATCH,
            shuffle=True,
        )
        found[rate] = min(trainer.history["val_loss"]), trainer
    rate = min(found, key=lambda rate: found[rate][0])
    trainer = found[rate][1]
    if goal == "regression":
        said = torch.from_numpy(trainer.predict(X_test=rows["test"])).float().reshape(-1, 1)
        logits = said.clamp(1e-6, 1 - 1e-6).logit()
    else:
        said = torch.from_numpy(trainer.predict_proba(X_test=rows["test"]))
        logits = said.double().clamp_min(1e-12).log()
    losses = {each: round(loss, 4) for each, (loss, _) in found.items()}
    print(f"  seed {seed}: rate {rate} of {losses}", flush=True)
    return float(score_samples(task, logits, splits.test.target).mean())


def main() -> None:
    """Adds the row to every data set and seed that the result has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder with leaves/ and movies/")
    parser.add_argument("--only", nargs="+", help="data sets; all of the result if not given")
    parser.add_argument("--tables", type=Path, default=Path("runs/own_data/tables"))
    parser.add_argument("--result", type=Path, default=own_data.HERE / "results" / "own_data.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = json.loads(arguments.result.read_text())
    for name, seeds in result["seeds"].items():
        if name == "avmnist" or (arguments.only and name not in arguments.only):
            continue
        root, made = arguments.root, arguments.tables
        places = {"leaves": (root,), "movies": (root,), "movies_anew": (made, root)}
        table = getattr(own_tables, name)(*places.get(name, (made,)))
        frame = pandas.read_csv(table.file)
        print(name, flush=True)
        for seed, cell in seeds.items():
            if ROW in cell["test"]:
                continue
            recipe = own_data.recipe_of(table, int(seed))
            splits = build_splits(recipe)
            columns = Columns.of(frame, recipe.as_dict()["data"]["modalities"])
            assert isinstance(splits.train, PreparedSplit)
            prepared = Prepared(frame, columns, table.file.parent, splits.train.rows)
            cell["test"][ROW] = score(splits, prepared, int(seed))
            result["data"][name] = {"what": table.what, **own_data.summarise(seeds)}
            result["mean_rank"] = own_data.mean_ranks(result["data"])
            write(result, arguments.result)
    own_data.show(result)


if __name__ == "__main__":
    main()
