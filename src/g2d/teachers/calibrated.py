"""Teachers that are calibrated on held-out data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from g2d import functional as F
from g2d.batch import Batch
from g2d.errors import UserError
from g2d.functional.present import Masks, sum_over_present
from g2d.functional.scores import confidence_of_sums
from g2d.student.predict_split import predict_split
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank, TeacherOutputs, as_batch

# Of the predictions, to measure their confidence where they belong to other samples.
_PERMUTATIONS = 8
# Confidence that is no more than rounding.
_NOTHING = 1e-6


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Temperatures and ensemble weights of teachers, as `calibrate` fits them to held-out data.

    Attributes:
        temperatures: By modality; a teacher's logits are divided by its own.
        weights: By modality, of the raw logits in the fitted ensemble.

    Example:
        >>> Calibration({"sound": 1.5, "image": 0.8}, {"sound": 0.2, "image": 0.9}).weights["sound"]
        0.2
    """

    temperatures: dict[str, float]
    weights: dict[str, float]


class HeldOut:
    """The teachers' logits on held-out samples, collected batch by batch.

    Args:
        teachers: They must predict for any data.
        batches: Held-out data.

    Raises:
        UserError: The teachers are cached, and so know one split only.
    """

    def __init__(self, teachers: TeacherBank, batches: Iterable[Batch]) -> None:
        if not teachers.any_data:
            raise UserError(
                "cached teachers predict for the samples of their own split only; calibrate "
                "OnlineTeachers, and give CalibratedTeachers(cached, calibration) what was found"
            )
        self.task: Task = teachers.task
        self._sizes: list[int] = []

        def logits_of(batch: Batch) -> dict[str, Tensor]:
            self._sizes.append(len(batch))
            return {name: each.logits.float() for name, each in teachers.outputs(batch).items()}

        found = predict_split(logits_of, map(as_batch, batches)).cpu()
        if not found.values:
            raise UserError("there are no held-out batches to calibrate the teachers on")
        self.logits, self.target = found.values, found.target
        self.present = {name: found.mask(name) for name in teachers.modalities}

    @property
    def masks(self) -> Masks | None:
        """The masks of all modalities; `None` where nothing is absent."""
        masks = list(self.present.values())
        return None if all(bool(mask.all()) for mask in masks) else masks

    def calibration(self) -> Calibration:
        """A temperature for each teacher, and the weights of their ensemble."""
        temperatures = {
            name: F.fit_temperature(self.task, logits, self.target, self.present[name])
            for name, logits in self.logits.items()
        }
        return Calibration(temperatures, self.weights())

    def confidence(self, calibration: Calibration | None = None) -> dict[str, float]:
        """Mean confidence of every teacher, to the last digit that of `mean_confidence`.

        Args:
            calibration: Whose temperatures divide the logits; raw logits when not given.
        """
        found = {}
        for name, logits in self.logits.items():
            scale = 1.0 if calibration is None else calibration.temperatures[name]
            parts = (rows.split(self._sizes) for rows in (logits, self.target, self.present[name]))
            sums = torch.zeros(2)
            for part, target, mask in zip(*parts, strict=True):
                values = self.task.confidence(part / scale, target)
                sums = sums + sum_over_present(values, mask)
            found[name] = confidence_of_sums(sums[0], sums[1]).item()
        return found

    def weights(self) -> dict[str, float]:
        """The weights of the fitted ensemble, by modality."""
        fitted = F.fit_ensemble_weights(
            self.task, list(self.logits.values()), self.target, self.masks
        )
        return dict(zip(self.logits, fitted.tolist(), strict=True))

    def at_chance(self) -> tuple[str, ...]:
        """The teachers that know nothing of the target.

        Their mean confidence, Eq. 5, is not above that of their own predictions, given to other
        samples, by two standard errors. Certainty and weights of classes do not matter here.
        """
        random = torch.Generator().manual_seed(0)
        found = []
        for name, logits in self.logits.items():
            target, own = self.target[self.present[name]], logits[self.present[name]]
            others = [
                self.task.confidence(own[torch.randperm(len(own), generator=random)], target)
                for _ in range(_PERMUTATIONS)
            ]
            gain = (self.task.confidence(own, target) - torch.stack(others).mean(dim=0)).double()
            error = gain.std() / len(gain) ** 0.5 if len(gain) > 1 else math.inf
            if not gain.mean() - 2 * error > _NOTHING:
                found.append(name)
        return tuple(found)

    def ensemble(self, weights: Mapping[str, float] | None = None) -> Tensor:
        """The ensemble's logits, `(N, C)`: their mean where no weights are given."""
        each = None if weights is None else torch.tensor([weights[name] for name in self.logits])
        return F.ensemble_logits(list(self.logits.values()), self.masks, each)


def calibrate(teachers: TeacherBank, batches: Iterable[Batch]) -> CalibratedTeachers:
    """Teachers with a temperature each and the weights of their ensemble, fitted on held-out data.

    Example:
        >>> import g2d
        >>> teacher = g2d.UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=2)
        >>> bank = g2d.OnlineTeachers({"sound": teacher}, g2d.Classification(2))
        >>> batch = Batch({"sound": torch.randn(6, 4)}, torch.tensor([0, 1] * 3), torch.arange(6))
        >>> calibrated = g2d.calibrate(bank, [batch])
        >>> raw, scaled = bank.outputs(batch)["sound"], calibrated.outputs(batch)["sound"]
        >>> temperature = calibrated.calibration.temperatures["sound"]
        >>> torch.allclose(scaled.logits * temperature, raw.logits)
        True
    """
    return CalibratedTeachers(teachers, HeldOut(teachers, batches).calibration())


class CalibratedTeachers(TeacherBank):
    """Other teachers, their logits divided by their temperatures as they are asked for.

    A cache holds the raw logits, so it serves with and without calibration.

    Args:
        teachers: Online or cached.
        calibration: As `calibrate` found it, or as it was saved.

    Example:
        >>> from g2d import Classification, OnlineTeachers, UnimodalModel
        >>> model = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> raw = OnlineTeachers({"sound": model}, Classification(3))
        >>> calm = CalibratedTeachers(raw, Calibration({"sound": 2.0}, {"sound": 1.0}))
        >>> batch = Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
        >>> one, other = (bank.outputs(batch)["sound"].logits for bank in (raw, calm))
        >>> torch.equal(one / 2, other)
        True
    """

    def __init__(self, teachers: TeacherBank, calibration: Calibration) -> None:
        self.teachers = teachers
        self.calibration = calibration
        self.task = teachers.task
        self.modalities = teachers.modalities
        self.any_data = teachers.any_data
        for kind in (calibration.temperatures, calibration.weights):
            if set(kind) != set(self.modalities):
                raise UserError(
                    f"the calibration is of {sorted(kind)} and the teachers are for "
                    f"{sorted(self.modalities)}; calibrate these teachers"
                )

    def frozen_here(self) -> Iterable[nn.Parameter]:
        """The frozen parameters of the teachers that are calibrated."""
        return self.teachers.frozen_here()

    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Features as they are, logits divided by the temperature."""
        return {
            name: TeacherOutputs(raw.features, raw.logits / self.calibration.temperatures[name])
            for name, raw in self.teachers.outputs(batch).items()
        }

    def ensemble(self, batch: Batch) -> Tensor:
        """The fitted weighted sum of the raw logits."""
        outputs = self.teachers.outputs(batch)
        weights = torch.tensor([self.calibration.weights[name] for name in outputs])
        return F.ensemble_logits(
            [each.logits for each in outputs.values()],
            [batch.present.get(name) for name in outputs],
            weights,
        )
