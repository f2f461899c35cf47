"""Every planted fault is found, and nothing in good files."""

from __future__ import annotations

import shutil

from benchmark.datasets.vggsound.miniature import table, write_clip, write_table
from data.clips import cut_short, write_video
from g2d.benchmark.datasets.vggsound.files import check


def test_nothing_is_wrong_with_good_files(vggsound):
    report = check(vggsound, workers=0)
    assert report.problems == ()
    assert report.facts == (
        "18 of the 18 clips of the table are there, 0 of them with a WAV file",
        "3 of the 309 classes of the full table",
        "train: 12 rows, 3 classes",
        "test: 6 rows, 3 classes",
        "18 samples, 0 of them unusable",
        "train: 12",
        "test: 6",
    )


def test_planted_faults_are_found(broken):
    names = [f"{video}_{start:06d}" for video, start, *_ in table()]
    videos = {name: broken / "video" / f"{name}.mp4" for name in names}
    videos[names[0]].unlink()
    videos[names[1]].write_bytes(b"")
    videos[names[2]].write_text("version https://git-lfs.github.com/spec/v1\n")
    cut_short(videos[names[3]])
    write_video(videos[names[4]], 25, codec="libx264", rate=5)
    write_clip(broken / "video", names[5], seed=5, seconds=2)
    shutil.copy(videos[names[9]], videos[names[6]])  # test beside train, one label
    shutil.copy(videos[names[10]], videos[names[11]])  # train and train, two labels
    rows = table()
    rows.append((rows[12][0], 999, rows[12][2], "test"))
    rows.append(rows[13])
    write_table(broken / "vggsound.csv", rows)
    problems = set(check(broken, workers=0).problems)
    label = rows[13][2]
    assert problems == {
        f"{names[0]}: {names[0]}.mp4 is missing",
        f"{names[1]}: {names[1]}.mp4 is empty (0 bytes)",
        f"{names[2]}: {names[2]}.mp4 is a Git LFS pointer; run git lfs pull in its repository",
        f"{names[3]}: {names[3]}.mp4 is damaged (Invalid data found when processing input)",
        f"{names[4]}: {names[4]}.mp4 has no sound track",
        f"{names[5]}: {names[5]}.mp4 has 2 frames at one a second, expected 4 or more",
        f"{rows[12][0]}_000999: {rows[12][0]}_000999.mp4 is missing",
        f"the video of {names[6]}, {names[9]} is the same, in test and train",
        f"the video of {names[10]}, {names[11]} is the same, and their labels differ",
        f"video {rows[12][0]} is in train and test",
        f"{names[13]} comes twice, as {label} (train) and {label} (train)",
    }
