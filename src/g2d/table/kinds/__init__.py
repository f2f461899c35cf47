"""The kinds of modality that a table can hold, one file each."""

from g2d.table.kinds.audio import Audio
from g2d.table.kinds.base import Field, Kind
from g2d.table.kinds.features import Features
from g2d.table.kinds.image import Image
from g2d.table.kinds.sequence import SequenceOfVectors
from g2d.table.kinds.tabular import Tabular
from g2d.table.kinds.text import Text
from g2d.table.kinds.video import Video

KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (Audio, Features, Image, SequenceOfVectors, Tabular, Text, Video)
}

__all__ = [
    "KINDS",
    "Audio",
    "Features",
    "Field",
    "Image",
    "Kind",
    "SequenceOfVectors",
    "Tabular",
    "Text",
    "Video",
]
