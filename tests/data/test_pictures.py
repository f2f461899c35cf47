"""Pictures are what Pillow wrote, upright and in colour; what is broken is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from g2d.data.pictures import read_picture
from g2d.data.preparation import UnusableError

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 21, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "soil.png"


def test_pixels_are_those_of_the_file(path):
    Image.fromarray(PIXELS).save(path)
    found = read_picture(path)
    assert found.dtype == np.uint8
    assert found.tolist() == PIXELS.tolist()


def test_grey_palette_and_transparency_become_colour(path):
    grey = PIXELS[..., 0]
    Image.fromarray(grey).save(path)
    assert read_picture(path).tolist() == np.repeat(grey[..., None], 3, axis=2).tolist()
    clear = np.concatenate([PIXELS, PIXELS[..., :1]], axis=2)
    Image.fromarray(clear, "RGBA").save(path)
    assert read_picture(path).tolist() == PIXELS.tolist()
    few = (PIXELS // 128) * 255
    Image.fromarray(few).quantize(8).save(path)
    assert read_picture(path).tolist() == few.tolist()


# EXIF 2.3, tag 0x0112: how the stored rows and columns have to be turned to stand upright.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_turned_camera_is_turned_back(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(path, exif=exif)
    assert read_picture(path).tolist() == UPRIGHT[orientation](PIXELS).tolist()


def test_resizing_by_whole_factors_averages_smoothly(path):
    """Bilinear with antialiasing: a triangle of twice the factor's width, by hand."""
    ramp = np.zeros((8, 8, 3), np.uint8)
    ramp[:, 4:] = 200
    Image.fromarray(ramp).save(path)
    found = read_picture(path, side=4)
    row = ramp[0, :, 0].astype(float)
    for place in range(4):
        centre = 2 * (place + 0.5)
        weights = np.clip(1 - np.abs((np.arange(8) + 0.5 - centre) / 2), 0, None)
        assert found[0, place, 0] == pytest.approx(weights @ row / weights.sum(), abs=1)
    assert read_picture(path, side=5).shape == (5, 5, 3)


def test_what_cannot_be_read_is_named(path, tmp_path):
    with pytest.raises(UnusableError, match=r"soil\.png is missing"):
        read_picture(path)
    path.write_bytes(b"")
    with pytest.raises(UnusableError, match=r"soil\.png is empty \(0 bytes\)"):
        read_picture(path)
    path.write_bytes(b"soil" * 100)
    with pytest.raises(UnusableError, match=r"soil\.png is no picture that Pillow can read"):
        read_picture(path)
    photo = tmp_path / "soil.jpg"
    for file in (path, photo):
        Image.fromarray(PIXELS.repeat(8, 0).repeat(8, 1)).save(file)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with pytest.raises(UnusableError, match=f"{file.name} is broken or cut short"):
            read_picture(file)
    Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 256).save(path)
    with pytest.raises(UnusableError, match=r"soil\.png has more than 8 bits a channel"):
        read_picture(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["png", "jpg"]),
    places=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    value=st.integers(0, 255),
)
def test_a_damaged_picture_is_read_or_refused_in_words(tmp_path, kind, places, value):
    file = tmp_path / f"soil.{kind}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(file, exif=exif)
    content = bytearray(file.read_bytes())
    for place in places:
        content[int(place * (len(content) - 1))] = value
    file.write_bytes(content)
    try:
        said = str(read_picture(file, side=4).shape)
    except UnusableError as error:
        said = str(error)
    assert said == "(4, 4, 3)" or said.startswith(file.name)


FORMATS = {
    "JPEG": ("RGB", "JPEG", {}),
    "JPEG in scans": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    "JPEG, turned": ("RGB", "JPEG", {"turn": 6}),
    "JPEG, four inks": ("CMYK", "JPEG", {}),
    "JPEG, grey": ("L", "JPEG", {}),
    "PNG": ("RGB", "PNG", {}),
    "PNG, transparent and turned": ("RGBA", "PNG", {"turn": 6}),
    "PNG, a palette": ("P", "PNG", {}),
    "PNG, black and white": ("1", "PNG", {}),
    "WebP": ("RGB", "WEBP", {}),
    "JPEG 2000": ("L", "JPEG2000", {}),
    "BMP": ("RGB", "BMP", {}),
}

MEASURE = """
import sys
from pathlib import Path
from g2d.data.pictures import picture_bytes, read_picture

def kb(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

read_picture(Path(sys.argv[1]), 16)
for file in map(Path, sys.argv[2:]):
    Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
    before = kb("VmRSS")
    read_picture(file, 16)
    print(picture_bytes(file), 1024 * (kb("VmHWM") - before))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux measures it")
def test_a_picture_takes_no_more_memory_than_its_header_says(path, tmp_path):
    """As the kernel counts it, in a process of its own; 6 million pixels."""
    small = tmp_path / "small.png"
    Image.fromarray(PIXELS).save(small)
    files = []
    for name, (mode, kind, options) in FORMATS.items():
        exif = Image.Exif()
        exif[0x0112] = options.get("turn", 1)
        more = {key: value for key, value in options.items() if key != "turn"}
        picture = Image.new(
            mode, (3000, 2000), 1 if mode in "LP1" else (9, 80, 200, 1)[: len(mode)]
        )
        if mode == "P":
            picture.putpalette(bytes(768))
        files.append(tmp_path / f"{name}.{kind.lower()}")
        picture.save(files[-1], kind, **more, **({"exif": exif} if "turn" in options else {}))
    command = [sys.executable, "-c", MEASURE, small, *files]
    # what is freed is given back, else the next picture finds it
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "100000"}
    said = subprocess.run(
        map(str, command), capture_output=True, text=True, check=True, env=environment
    )
    for name, line in zip(FORMATS, said.stdout.splitlines(), strict=True):
        announced, taken = map(int, line.split())
        assert taken <= announced + 4e6, name
        assert announced <= 3 * taken + 4e6, name  # nor is a picture refused that fits well


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK"])
@pytest.mark.parametrize("turn", [1, 3, 6])
def test_saving_memory_changes_no_pixel(path, mode, turn):
    """Beside the plain way: turn, make it colour, resize."""
    picture = Image.fromarray(PIXELS).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = turn
    file = path.with_suffix(".tif")  # it holds every mode
    picture.save(file, exif=exif)
    with Image.open(file) as stored:
        assert stored.mode == mode
        plain = ImageOps.exif_transpose(stored).convert("RGB")
    resized = plain.resize((7, 7), Image.Resampling.BILINEAR)
    assert read_picture(file).tolist() == np.asarray(plain).tolist()
    assert read_picture(file, 7).tolist() == np.asarray(resized).tolist()
