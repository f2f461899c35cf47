"""The frames that are kept are those of the rule, and broken files are told apart."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.clips import cut_short, picture, write_video
from g2d.data.preparation import UnusableError
from g2d.data.video import is_kept, read_frames, scaled


def kept(count: int, fps: int, rate: int) -> list[int]:
    return [number for number in range(count) if is_kept(number, fps, rate)]


@pytest.mark.parametrize(("seconds", "expected"), [(1.268, 2), (2.502, 3), (5.005, 6)])
def test_clips_of_crema_d_have_so_many_frames(seconds, expected):
    assert kept(int(seconds * 30000 / 1001), fps=29, rate=1) == [29 * i for i in range(expected)]


@given(fps=st.integers(1, 60), rate=st.integers(1, 8), seconds=st.integers(1, 5))
def test_as_many_of_every_second_as_asked_for(fps, rate, seconds):
    numbers = kept(fps * seconds, fps, rate)
    assert len(numbers) == min(rate, fps) * seconds
    assert numbers == sorted(
        {second * fps + n for second in range(seconds) for n in numbers[:rate] if n < fps}
    )


@pytest.mark.parametrize("rate", [1, 2])
@pytest.mark.parametrize(("codec", "name"), [("flv", "a.flv"), ("libx264", "a.mp4")])
def test_frames_are_those_of_the_rule(tmp_path, codec, name, rate):
    path = tmp_path / name
    write_video(path, 75, codec=codec, size=(160, 120))
    with av.open(str(path)) as container:
        whole = [frame.to_image() for frame in container.decode(video=0)]
    assert len(whole) == 75
    expected = {1: [0, 29, 58], 2: [0, 14, 29, 43, 58, 72]}[rate]
    clip = read_frames(path, rate, side=60)
    assert clip.frames.shape == (len(expected), 60, 80, 3)
    for number, frame in zip(expected, clip.frames, strict=True):
        assert (
            frame == np.asarray(whole[number].resize((80, 60), Image.Resampling.BILINEAR))
        ).all()
    assert clip.seconds == pytest.approx(75 * 1001 / 30000, abs=0.05)


def test_the_picture_is_the_one_that_was_written(tmp_path):
    write_video(tmp_path / "a.flv", 31, size=(160, 120))
    frames = read_frames(tmp_path / "a.flv").frames.astype(float)
    assert frames.shape == (2, 120, 160, 3), "small frames are not made larger"
    right = [np.abs(frames[i] - picture(29 * i, 0, (160, 120))).mean() for i in range(2)]
    wrong = np.abs(frames[0] - picture(29, 0, (160, 120))).mean()
    assert max(right) < 25 < 40 < wrong


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.integers(1, 400))
def test_scaling_keeps_the_aspect(size, side):
    new = scaled(size, side)
    assert min(new) == min(side, *size)
    shorter = min(size)
    assert all(abs(n - o * min(new) / shorter) <= 0.5 for n, o in zip(new, size, strict=True))


def no_picture(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_what_is_no_clip_is_refused_with_the_reason(tmp_path):
    for name in ("half.flv", "half.mp4"):
        write_video(tmp_path / name, 60, codec="flv" if name.endswith("flv") else "libx264")
        cut_short(tmp_path / name)
    (tmp_path / "words.flv").write_text("no video at all " * 20)
    (tmp_path / "empty.flv").write_bytes(b"")
    (tmp_path / "pointer.flv").write_text("version https://git-lfs.github.com/spec/v1\n")
    no_picture(tmp_path / "sound.mp4")
    write_video(tmp_path / "raw.h264", 20, codec="libx264")
    only_the_head(tmp_path / "zero.flv")
    only_the_index(tmp_path / "zero.mp4")
    reasons = {}
    for name in ("gone.flv", *sorted(path.name for path in tmp_path.iterdir())):
        with pytest.raises(UnusableError) as raised:
            read_frames(tmp_path / name)
        reasons[name] = str(raised.value)
    assert reasons == {
        "gone.flv": "gone.flv is missing",
        "empty.flv": "empty.flv is empty (0 bytes)",
        "half.flv": reasons["half.flv"],
        "half.mp4": "half.mp4 is damaged (Invalid data found when processing input)",
        "pointer.flv": "pointer.flv is a Git LFS pointer; run git lfs pull in its repository",
        "raw.h264": "raw.h264 has no duration",
        "sound.mp4": "sound.mp4 has no picture",
        "words.flv": "words.flv is damaged (Invalid data found when processing input)",
        "zero.flv": "zero.flv is damaged (End of file)",
        "zero.mp4": "zero.mp4 has no frame",
    }
    assert reasons["half.flv"].startswith("half.flv is cut short: its frames end at ")


def only_the_head(path):
    """A Flash file that ends before its first frame, as an interrupted encoder leaves it."""
    write_video(path, 2)
    content = path.read_bytes()
    # header (9), length of the tag before (4), then the first tag, which is the metadata
    size = int.from_bytes(content[14:17], "big")
    path.write_bytes(content[: 13 + 11 + size + 4])


def only_the_index(path):
    """An MP4 that begins with its index, as those for the web do, and has lost all frames."""
    write_video(path, 20, codec="libx264", options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])
