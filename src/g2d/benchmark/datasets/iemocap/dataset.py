"""The prepared IEMOCAP as splits."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.iemocap.divisions import FOLDS, PROTOCOLS, divide
from g2d.benchmark.datasets.iemocap.layout import class_names
from g2d.benchmark.datasets.iemocap.prepare import KIND
from g2d.data.prepared import PreparedDataset, divided_splits, fingerprint_of
from g2d.data.readers.sequences import Gaps, SequenceReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.tasks import Classification

# As TATE (Zeng, Liu and Zhou, SIGIR 2022) cuts them
STEPS = {"audio": 150, "visual": 100, "text": 50}
_OTHER_STEPS = 100
_REPEATED_WORDS = "several turns have the same words, and a word has one vector wherever it stands"


class IEMOCAP(PreparedDataset):
    """IEMOCAP as `prepare` left it on disk.

    With MMIN's features audio `(150, 130)`, visual `(100, 342)` and text `(50, 1024)`, with those
    made of the release `(150, 128)`, `(100, 165)` and `(50, 300)`, or fewer steps where no turn has
    as many. Features are standardised by the training steps, clipped at 5 standard deviations, and
    filled up with zeros at the end. Numbers that are not finite become 0 before that; those of the
    release are markers that were not seen, and become the training mean.

    Args:
        root: Folder that `prepare` wrote.
        protocol: "clean" leaves a session out: one of its speakers is the validation, the other
            the test. "mla_random" divides turns at random, 60/20/20: speakers and dialogues are in
            all splits, and results carry "leaky" in their protocol. "paper" selects on the test of
            that division.
        fold: Of "clean", 1 to 10; results of one fold are named by it.
        steps: Steps that are read of a modality, the first ones, where they are not to be the
            usual; `{audio: 300}`.
        modalities: Those wanted; all when not given.

    Raises:
        UserError: The store is missing or damaged, or an option unknown.
    """

    kind = KIND
    made_with = "--root DIR --features-root DIR"

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        fold: int = 1,
        steps: dict[str, int] | None = None,
        modalities: list[str] | None = None,
    ) -> None:
        if protocol not in PROTOCOLS:
            raise UserError(f"got protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
        if not 1 <= fold <= FOLDS:
            raise UserError(f"got fold={fold}, expected 1 to {FOLDS}")
        if any(count < 1 for count in (steps or {}).values()):
            raise UserError(f"got steps={steps}, expected 1 or more of each")
        self.root, self.protocol, self.fold = Path(root), protocol, fold
        self.steps, self.modalities = steps or {}, modalities

    @property
    def shared_inputs(self) -> dict[str, str]:
        """What turns of several splits have in common, and why."""
        made = self.store().manifest["options"]["features"] == "release"
        return {"text": _REPEATED_WORDS} if made else {}

    def splits(self) -> Splits:
        """Opens the store, and goes over the training steps once for their statistics."""
        store = self.store()
        options = store.manifest["options"]
        widths = self._chosen(options["widths"])
        name, divided = divide(self.protocol, self.fold, store.column("speaker"))
        gaps: Gaps = "mean" if options["features"] == "release" else "zero"
        steps, readers = {}, {}
        for modality in widths:
            sequences = store.ragged(modality)
            cap = self.steps.get(modality, STEPS.get(modality, _OTHER_STEPS))
            steps[modality] = min(cap, int(sequences.shapes[:, 0].max()))
            readers[modality] = SequenceReader(sequences, steps[modality], divided.train, gaps=gaps)
        target = store.column("target")
        parts = divided_splits(divided, readers, target)
        whole = len(widths) == len(options["widths"])
        spec = DatasetSpec(
            name=KIND if whole else "-".join([KIND, *widths]),
            task=Classification(class_names(options["classes"])),
            shapes={modality: (steps[modality], width) for modality, width in widths.items()},
            protocol=name,
            # the policy decides which steps the statistics are of
            fingerprint=fingerprint_of(store, name, steps),
            notes={"options": options, "counts": store.manifest["counts"]},
            encoders={m: {"name": "transformer", "inputs": width} for m, width in widths.items()},
            selects_on_test=divided.selects_on_test,
        )
        return Splits(spec, *parts)

    def _chosen(self, widths: dict[str, int]) -> dict[str, int]:
        wanted = list(widths) if self.modalities is None else self.modalities
        unknown = [name for name in [*wanted, *self.steps] if name not in widths]
        if unknown or not wanted:
            raise UserError(
                f"got modality {', '.join(unknown) or 'none'}, expected some of {', '.join(widths)}"
            )
        return {name: width for name, width in widths.items() if name in wanted}
