"""DLMG, also called LFM: modalities are matched first and fit the labels later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.matching import HIGHEST, LOWEST, dlmg_alpha, info_nce, matching_divergence
from g2d.functional.present import mean_over_present
from g2d.methods.base import Method, check_weight
from g2d.methods.heldout import gather
from g2d.methods.matching import present_in_both
from g2d.methods.parts import weighed
from g2d.methods.unimodal import shown, unimodal_losses
from g2d.student.base import Student
from g2d.student.own import OwnStudent
from g2d.tasks import Regression, Task

AlphaRule = Literal["heuristic", "fitted", "learned"]
Match = Literal["auto", "rjs", "js", "infonce"]


class DLMG(Method):
    """Matches the modalities with each other first, and fits the labels later.

    L = c [α_e L_cls + (1 - α_e) L_match], α_e growing: align first, fit labels later.

    Yang, Wan, Jiang and Xu, *Facilitating Multimodal Classification via Dynamically Learning
    Modality Gap*, NeurIPS 2024. L_match is the mean over pairs of modalities of a distance that
    knows no labels. Beside a fusion that is no sum over modalities, heads of their own predict what
    each modality thinks; they learn the labels too, and their mean loss is added to L_cls.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted; regression is matched by `"infonce"` only.
        alpha: `"heuristic"`, exp(-1 / (e + 1)); `"fitted"`, the authors' polynomial, stretched
            over this run; `"learned"`, by the gradient of a loss on samples held out of training;
            or a number, the same in all epochs.
        match: `"rjs"`, as released: (KL(M‖P) + KL(M‖Q)) / 2 with M = (P + Q) / 2 on the
            modalities' own predictions; `"js"`, with the arguments in the usual order;
            `"infonce"` on their features; `"auto"` is `rjs`, and `infonce` for regression.
        prefactor: c.
        temperature: Of `"infonce"`.
        held_out: Samples that `"learned"` leaves out of training, a quarter of all at most. They
            and as many others stay in memory.
        pace: How far `"learned"` may move α in the whole of training.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.DLMG(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"alpha": "fitted", "match": "rjs"},
        "off": {"alpha": 1.0, "prefactor": 1.0},
    }
    kept = ("label_weight", "_begun")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        alpha: float | AlphaRule = "heuristic",
        match: Match = "auto",
        prefactor: float = 2.0,
        temperature: float = 0.07,
        held_out: int = 64,
        pace: float = 2.0,
    ) -> None:
        super().__init__(student, task)
        if isinstance(alpha, str):
            check_choice("alpha", alpha, get_args(AlphaRule))
        elif not 0 <= alpha <= 1:
            raise UserError(f"alpha must be in [0, 1], or a rule, got {alpha}")
        check_choice("match", match, get_args(Match))
        check_weight("prefactor", prefactor, above=0)
        check_weight("temperature", temperature, above=0)
        check_weight("held_out", held_out, above=0)
        check_weight("pace", pace)
        if isinstance(task, Regression) and match in ("rjs", "js"):
            raise UserError(
                f"match {match!r} compares distributions, and regression predicts a number; "
                "expected infonce or auto"
            )
        distributions = not isinstance(task, Regression)
        self.alpha = alpha
        self.match = ("rjs" if distributions else "infonce") if match == "auto" else match
        self.prefactor = prefactor
        self.temperature = temperature
        self.held_out, self.pace = int(held_out), pace
        self.label_weight = dlmg_alpha(0, 1) if isinstance(alpha, str) else float(alpha)
        self._rows: Tensor | None = None
        self._unseen: Batch | None = None
        self._seen: Batch | None = None
        if alpha != 1 and match != "infonce":
            self.student.need_unimodal_logits(task.outputs)

    def begin_epoch(self, epoch: int) -> None:
        """Sets α_e, the weight of this epoch."""
        if self.alpha == "heuristic":
            self.label_weight = math.exp(-1 / (epoch + 1))
        elif self.alpha == "fitted":
            self.label_weight = dlmg_alpha(epoch, self.loop.epochs)
        elif self.alpha == "learned":
            if self._rows is None:
                self._hold_out()
            if epoch and epoch != self._begun:
                cosine = self.hypergradient()[1]
                moved = self.label_weight - self.pace / self.loop.epochs * cosine
                self.label_weight = min(max(moved, LOWEST), HIGHEST)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """C [α_e L_cls + (1 - α_e) L_match]."""
        if self.alpha == 1:
            return self.prefactor * super().objective(outputs, batch)
        kept = None
        if self._rows is not None:
            kept = torch.isin(batch.index, self._rows, invert=True)
            kept = kept.to(batch.target.device, non_blocking=True)
        labels, matching = self._terms(outputs, batch, kept)
        mixed = self.label_weight * labels + (1 - self.label_weight) * matching
        return self.prefactor * mixed

    def hypergradient(self) -> tuple[float, float]:
        """dL/dα of the held-out samples' L_cls after one step on seen ones, and its cosine.

        With θ' = θ - η c (α g_cls + (1 - α) g_match) it is -η c <g', g_cls - g_match>, where g' is
        the gradient at θ'. The cosine is that of the two vectors, with the same sign: a step that
        depends neither on the learning rate nor on the size of the gradients.
        """
        assert self._seen is not None
        assert self._unseen is not None
        weights = [p for p in self.student.parameters() if p.requires_grad]
        rate = self.prefactor * float(self.loop.optimizer.param_groups[0]["lr"])

        def gradient(loss: Tensor) -> list[Tensor]:
            found = self.loop.gradients(loss, weights)
            return [
                torch.zeros_like(p) if g is None else g for p, g in zip(weights, found, strict=True)
            ]

        def terms(batch: Batch) -> tuple[Tensor, Tensor]:
            batch = batch.to(self.student.device)
            return self._terms(*self.student.outputs_of(batch), None)

        with self.eval_mode(), torch.enable_grad():
            labels, matching = map(gradient, terms(self._seen))
            old = [p.detach().clone() for p in weights]
            with torch.no_grad():
                for p, one, other in zip(weights, labels, matching, strict=True):
                    p.sub_(rate * (self.label_weight * one + (1 - self.label_weight) * other))
            ahead = gradient(terms(self._unseen)[0])
            with torch.no_grad():
                for p, value in zip(weights, old, strict=True):
                    p.copy_(value)
        apart = [one - other for one, other in zip(labels, matching, strict=True)]
        product = float(_product(ahead, apart))
        size = math.sqrt(float(_product(ahead, ahead)) * float(_product(apart, apart)))
        return -rate * product, -product / size if size else 0.0

    def _terms(self, outputs: Outputs, batch: Batch, kept: Tensor | None) -> tuple[Tensor, Tensor]:
        """L_cls and L_match, over the samples that are kept."""
        if kept is None:
            labels = self.task.loss(outputs.logits, batch.target)
        else:
            labels = mean_over_present(self.task.losses(outputs.logits, batch.target), kept)
            there = {n: batch.mask(n) & kept for n in batch.modalities}
            batch = Batch(batch.inputs, batch.target, batch.index, there)
        if self.student.added_heads is not None:
            beside = unimodal_losses(self.task, outputs, batch).values()
            labels = labels + torch.stack(list(beside)).mean()
        infonce = self.match == "infonce"
        matched = outputs.features if infonce else shown(outputs)
        if infonce:
            _check_widths(outputs.features)
        terms = []
        for one, other in combinations(matched, 2):
            both = present_in_both(batch, one, other)
            if infonce:
                each = info_nce(matched[one], matched[other], both, self.temperature)
            else:
                each = matching_divergence(
                    self.task, matched[one], matched[other], self.match == "rjs"
                )
            terms.append(weighed(mean_over_present(each, both), batch, one, other))
        return labels, torch.stack(terms).mean()

    def _hold_out(self) -> None:
        if not isinstance(self.student, OwnStudent):
            raise UserError(
                "alpha 'learned' runs the model on samples that it keeps, which takes a "
                "g2d.MultimodalModel; with an attached model use alpha 'heuristic' or 'fitted'"
            )
        count = sum(len(batch) for batch in self.loop.iter_train())
        size = max(1, min(self.held_out, count // 4))
        drawn = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        self._rows = drawn[:size].sort().values
        self._unseen, self._seen = gather(
            self.loop.iter_train(), self._rows, drawn[size : 2 * size].sort().values
        )


def _check_widths(features: Mapping[str, Tensor]) -> None:
    widths = {name: feature.shape[1] for name, feature in features.items()}
    if len(set(widths.values())) > 1:
        raise UserError(
            f"infonce compares features, and theirs are {widths} wide; give all encoders one "
            "width, or choose match rjs"
        )


def _product(left: list[Tensor], right: list[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
