"""Making a store of CREMA-D."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.cremad.decode import Decoder
from g2d.benchmark.datasets.cremad.layout import read_layout
from g2d.data.preparation import Counted, assemble
from g2d.errors import UserError

KIND = "cremad"


def prepare(
    root: str | Path,
    out: str | Path,
    train_list: str | Path | None = None,
    test_list: str | Path | None = None,
    *,
    fps: Literal[1, 2] = 1,
    side: int = 256,
    dtype: Literal["float16", "float32"] = "float16",
    tolerance: float = 0.005,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Path:
    """Decodes every clip: the spectrogram of its sound, and some frames.

    Args:
        root: A clone of CREMA-D, with `AudioWAV` and `VideoFlash`.
        out: Folder to make; must not exist.
        train_list: The `train.csv` of the published split, rows such as `1001_DFA_ANG_XX,ANG`;
            without lists a stratified tenth is drawn as test, and results are marked split=own.
        test_list: The `test.csv` of the published split.
        fps: Frames kept of every second.
        side: Shorter side of the frames, in pixels.
        dtype: Of the spectrograms; float16 is off by 0.004 at most down to -16, and by 0.008 in
            silence.
        tolerance: The largest share of clips that may be unusable.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.

    Returns:
        `out`.

    Raises:
        UserError: A folder or list is missing, the lists are wrong, too many clips cannot be
            used, or `out` exists.
    """
    layout = read_layout(root, train_list, test_list)
    if layout.faults:
        count = len(layout.faults)
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise UserError(f"{layout.faults[0]}{more}; obtain the lists again")
    decode = Decoder(fps, side, dtype)
    return assemble(
        out,
        KIND,
        layout.samples,
        decode,
        ragged={"video"},
        options=decode.options(),
        tolerance=tolerance,
        workers=workers,
        progress=progress,
        split=layout.split,
        licence="Open Database License 1.0, contents Database Contents License 1.0",
    )
