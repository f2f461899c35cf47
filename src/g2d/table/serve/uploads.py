"""Files that a client sent, on disk for as long as they are read."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from g2d.files import temporary_folder
from g2d.table.reading.source import Row
from g2d.table.serve.columns import Sent, Upload, plain

_LONGEST_NAME = 60


@contextmanager
def on_disk(
    rows: Sequence[Mapping[str, Sent]],
) -> Iterator[tuple[list[Row], Path, Callable[[str], str]]]:
    """Writes the uploads of some rows into a new folder, which is gone afterwards.

    Files have random names: the sender's names are used for messages alone, so they can neither
    point out of the folder nor choose a decoder.

    Returns:
        The rows with the files' names in their cells, the folder, and a function that puts the
        senders' names into a message in the place of those on this machine.

    Example:
        >>> with on_disk([{"call": Upload(b"RIFF", "../../a.wav")}]) as (
        ...     rows,
        ...     folder,
        ...     with_sent_names,
        ... ):
        ...     name = rows[0]["call"]
        ...     (folder / name).read_bytes(), with_sent_names(f"cannot read {folder / name}")
        (b'RIFF', 'cannot read a.wav')
        >>> folder.exists()
        False
    """
    with temporary_folder(Path(tempfile.gettempdir()).resolve(), "g2d-serve") as work:
        folder = work / "sent"
        folder.mkdir()
        names: dict[str, str] = {}
        found: list[Row] = []
        for row in rows:
            cells: Row = {}
            for column, sent in row.items():
                if isinstance(sent, Upload):
                    name = secrets.token_hex(16)
                    (folder / name).write_bytes(sent.content)
                    names[name] = shown_name(sent.name) or shown_name(column)
                    cells[column] = name
                else:
                    cells[column] = sent
            found.append(cells)

        def with_sent_names(message: str) -> str:
            message = message.replace(f"{folder}/", "").replace(str(folder), "what was sent")
            for name, own in names.items():
                message = message.replace(name, own)
            return plain(message)

        yield found, folder, with_sent_names


def shown_name(name: str) -> str:
    r"""The last part of a name, without what does not print.

    Example:
        >>> shown_name("C:\\music\\a.wav"), shown_name("../b\n.png"), shown_name("..")
        ('a.wav', 'b.png', '')
    """
    last = PureWindowsPath(plain(name)).name
    kept = "".join(sign for sign in last if sign.isprintable())[-_LONGEST_NAME:]
    return "" if kept in {".", ".."} else kept
