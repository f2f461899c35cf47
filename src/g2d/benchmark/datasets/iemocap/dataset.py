"""The prepared IEMOCAP as splits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from g2d.benchmark.datasets.iemocap.divisions import FOLDS, PROTOCOLS, divide
from g2d.benchmark.datasets.iemocap.layout import class_names
from g2d.benchmark.datasets.iemocap.prepare import KIND
from g2d.data.prepared import PreparedSplit
from g2d.data.readers.sequences import SequenceReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store
from g2d.errors import UserError
from g2d.tasks import Classification

_MEND = "run: g2d data prepare iemocap --root DIR --features-root DIR --out DIR"
# As TATE (Zeng, Liu and Zhou, SIGIR 2022) cuts them
STEPS = {"audio": 150, "visual": 100, "text": 50}
_OTHER_STEPS = 100


class IEMOCAP:
    """IEMOCAP as `prepare` left it on disk.

    With MMIN's features audio `(150, 130)`, visual `(100, 342)` and text `(50, 1024)`, or fewer
    steps where no turn has as many. Numbers that are not finite become 0, features are
    standardised by the training steps, clipped at 5 standard deviations, and filled up with zeros
    at the end.

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

    def splits(self) -> Splits:
        """Opens the store, and goes over the training steps once for their statistics."""
        store = Store(self.root, KIND, _MEND)
        options = store.manifest["options"]
        widths = self._chosen(options["widths"])
        name, divided = divide(self.protocol, self.fold, store.column("speaker"))
        steps, readers = {}, {}
        for modality in widths:
            sequences = store.ragged(modality)
            cap = self.steps.get(modality, STEPS.get(modality, _OTHER_STEPS))
            steps[modality] = min(cap, int(sequences.shapes[:, 0].max()))
            readers[modality] = SequenceReader(sequences, steps[modality], divided.train)
        target = store.column("target")
        train, test = (PreparedSplit(r, readers, target) for r in (divided.train, divided.test))
        val = test if divided.val is divided.test else PreparedSplit(divided.val, readers, target)
        whole = len(widths) == len(options["widths"])
        spec = DatasetSpec(
            name=KIND if whole else "-".join([KIND, *widths]),
            task=Classification(class_names(options["classes"])),
            shapes={modality: (steps[modality], width) for modality, width in widths.items()},
            protocol=name,
            fingerprint=_fingerprint(store, name, steps),
            notes={"options": options, "counts": store.manifest["counts"]},
            encoders={m: {"name": "transformer", "inputs": width} for m, width in widths.items()},
            selects_on_test=divided.selects_on_test,
        )
        return Splits(spec, train, val, test)

    def verify(self) -> None:
        """Reads all of the store and compares hashes.

        Raises:
            UserError: An array is not what was written.
        """
        Store(self.root, KIND, _MEND).verify()

    def _chosen(self, widths: dict[str, int]) -> dict[str, int]:
        wanted = list(widths) if self.modalities is None else self.modalities
        unknown = [name for name in [*wanted, *self.steps] if name not in widths]
        if unknown or not wanted:
            raise UserError(
                f"got modality {', '.join(unknown) or 'none'}, expected some of {', '.join(widths)}"
            )
        return {name: width for name, width in widths.items() if name in wanted}


def _fingerprint(store: Store, protocol: str, steps: dict[str, int]) -> str:
    """Of the inputs: the policy decides which steps the statistics are of."""
    return hashlib.sha256(json.dumps([store.fingerprint, protocol, steps]).encode()).hexdigest()
