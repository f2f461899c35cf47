"""Every planted fault is found, and nothing in good files."""

from __future__ import annotations

import shutil

import numpy as np

from benchmark.datasets.cremad.miniature import write_clip
from data.clips import cut_short, write_wav
from g2d.benchmark.datasets.cremad.check import check


def look(root):
    return check(root, root / "train.csv", root / "test.csv", workers=0)


def test_nothing_is_wrong_with_good_files(cremad):
    report = look(cremad)
    assert report.problems == ()
    assert report.facts[:3] == (
        "36 of the 7442 clips of the full release, 6 actors",
        "split: listed",
        "36 samples, 0 of them unusable",
    )
    assert report.facts[3].startswith("train: 27 (NEU ")
    assert check(cremad, workers=0).problems == ()


def test_planted_faults_are_found(broken):
    video, audio = broken / "VideoFlash", broken / "AudioWAV"
    write_wav(audio / "1001_IEO_SAD_HI.wav", np.zeros((40000, 1)))
    (audio / "1001_IEO_HAP_HI.wav").unlink()
    (video / "1001_IEO_FEA_HI.flv").write_text("version https://git-lfs.github.com/spec/v1\n")
    (video / "1001_IEO_NEU_HI.flv").write_bytes(b"")
    cut_short(video / "1001_IEO_DIS_HI.flv", 0.4)
    cut_short(audio / "1002_IEO_NEU_HI.wav")
    (video / "1002_IEO_SAD_HI.flv").write_text("not at all a video, by any means")
    shutil.copy(video / "1003_IEO_HAP_HI.flv", video / "1003_IEO_SAD_HI.flv")
    (video / "notes.flv").write_text("notes")
    write_clip(broken, "1009_IEO_SAD_HI", seed=70)
    train, test = broken / "train.csv", broken / "test.csv"
    moved = test.read_text().splitlines()[0]
    train.write_text(
        train.read_text().replace("1004_IEO_SAD_HI,SAD", "1004_IEO_SAD_HI,HAP") + moved
    )
    report = look(broken)
    found = {problem.partition(": ")[0]: problem for problem in report.problems}
    expected = {
        "1001_IEO_SAD_HI": "is silent",
        "1001_IEO_HAP_HI": "is missing",
        "1001_IEO_FEA_HI": "is a Git LFS pointer",
        "1001_IEO_NEU_HI": "is empty",
        "1001_IEO_DIS_HI": "is cut short",
        "1002_IEO_NEU_HI": "is cut short",
        "1002_IEO_SAD_HI": "is damaged",
        "notes is no name of a clip such as 1001_DFA_ANG_XX": "notes",
        "1009_IEO_SAD_HI is in neither list": "neither",
    }
    for key, reason in expected.items():
        assert reason in found.pop(key), key
    rest = list(found.values())
    wrong = [
        ("1004_IEO_SAD_HI is said to be HAP",),
        (f"{moved.split(',')[0]} is in the train list too",),
        ("1003_IEO_HAP_HI", "1003_IEO_SAD_HI", "is the same, and their labels differ"),
    ]
    listed = test.read_text()
    if ("1003_IEO_HAP_HI" in listed) != ("1003_IEO_SAD_HI" in listed):
        wrong.append(("1003_IEO_HAP_HI", "1003_IEO_SAD_HI", "is the same, in test and train"))
    for words in wrong:
        assert [line for line in rest if all(word in line for word in words)], words
    assert len(rest) == len(wrong)
