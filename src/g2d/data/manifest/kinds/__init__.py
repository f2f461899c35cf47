"""The kinds of modality that a table can hold, one file each."""

from g2d.data.manifest.kinds.audio import Audio
from g2d.data.manifest.kinds.base import Field, Kind
from g2d.data.manifest.kinds.features import Features
from g2d.data.manifest.kinds.image import Image
from g2d.data.manifest.kinds.sequence import SequenceOfVectors
from g2d.data.manifest.kinds.tabular import Tabular
from g2d.data.manifest.kinds.text import Text
from g2d.data.manifest.kinds.video import Video

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
