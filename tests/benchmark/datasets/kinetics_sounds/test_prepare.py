"""The store is the same whatever the layout, and labels are those of the 31 classes."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from benchmark.datasets.kinetics_sounds.miniature import (
    PARTS,
    TARGETS,
    by_class,
    heard,
    table,
    write_table,
)
from benchmark.datasets.vggsound.miniature import write_table as write_vggsound
from data.clips import cut_short
from g2d.benchmark.datasets.kinetics_sounds.files import prepare
from g2d.benchmark.datasets.vggsound.files import prepare as prepare_vggsound
from g2d.data.store import Store
from g2d.errors import UserError

KIND = "kinetics_sounds"


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rows_are_those_of_the_tables_and_labels_their_numbers(kinetics_store):
    store = Store(kinetics_store, KIND, "")
    rows = [(part, *row) for part in PARTS for row in heard(part)]
    assert store.column("part").tolist() == ["train"] * 31 + ["val"] * 3 + ["test"] * 6
    assert store.column("id").tolist() == [clip for _, _, clip in rows]
    assert store.column("target").tolist() == [*range(30, -1, -1), *[26, 5, 10] * 3]
    names = store.manifest["classes"]
    assert [names[number] for number in store.column("target")] == [row[1] for row in rows]
    assert [names[number] for number in (26, 5, 10)] == list(TARGETS)


@pytest.mark.parametrize(
    ("blank", "stem"), [("_", "videos_"), (" ", ""), (" ", "videos/")], ids=repr
)
def test_folders_of_classes_make_the_same_store(kinetics, kinetics_store, tmp_path, blank, stem):
    by_class(kinetics, tmp_path / "k400", blank, stem)
    made = prepare(tmp_path / "k400", tmp_path / "out", workers=0)
    assert content(made) == content(kinetics_store)


def test_tables_may_lie_elsewhere(kinetics, kinetics_store, tmp_path):
    for part in PARTS:
        (tmp_path / part).symlink_to(kinetics / part)
    made = prepare(tmp_path, tmp_path / "out", kinetics / "annotations", workers=0)
    assert content(made) == content(kinetics_store)


def test_a_clip_becomes_what_it_becomes_of_vggsound(kinetics, kinetics_store, tmp_path):
    """Whose spectrograms are compared with librosa's, and frames with the clips'."""
    (tmp_path / "video").mkdir()
    clips = [clip for _, clip in heard("test")]
    for number, clip in enumerate(clips):
        name = f"{clip[:11]}_{number:06d}.mp4"
        shutil.copy(kinetics / "test" / f"{clip}.mp4", tmp_path / "video" / name)
    rows = [(clip[:11], number, "any", "test") for number, clip in enumerate(clips)]
    write_vggsound(tmp_path / "vggsound.csv", rows)
    other = Store(prepare_vggsound(tmp_path, tmp_path / "out", workers=0), "vggsound", "")
    store = Store(kinetics_store, KIND, "")
    assert store.array("audio").shape == (40, 129, 1251)
    np.testing.assert_array_equal(store.array("audio")[34:], other.array("audio"))
    for row in range(6):
        np.testing.assert_array_equal(store.ragged("video")[34 + row], other.ragged("video")[row])
    assert len({other.array("audio")[row].tobytes() for row in range(6)}) == 6


def test_a_replacement_is_read_in_place_of_a_corrupted_clip(broken, kinetics_store, tmp_path):
    clip = heard("train")[4][1]
    whole = shutil.copy(broken / "train" / f"{clip}.mp4", tmp_path)
    cut_short(broken / "train" / f"{clip}.mp4")
    with pytest.raises(UserError, match="1 of 40 samples cannot be used"):
        prepare(broken, tmp_path / "out", workers=0)
    folder = broken / "replacement" / "replacement_for_corrupted_k400"
    folder.mkdir(parents=True)
    shutil.move(whole, folder / f"{clip[:11]}.mp4")
    made = prepare(broken, tmp_path / "out", workers=0)
    assert content(made) == content(kinetics_store)


def test_what_is_missing_changes_no_label(broken, tmp_path):
    gone = [clip for label, clip in heard("test") if label == "stomping grapes"]
    for clip in gone:
        (broken / "test" / f"{clip}.mp4").unlink()
    made = prepare(broken, tmp_path / "out", tolerance=0.2, workers=0)
    store = Store(made, KIND, "")
    assert store.column("target")[31:].tolist() == [26, 5, 10, 5, 10, 5, 10]
    with (made / "skipped.csv").open() as stream:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(stream)}
    assert reasons == {clip: f"{clip}.mp4 is missing" for clip in gone}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_absent_is_named(broken, tmp_path, part):
    shutil.rmtree(broken / part)
    with pytest.raises(UserError, match=rf"has no clips of {part}: there is no folder {part}"):
        prepare(broken, tmp_path / "out")
    (broken / "annotations" / f"{part}.csv").unlink()
    with pytest.raises(UserError, match=rf"there is no table of {part}: looked for {part}\.csv"):
        prepare(broken, tmp_path / "out")


def test_wrong_tables_and_options_are_refused(broken, tmp_path):
    with pytest.raises(UserError, match="most_frames=0"):
        prepare(broken, tmp_path / "out", most_frames=0)
    rows = table("val")
    write_table(broken / "annotations" / "val.csv", [*rows, rows[0]], "val")
    with pytest.raises(UserError, match=r"-vid_000050_000000_000010 comes twice, as stomping"):
        prepare(broken, tmp_path / "out")
