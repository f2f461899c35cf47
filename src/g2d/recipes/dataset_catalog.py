"""The datasets that recipes know by a short name, as `g2d data ls` shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset of `g2d data ls`.

    Attributes:
        path: Where the dataset is defined.
        what: What a sample is, in a few words.
        obtain: How to come by the original files.
        licence: Under which they may be used.
        size: What to expect on disk: the original files, and the store.
        prepare: The function that makes a store of the original files, where there is one.
        check: The function that looks through the original files, where there is one.
    """

    path: str
    what: str
    obtain: str
    licence: str
    size: str
    prepare: str = ""
    check: str = ""


_SETS = "g2d.benchmark.datasets"

DATASETS = {
    "table": DatasetEntry(
        "g2d.table.dataset.TableData",
        what="a table of your own: files, text, numbers",
        obtain="CSV, TSV, Parquet or JSON Lines",
        licence="yours",
        size="decoded files are kept in the cache",
    ),
    "avdigits": DatasetEntry(
        f"{_SETS}.avdigits.AVDigits",
        what="1,797 handwritten digits, each spoken by eSpeak NG in noise",
        obtain="nothing to do: made at the first use, in seconds",
        licence="digits CC BY 4.0, eSpeak NG GPL-3.0",
        size="nothing to download; 50 MB in the cache",
    ),
    "avmnist": DatasetEntry(
        f"{_SETS}.avmnist.dataset.AVMNIST",
        what="MNIST reduced by PCA, with recordings of spoken digits in noise",
        obtain="MNIST's IDX files and the Free Spoken Digit Dataset",
        licence="MNIST CC BY-SA 3.0, FSDD CC BY-SA 4.0",
        size="originals 55 MB and 25 MB; store 320 MB",
        prepare=f"{_SETS}.avmnist.prepare.prepare",
    ),
    "avmnist_archive": DatasetEntry(
        f"{_SETS}.avmnist.archive.AVMNISTArchive",
        what="the avmnist.tar.gz of many papers; sound and label may disagree",
        obtain="link in the readme of MultiBench; used as it is",
        licence="none stated",
        size="1.3 GB unpacked",
        check=f"{_SETS}.avmnist.findings.check_archive",
    ),
    "misme": DatasetEntry(
        f"{_SETS}.misme.dataset.MISME",
        what="soil moisture from pictures of the soil and the weather",
        obtain="release v1 of github.com/OSU-Complex-Systems/MIS-ME",
        licence="MIT",
        size="originals: see the release; store 0.7 GB",
        prepare=f"{_SETS}.misme.prepare.prepare",
        check=f"{_SETS}.misme.check.check",
    ),
    "iemocap": DatasetEntry(
        f"{_SETS}.iemocap.dataset.IEMOCAP",
        what="turns of acted dialogues, 4 or 6 emotions: sound, face, words",
        obtain="by request at sail.usc.edu/iemocap; features: MMIN, yours, its own",
        licence="research only, not to be passed on",
        size="originals about 12 GB; store 1.5 GB (MMIN) or 0.4 GB (release)",
        prepare=f"{_SETS}.iemocap.prepare.prepare",
        check=f"{_SETS}.iemocap.check.check",
    ),
    "urfunny": DatasetEntry(
        f"{_SETS}.urfunny.dataset.URFunny",
        what="punchlines of talks, word by word: sound, face and words",
        obtain="github.com/ROC-HCI/UR-FUNNY, or the humor.pkl of MultiBench",
        licence="none stated; the talks are CC BY-NC-ND",
        size="originals several GB; store 0.5 GB, with context 2 GB",
        prepare=f"{_SETS}.urfunny.prepare.prepare",
        check=f"{_SETS}.urfunny.check.check",
    ),
    "mosei": DatasetEntry(
        f"{_SETS}.mosei.dataset.MOSEI",
        what="sentences of video monologues and their sentiment: sound, face, words",
        obtain="links in the readmes of MultiBench and MMSA: one pickle",
        licence="none stated; the videos belong to those who made them",
        size="originals 2 to 10 GB; store 0.7 GB, or 2 with wide features",
        prepare=f"{_SETS}.mosei.prepare.prepare",
        check=f"{_SETS}.mosei.check.check",
    ),
    "cremad": DatasetEntry(
        f"{_SETS}.cremad.dataset.CREMAD",
        what="7,442 clips of actors who say a sentence with one of six emotions",
        obtain="git lfs clone of CheyneyComputerScience/CREMA-D",
        licence="ODbL 1.0, contents DbCL 1.0",
        size="originals 7.6 GB; store 7 GB",
        prepare=f"{_SETS}.cremad.prepare.prepare",
        check=f"{_SETS}.cremad.check.check",
    ),
    "vggsound": DatasetEntry(
        f"{_SETS}.vggsound.dataset.VGGSound",
        what="some 200,000 clips of ten seconds, 309 kinds of sounds",
        obtain="table on the page of the VGG group; clips from YouTube or a mirror",
        licence="annotations CC BY 4.0; the clips belong to those who made them",
        size="originals 330 GB; store 3.8 MB a clip (--most-frames 3: 1.4)",
        prepare=f"{_SETS}.vggsound.files.prepare",
        check=f"{_SETS}.vggsound.files.check",
    ),
    "kinetics_sounds": DatasetEntry(
        f"{_SETS}.kinetics_sounds.dataset.KineticsSounds",
        what="some 27,000 clips of ten seconds, 31 kinds of actions that are heard",
        obtain="Kinetics-400 of github.com/cvdfoundation/kinetics-dataset",
        licence="annotations CC BY 4.0; the clips belong to those who made them",
        size="originals 450 GB (of 400 classes); store 3.8 MB a clip, as vggsound",
        prepare=f"{_SETS}.kinetics_sounds.files.prepare",
        check=f"{_SETS}.kinetics_sounds.files.check",
    ),
}
