"""The key `missing` of a recipe: masks drawn by rate, or read from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from g2d.data.masked import Masked, mask_splits, masks_of
from g2d.data.missing import Mask, check_rate
from g2d.data.splits import Splits
from g2d.engine.evaluate import Evaluation
from g2d.engine.patterns import with_patterns
from g2d.errors import UserError
from g2d.recipes.blueprint import build
from g2d.recipes.recipe import Recipe, digest

Scenario = Literal["both", "test-only"]
Mode = Literal["masked", "mla"]


@dataclass(frozen=True)
class MissingSettings:
    """Which modalities are hidden from which samples.

    One of three: a `rate` and a `scenario`; `train_rate` and `test_rate`, for a grid; or mask
    files. Masks depend on the seed given here and not on that of the recipe, so all methods and
    all seeds of training have the same.

    Args:
        rate: Share of the slots (sample, modality) that is missing; every sample keeps one.
        scenario: `both` hides in train, val and test alike (Table 11); `test-only` leaves train
            and val complete.
        train_rate: Rate of train and val.
        test_rate: Rate of test.
        seed: Of the masks.
        train: Mask file of train; without one the split is complete.
        val: Mask file of val.
        test: Mask file of test.
        mode: `masked` gives the model a mask of what is absent; `mla` gives it zeros and no mask.

    Raises:
        UserError: Nothing is given, or more than one of the three.

    Example:
        >>> MissingSettings(rate=0.4).label, MissingSettings(train_rate=0.2, test_rate=0.6).label
        ('missing 0.4 both', 'missing 0.2 train 0.6 test')
    """

    rate: float | None = None
    scenario: Scenario = "both"
    train_rate: float | None = None
    test_rate: float | None = None
    seed: int = 0
    train: Path | None = None
    val: Path | None = None
    test: Path | None = None
    mode: Mode = "masked"

    def __post_init__(self) -> None:
        grid = self.train_rate is not None or self.test_rate is not None
        given = [self.rate is not None, grid, bool(self.files)]
        if sum(given) != 1:
            what = "nothing" if not any(given) else "more than one of them"
            raise UserError(
                "give a rate, or train_rate and test_rate, or mask files (train, val, test); got "
                f"{what}"
            )
        if self.seed < 0:
            raise UserError(f"got seed={self.seed}, expected 0 or more")

    @property
    def files(self) -> dict[str, Path]:
        """The mask files given, by split."""
        given = {"train": self.train, "val": self.val, "test": self.test}
        return {name: Path(file) for name, file in given.items() if file is not None}

    @property
    def rates(self) -> dict[str, float]:
        """The rate of each split, where masks are drawn."""
        seen, unseen = self.train_rate or 0.0, self.test_rate or 0.0
        if self.rate is not None:
            seen, unseen = self.rate if self.scenario == "both" else 0.0, self.rate
        return {"train": seen, "val": seen, "test": unseen}

    @property
    def label(self) -> str:
        """The part that is added to the name of the protocol."""
        if self.files:
            label = "missing files"
        elif self.rate is not None:
            label = f"missing {self.rate:g} {self.scenario}"
        else:
            rates = self.rates
            label = f"missing {rates['train']:g} train {rates['test']:g} test"
        if self.seed and not self.files:
            label += f" seed {self.seed}"
        return label if self.mode == "masked" else f"{label} {self.mode}"

    def masks(self, splits: Splits) -> dict[str, Mask]:
        """Draws the masks, or reads them.

        Raises:
            UserError: A rate is not possible with these modalities, or a file is no mask.
        """
        if self.files:
            return {name: Mask.load(file) for name, file in self.files.items()}
        names = splits.spec.modalities
        for rate in self.rates.values():
            check_rate(rate, names)
        sizes = {name: len(split) for name, split in splits.named().items()}
        return {
            name: Mask.draw(name, sizes[name], names, rate, self.seed)
            for name, rate in self.rates.items()
            if rate > 0
        }


def hide(recipe: Recipe, splits: Splits) -> Splits:
    """The splits as the recipe's `missing` has them; the same splits where it has none.

    Raises:
        UserError: What it asks for cannot be done with this data.
    """
    if recipe.missing is None:
        return splits
    settings = build(MissingSettings, recipe.missing, "missing")
    try:
        masks = settings.masks(splits)
        label = settings.label
        if settings.files:
            hashes = {name: mask.sha256 for name, mask in masks.items()}
            label = label.replace("files", f"files {digest(hashes)}")
        return mask_splits(splits, masks, label, revealed=settings.mode == "masked")
    except UserError as error:
        raise UserError(f"missing: {error}") from None


def by_pattern(evaluation: Evaluation, splits: Splits, name: str) -> Evaluation:
    """The evaluation of a split, with metrics for each pattern of modalities that samples have."""
    split = splits.named()[name]
    there = split.there if isinstance(split, Masked) else None
    return with_patterns(evaluation, splits.spec.task, splits.spec.modalities, there)


def save_masks(splits: Splits, folder: Path) -> None:
    """Writes the masks of a run into its folder, `mask-<split>.npz`; these serve other runs too."""
    for name, mask in masks_of(splits).items():
        mask.save(folder / f"mask-{name}.npz")


def with_saved_masks(recipe: Recipe, folder: Path, named: Mapping[str, object]) -> Recipe:
    """The recipe with the masks of a run folder in the place of the options that made them.

    What was drawn once need not be drawn alike by another version of NumPy.

    Args:
        recipe: Of the run.
        folder: Of the run.
        named: Splits whose masks the run's records name.
    """
    if recipe.missing is None or not named:
        return recipe
    files = {name: str(folder / f"mask-{name}.npz") for name in named}
    return replace(recipe, missing={"mode": recipe.missing.get("mode", "masked"), **files})
