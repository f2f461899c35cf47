"""Norms and conflicts of the modalities' gradients over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from g2d.analysis.sampling import draw, parts
from g2d.analysis.subject import Subject
from g2d.engine.gradient_probe import PROBED, GradientProbe
from g2d.errors import UserError
from g2d.figures import blank, colours, legend_below, save, without_box

__all__ = ["GradientProbe", "GradientTrace", "Gradients", "gradients"]

Series = tuple[float | None, ...]
# Below this cosine the sentence calls two directions opposed.
_AGAINST = -0.1


@dataclass(frozen=True)
class GradientTrace:
    """The measurements of a `GradientProbe` in one run; every series has one value an epoch.

    Attributes:
        label: Whose it is.
        epochs: Counted from 1; empty where only the finished model was measured.
        norm: ‖∂L/∂θ_m‖ by modality.
        own_norm: ‖∂L_m/∂θ_m‖ by modality.
        cosine: Between the two, by modality.
        shared: cos(∂L/∂φ, ∂L_m/∂φ) by modality, on shared parameters φ; empty without such.
        conflict: cos(∂L_a/∂φ, ∂L_b/∂φ) by pair, `"a|b"`; empty without such. Near 0 where all that
            two modalities share is a bias, as in concatenation.
        boundaries: Epochs after which a stage ended.
    """

    label: str
    epochs: tuple[int, ...]
    norm: Mapping[str, Series]
    own_norm: Mapping[str, Series]
    cosine: Mapping[str, Series]
    shared: Mapping[str, Series]
    conflict: Mapping[str, Series]
    boundaries: tuple[int, ...] = ()

    @property
    def share(self) -> dict[str, float | None]:
        """Each encoder's share of the sum of all mean gradient norms."""
        means = {name: _mean(values) for name, values in self.norm.items()}
        total = sum(value or 0.0 for value in means.values())
        return {
            name: value / total if value is not None and total > 0 else None
            for name, value in means.items()
        }


@dataclass(frozen=True)
class Gradients:
    """Gradient norms by modality, and whether the fused loss pulls where the modality wants to go.

    Attributes:
        traces: One a subject.
        split: Whose samples were measured.
    """

    traces: tuple[GradientTrace, ...]
    split: str = "train"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A table with a row for each run and modality, or pair of them; means over epochs."""
        head = [
            "run",
            "modality",
            "measurements",
            "‖∂L/∂θ‖",
            "share",
            "‖∂L_m/∂θ‖",
            "cosine",
            "shared",
        ]
        rows = []
        for trace in self.traces:
            measurements = str(len(next(iter(trace.norm.values()))))
            for name in trace.norm:
                values = [
                    _shown(_mean(trace.norm[name])),
                    _shown(trace.share[name]),
                    _shown(_mean(trace.own_norm[name])),
                    _shown(_mean(trace.cosine[name])),
                    _shown(_mean(trace.shared.get(name, ()))),
                ]
                rows.append([trace.label, name, measurements, *values])
            for pair, series in trace.conflict.items():
                named = pair.replace("|", " against ")
                rows.append(
                    [trace.label, named, measurements, "", "", "", "", _shown(_mean(series))]
                )
        return head, rows

    def sentence(self) -> str:
        """Which modality has most of the gradient, and where losses disagree."""
        parts = []
        for trace in self.traces:
            known = {name: share for name, share in trace.share.items() if share is not None}
            if not known:
                continue
            most = max(known, key=lambda name: known[name])
            when = "over training" if trace.epochs else "of the finished model"
            cosines = ", ".join(
                f"{name} {_shown(_mean(series))}" for name, series in trace.cosine.items()
            )
            parts.append(
                f"In {trace.label}, {most} has {known[most]:.0%} of the gradient norm of all "
                f"encoders {when}; the cosine of each encoder's gradient with that of its "
                f"modality's own loss is {cosines}."
            )
            against = {p: m for p, s in trace.conflict.items() if (m := _mean(s)) is not None}
            if against and min(against.values()) < _AGAINST:
                worst = min(against, key=lambda pair: against[pair])
                parts.append(
                    f"On the parameters they share, {worst.replace('|', ' and ')} pull against "
                    f"each other (mean cosine {against[worst]:.2f})."
                )
        parts.append(
            f"Gradients are of the task's loss on fixed samples of {self.split} in eval mode, "
            "whatever the method trains with; norms of encoders of different make are not on one "
            "scale."
        )
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Every series, as plain values."""
        return {
            "split": self.split,
            "traces": [{**vars(trace), "share": trace.share} for trace in self.traces],
        }

    def plot(self, path: Path) -> Path:
        """Norms, cosines, and conflicts on shared parameters, over the epochs."""
        from matplotlib.lines import Line2D
        from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

        names = list(dict.fromkeys(name for trace in self.traces for name in trace.norm))
        pairs = list(dict.fromkeys(pair for trace in self.traces for pair in trace.conflict))
        rows, columns = 2 + bool(pairs), max(len(names), len(pairs))
        colour_of = colours(trace.label for trace in self.traces)
        figure = blank(3.6 * columns, 2.5 * rows + 0.5)
        axes = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
        panels = [(0, i, "norm", n) for i, n in enumerate(names)]
        panels += [(1, i, "cosine", n) for i, n in enumerate(names)]
        panels += [(2, i, "conflict", p) for i, p in enumerate(pairs)]
        for row, column, kind, name in panels:
            axis = axes[row][column]
            axis.set_title(name.replace("|", " against "), fontsize=11)
            for trace in self.traces:
                _draw(axis, trace, kind, name, colour_of[trace.label])
            axis.grid(axis="y", color="0.9", linewidth=0.8)
            without_box(axis)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            if row == 0:
                axis.set_yscale("log")
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
                axis.yaxis.set_minor_formatter(NullFormatter())
            else:
                axis.axhline(0, color="0.6", linewidth=1, zorder=0)
                axis.set_ylim(-1.05, 1.05)
        for row, label in enumerate(("gradient norm", "cosine to own loss", "conflict (cosine)")):
            if row < rows:
                axes[row][0].set_ylabel(label)
        timed = any(trace.epochs for trace in self.traces)
        used = {(row, column) for row, column, _, _ in panels}
        for row, column in product(range(rows), range(columns)):
            axis = axes[row][column]
            axis.set_visible((row, column) in used)
            if (row + 1, column) not in used:  # the lowest of its column
                axis.tick_params(labelbottom=True)
                axis.set_xlabel("epoch" if timed else "")
            if not timed:
                axis.set_xticks([0], ["trained"])
        handles: dict[str, Any] = {
            label: Line2D([], [], color=shade) for label, shade in colour_of.items()
        }
        mark: dict[str, Any] = {} if timed else {"marker": "o", "markerfacecolor": "none"}
        handles["own loss"] = Line2D([], [], color="0.5", linestyle="--", **mark)
        if any(trace.boundaries for trace in self.traces):
            handles["end of a stage"] = Line2D([], [], color="0.6", linewidth=1, linestyle=":")
        legend_below(figure, handles)
        return save(figure, path)


