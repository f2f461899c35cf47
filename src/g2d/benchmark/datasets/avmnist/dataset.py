"""The prepared AV-MNIST as splits."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.avmnist.prepare import KIND, MODALITIES, SECOND
from g2d.data.prepared import PreparedDataset
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.tasks import Classification


class AVMNIST(PreparedDataset):
    """AV-MNIST as `prepare` left it on disk, memory-mapped.

    Image `(1, 28, 28)` and audio `(1, 112, 112)`, float32 in [0, 1].

    Args:
        root: Folder that `prepare` wrote.
        protocol: Only "clean": fitted on train, selected on val, test apart.
        second_speaker: Read the third modality too, `second_audio` `(1, 112, 112)`; the store must
            have been prepared with it. A store that has it serves without it as well.

    Raises:
        UserError: The folder is missing, damaged or of another format, or the protocol unknown.
    """

    kind = KIND
    made_with = "--images DIR --speech DIR"

    def __init__(
        self, root: str | Path, protocol: str = "clean", second_speaker: bool = False
    ) -> None:
        if protocol != "clean":
            raise UserError(f"got protocol {protocol!r}, expected 'clean'; AVMNIST has no other")
        self.root, self.protocol = Path(root), protocol
        self.modalities = (*MODALITIES, SECOND) if second_speaker else MODALITIES

    def splits(self) -> Splits:
        """Opens the store."""
        store = self.store()
        names = self.modalities
        if SECOND in names and not store.manifest["options"].get("second_speaker"):
            raise UserError(
                f"{self.root} was prepared without a second speaker; prepare another store with "
                "--second-speaker, or leave data.second_speaker out"
            )
        parts = {name: store.split(name, names) for name in ("train", "val", "test")}
        shapes = {name: tuple(parts["train"].inputs[name].shape[1:]) for name in names}
        spec = DatasetSpec(
            name=KIND if names == MODALITIES else f"{KIND}{len(names)}",
            task=Classification(10),
            shapes=shapes,
            protocol=self.protocol,
            fingerprint=store.fingerprint,
            notes={key: store.manifest.get(key) for key in ("options", "counts", "licences")},
        )
        return Splits(spec, **parts)
