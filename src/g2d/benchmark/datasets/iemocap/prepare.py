"""Making a store of IEMOCAP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.iemocap.features import Features, open_features
from g2d.benchmark.datasets.iemocap.layout import CLASSES, Turn, class_names, read_release
from g2d.benchmark.datasets.iemocap.release import open_release
from g2d.data.preparation import Counted, Sample, assemble
from g2d.errors import UserError

KIND = "iemocap"
Kind = Literal["mmin", "precomputed", "release"]


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    features_root: str | Path | None = None,
    features: Kind = "mmin",
    classes: int = 4,
    vectors: str | Path | None = None,
    steps_per_second: int = 10,
    tolerance: float = 0.005,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Path:
    """Stores the features of every turn of the task, as they were distributed or made here.

    Args:
        root: Folder `IEMOCAP_full_release`, of which the annotation is read.
        out: Folder to make; must not exist.
        features_root: Folder of the features; none with "release".
        features: "mmin" for the files of MMIN (`A/comparE.h5`, `V/denseface.h5`,
            `L/bert_large.h5`), "precomputed" for your own: `<modality>.h5` with a dataset for every
            turn, or `<turn>.npz` with an array for each modality; "release" for those that are made
            of the release's own sound, motion capture and transcriptions.
        classes: 4 (happy and excited are one) or 6.
        vectors: With "release", a file of word vectors, a word and its numbers on each line; groups
            of characters are hashed when not given.
        steps_per_second: With "release", of sound and motion, 1 to 100.
        tolerance: The largest share of turns that may be unusable.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of turns done and of all.

    Returns:
        `out`.

    Raises:
        UserError: Annotation or features are missing or damaged, too many turns cannot be used,
            or `out` exists.
    """
    release = read_release(root)
    if release.problems:
        raise UserError(f"{release.problems[0]}; correct it, or obtain the release again")
    found = features_of(features, root, release.turns, features_root, vectors, steps_per_second)
    widths = dict(found.widths)
    return assemble(
        out,
        KIND,
        samples_of(release.turns, classes, found),
        found.decode,
        ragged=list(found.widths),
        options={"features": features, "classes": classes, "widths": widths, **found.options},
        tolerance=tolerance,
        workers=workers,
        progress=progress,
    )


def features_of(
    kind: str,
    root: str | Path,
    turns: Sequence[Turn],
    features_root: str | Path | None,
    vectors: str | Path | None,
    steps_per_second: int,
) -> Features:
    """The features that are asked for; the arguments are those of `prepare`.

    Raises:
        UserError: Options do not go together, or something is missing.
    """
    if kind == "release":
        if features_root is not None:
            raise UserError("features=release reads the release alone; leave features_root out")
        return open_release(root, turns, vectors, steps_per_second)
    if vectors is not None:
        raise UserError(f"vectors are for features=release, got features={kind!r}; leave them out")
    if features_root is None:
        raise UserError(
            f"--features-root must be given with features={kind!r}, the folder they are in; "
            "--features release needs none"
        )
    return open_features(features_root, kind)


def samples_of(
    turns: Sequence[Turn], classes: int, features: Features | None = None
) -> list[Sample]:
    """The turns of a task; without features they are made of their sound."""
    names = class_names(classes)
    chosen = CLASSES[classes]
    return [
        Sample(
            turn.id,
            names.index(chosen[turn.emotion]),
            {"speech": turn.wav} if features is None else features.sources(turn.id),
            {
                "session": str(turn.session),
                "speaker": turn.speaker,
                "dialogue": turn.dialogue,
                "emotion": turn.emotion,
            },
        )
        for turn in turns
        if turn.emotion in chosen
    ]