def gradients(subjects: Sequence[Subject], split: str = "train") -> Gradients:
    """Gradient norms and conflicts, as training recorded them or else of the finished models.

    Training records them where the recipe has `training.probe_gradients: true`. Of other runs,
    and of models without a folder, the finished model is measured once.

    Args:
        subjects: Trained models.
        split: Which samples. Training measures on `train`; of another split 256 samples are
            drawn, and the finished model is measured once.

    Raises:
        UserError: There are no subjects.
    """
    if not subjects:
        raise UserError("got no runs to take gradients of; give one or more")
    traces = [
        (_recorded(one) if split == "train" else None) or _of_the_end(one, split)
        for one in subjects
    ]
    return Gradients(tuple(traces), split)


def _recorded(subject: Subject) -> GradientTrace | None:
    lines = subject.run.epochs if subject.run is not None else []
    measurements = [line for line in lines if "gradients" in line]
    if not measurements:
        return None
    stages = [line["stage"] for line in lines]
    ends = tuple(i for i in range(1, len(stages)) if stages[i] != stages[i - 1])
    epochs = tuple(line["epoch"] + 1 for line in measurements)
    return _trace(subject.label, epochs, [line["gradients"] for line in measurements], ends)


def _of_the_end(subject: Subject, split: str) -> GradientTrace:
    drawn = parts(draw(subject.batches(split), PROBED), subject.batch_size)
    seen = GradientProbe(subject.model, subject.task, drawn)()
    return _trace(subject.label, (), [seen], ())


def _trace(
    label: str,
    epochs: tuple[int, ...],
    measurements: Sequence[Mapping[str, Any]],
    ends: tuple[int, ...],
) -> GradientTrace:
    series = {
        kind: {
            name: tuple(one.get(kind, {}).get(name) for one in measurements)
            for name in measurements[0].get(kind, {})
        }
        for kind in ("norm", "own_norm", "cosine", "shared", "conflict")
    }
    return GradientTrace(label, epochs, **series, boundaries=ends)


def _draw(axis: Any, trace: GradientTrace, kind: str, name: str, shade: str) -> None:
    """The lines of one run in one panel; a line through one point is a dot."""
    places = trace.epochs or (0,)
    marker = "o" if len(places) == 1 else ""
    hollow = {"markerfacecolor": "none"}
    lines = [(getattr(trace, kind).get(name), "-")]
    if kind == "norm":
        lines.append((trace.own_norm.get(name), "--"))
    for values, style in lines:
        if values:
            drawn = [float("nan") if value is None else value for value in values]
            kwargs = hollow if style == "--" else {}
            axis.plot(places, drawn, style, marker=marker, color=shade, **kwargs)
    for boundary in trace.boundaries:
        axis.axvline(boundary + 0.5, color="0.6", linewidth=1, linestyle=":", zorder=0)


def _mean(values: Series) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
