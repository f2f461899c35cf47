"""The teachers of a run, and what was found out about them before its student trains."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from g2d.functional.scores import rank
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.experiment import Teaching
from g2d.recipes.method_plan import MethodPlan
from g2d.runs.experts import expert_folder, teach_experts
from g2d.runs.floors import calibration_of, predict_teachers
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.teach import make_bank, measure_speed, teach, train_confidence
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.calibrated import CalibratedTeachers, Calibration, HeldOut
from g2d.teachers.confidence import speed_scores
from g2d.teachers.ensemble import begin_from, ensemble
from g2d.teachers.experts import ExpertTeachers
from g2d.wording import listed

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taught:
    """Teachers, as a run uses them.

    Attributes:
        models: One a modality, where that is a network.
        online: The same, run batch by batch; none where no teacher is a network.
        experts: The logits of the others, by modality and split.
        bank: As the student uses them: cached where possible, calibrated if the recipe says so.
        confidence: Of every modality on train and on held-out data, Eq. 5.
        speed: How early each learned, where the method ranks modalities.
        heldout: Their logits on validation.
        weights: Of their ensemble, fitted on validation.
        calibration: Their temperatures, where they are calibrated.
    """

    models: Mapping[str, UnimodalModel]
    online: OnlineTeachers | None
    experts: Mapping[str, Mapping[str, Tensor]]
    bank: TeacherBank
    confidence: dict[str, dict[str, float]]
    speed: dict[str, float]
    heldout: HeldOut
    weights: Mapping[str, float]
    calibration: Calibration | None

    def ensemble(self, plan: MethodPlan) -> MultimodalModel:
        """The teachers as one model."""
        return ensemble(self.models, self.weights if plan.weights == "fitted" else None)

    def begin(self, student: MultimodalModel, plan: MethodPlan) -> None:
        """Gives the student the teachers' weights, and warns where they do not fit."""
        weights = self.weights if plan.init == "ensemble" else None
        left = {**begin_from(student, self.models, weights)}
        left |= {name: ["its expert is no network"] for name in self.experts}
        if left:
            what = ", ".join(f"{name}: {listed(parts)}" for name, parts in left.items())
            logger.warning(
                "the teachers' weights do not fit here, which begins at random: %s", what
            )

    def ranking(self, plan: MethodPlan) -> Mapping[str, float] | None:
        """Scores of the modalities that the method ranks by, or their given order."""
        scores = {**self.confidence, "speed": speed_scores(self.speed, self.confidence["heldout"])}
        if plan.rank_by is None:
            return None
        if isinstance(plan.rank_by, tuple):
            return {name: place / len(plan.rank_by) for place, name in enumerate(plan.rank_by)}
        rankings = {name: rank(values) for name, values in scores.items()}
        if plan.has_stages and len(set(rankings.values())) > 1:
            logger.warning(
                "the modalities rank differently, weakest first: training data: %s; held-out data: "
                "%s; learning speed: %s; used: %s (a teacher that memorises looks strong on "
                "training data, one that learns late on held-out data)",
                *(", ".join(rankings[name]) for name in ("train", "heldout", "speed")),
                plan.rank_by,
            )
        return None if plan.rank_by == "train_batch" else scores[plan.rank_by]

    def heldout_of(self, teaching: Teaching, fabric: Fabric) -> dict[str, HeldOut]:
        """The teachers' logits on validation, and on test where it is measured."""
        found = {"val": self.heldout}
        if "test" in teaching.splits.measured():
            bank = _on(teaching, self.online, self.experts, "test")
            found["test"] = predict_teachers(bank, teaching.splits.test, teaching.settings, fabric)
        return found

    def record(self, teaching: Teaching, out: Path) -> dict[str, Any]:
        """The part of `result.json` about the teachers."""
        folders = {name: teacher_folder(teaching, name, out) for name in self.models}
        experts = {name: expert_folder(teaching, name, out) for name in self.experts}
        return {
            "confidence": self.confidence,
            **({"speed": self.speed} if self.speed else {}),
            **({"calibration": asdict(self.calibration)} if self.calibration else {}),
            "folders": _relative(folders, out),
            **({"experts": _relative(experts, out)} if experts else {}),
        }


def prepare_teachers(
    teaching: Teaching, plan: MethodPlan, run: Run, out: Path, fabric: Fabric
) -> Taught:
    """Teachers trained or loaded, calibrated and ranked, as the method wants them.

    Raises:
        UserError: A teacher cannot take the data, or a cache is of other teachers.
    """
    splits = teaching.splits
    models = teach(teaching, out, fabric)
    experts = teach_experts(teaching, out, fabric)
    online = OnlineTeachers(models, splits.spec.task) if models else None
    known = make_bank(teaching, online, out, fabric) if online and plan.trains else online
    bank = _on(teaching, known, experts, "train")
    on_val = _on(teaching, online, experts, "val")
    heldout = predict_teachers(on_val, splits.val, teaching.settings, fabric)
    calibration: Calibration | None = None
    if plan.calibrate:
        calibration = calibration_of(run, heldout)
        bank = CalibratedTeachers(bank, calibration)
    confidence = {
        "train": train_confidence(bank, teaching, fabric),
        "heldout": heldout.confidence(calibration),
    }
    speed = {}
    if plan.rank_by is not None:
        # an expert that is no network knows what it knows from the first epoch on
        curves = {name: [confidence["heldout"][name]] for name in experts}
        speed = measure_speed(teaching, out, curves)
    weights = heldout.weights()
    return Taught(models, online, experts, bank, confidence, speed, heldout, weights, calibration)


def _on(
    teaching: Teaching,
    networks: TeacherBank | None,
    experts: Mapping[str, Mapping[str, Tensor]],
    split: str,
) -> TeacherBank:
    """The teachers as they predict for one split."""
    if networks is not None and not experts:
        return networks
    spec = teaching.splits.spec
    logits = {name: by_split[split] for name, by_split in experts.items()}
    return ExpertTeachers(logits, spec.task, networks, spec.modalities, held_out=split != "train")


def _relative(folders: Mapping[str, Path], out: Path) -> dict[str, str]:
    return {name: str(place.relative_to(out)) for name, place in folders.items()}
