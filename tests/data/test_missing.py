"""Masks have the share they promise and the distribution of the protocol, and survive a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d.data.missing import Mask, draw_mask
from g2d.errors import UserError
from reference.mla_masks import mla_mask

NAMES = ("a", "b", "c", "d", "e")
SAMPLES = 3318  # the training split of the paper's IEMOCAP


@st.composite
def draws(draw):
    """Samples, modalities, a possible rate and a seed."""
    views = draw(st.integers(2, 5))
    rate = draw(st.floats(0, 1 - 1 / views))
    return draw(st.integers(1, 200)), NAMES[:views], rate, draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(draws())
def test_the_share_is_exact_and_nobody_is_left_with_nothing(case):
    samples, names, rate, seed = case
    mask = draw_mask(samples, names, rate, seed)
    assert mask.shape == (samples, len(names))
    assert mask.any(axis=1).all()
    slots = samples * len(names)
    assert mask.sum() == max(samples, round(slots * (1 - rate)))


@settings(max_examples=30, deadline=None)
@given(draws())
def test_a_mask_is_a_function_of_its_seed(case):
    first, again = draw_mask(*case), draw_mask(*case)
    np.testing.assert_array_equal(first, again)
    assert first.any(axis=1).all()


def patterns(mask):
    """Share of samples with 1, 2, 3 modalities, in percent."""
    return 100 * np.bincount(mask.sum(axis=1), minlength=4)[1:] / len(mask)


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.2, (9, 42, 49)), (0.4, (36, 48, 16)), (0.6, (81, 18, 1))]
)
def test_the_distribution_is_the_one_of_the_protocol(rate, expected):
    mask = draw_mask(SAMPLES, NAMES[:3], rate, seed=0)
    np.testing.assert_allclose(patterns(mask), expected, atol=2.5)
    # q of every other modality: .7, .4, .1; two of them, each by itself
    q = {0.2: 0.7, 0.4: 0.4, 0.6: 0.1}[rate]
    binomial = 100 * np.array([(1 - q) ** 2, 2 * q * (1 - q), q**2])
    np.testing.assert_allclose(patterns(mask), binomial, atol=2.5)
    np.testing.assert_allclose(mask.mean(axis=0), 1 - rate, atol=0.025)  # no modality is favoured


@pytest.mark.parametrize("rate", [0.2, 0.4, 0.5, 0.6])
def test_it_is_the_distribution_of_the_generator_of_mla(rate):
    """Up to that one's tolerance, and its rounding of chances down to percents."""
    rng = np.random.default_rng(0)
    theirs = np.mean([patterns(mla_mask(SAMPLES, 3, rate, rng)) for _ in range(5)], axis=0)
    ours = np.mean([patterns(draw_mask(SAMPLES, NAMES[:3], rate, s)) for s in range(5)], axis=0)
    np.testing.assert_allclose(ours, theirs, atol=2.0)


def test_without_a_rate_all_is_there_and_at_the_highest_one_modality_each():
    assert draw_mask(50, NAMES[:3], 0.0, seed=1).all()
    assert (draw_mask(50, NAMES[:3], 2 / 3, seed=1).sum(axis=1) == 1).all()
    assert (draw_mask(50, NAMES[:2], 0.5, seed=1).sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("rate", "views", "line"),
    [
        (0.6, 2, "got a rate of 0.6, expected 0 to 0.5: every sample keeps one of its 2 modalit"),
        (0.7, 3, "got a rate of 0.7, expected 0 to 0.6666: every sample keeps one of its 3"),
        (-0.1, 3, "got a rate of -0.1, expected 0 to 0.6666"),
        (float("nan"), 3, "got a rate of nan, expected 0 to 0.6666"),
        (0.1, 1, "got a rate of 0.1, expected 0 to 0: "),
        (0.0, 0, "got no modalities to draw a mask for"),
    ],
)
def test_a_rate_that_cannot_be(rate, views, line):
    with pytest.raises(UserError) as caught:
        draw_mask(10, NAMES[:views], rate, seed=0)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


# -- files


@settings(max_examples=25, deadline=None)
@given(case=draws())
def test_what_is_saved_is_loaded(case, tmp_path_factory):
    samples, names, rate, seed = case
    mask = Mask.draw("val", samples, names, rate, seed)
    found = Mask.load(mask.save(tmp_path_factory.mktemp("m") / "mask.npz"))
    np.testing.assert_array_equal(found.present, mask.present)
    assert found.describe() == mask.describe()
    assert (found.split, found.modalities, found.rate, found.seed) == ("val", names, rate, seed)


def test_the_hash_is_that_of_seed_rate_and_size():
    def hash_of(split="test", samples=40, names=NAMES[:3], rate=0.4, seed=0):
        return Mask.draw(split, samples, names, rate, seed).sha256

    assert hash_of() == hash_of()
    others = [
        hash_of(seed=1),
        hash_of(rate=0.41),
        hash_of(samples=41),
        hash_of(names=NAMES[:4]),
        hash_of(split="val"),
    ]
    assert len({hash_of(), *others}) == 6


def test_splits_of_one_seed_have_masks_of_their_own():
    train, test = (Mask.draw(name, 200, NAMES[:3], 0.4, 0).present for name in ("train", "test"))
    assert not np.array_equal(train, test)


def test_the_same_mask_is_the_same_file(tmp_path):
    files = [Mask.draw("test", 40, NAMES[:3], 0.4, 0).save(tmp_path / n) for n in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def rewritten(path, **changes):
    """The same file with a part of its content replaced."""
    with np.load(path) as file:
        about, present = json.loads(str(file["about"])), file["present"].copy()
    flip = changes.pop("flip", None)
    if flip:
        present[flip] = ~present[flip]
    about.update(changes)
    np.savez_compressed(path, about=np.array(json.dumps(about)), present=present)


FULL = next(iter(np.argwhere(Mask.draw("test", 40, NAMES[:3], 0.4, 0).present.all(axis=1))))[0]


@pytest.mark.parametrize(
    "fault", [{"flip": (int(FULL), 1)}, {"seed": 7}, {"rate": 0.5}, {"split": "val"}, {"format": 2}]
)
def test_a_file_that_was_changed_is_refused(tmp_path, fault):
    path = Mask.draw("test", 40, NAMES[:3], 0.4, 0).save(tmp_path / "mask.npz")
    rewritten(path, **fault)
    with pytest.raises(UserError, match=r"mask\.npz was changed after it was written \(hash"):
        Mask.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 cut short", b"rate: 0.4", bytes(range(256)) * 9]
)
def test_what_is_no_mask_is_refused(tmp_path, content):
    path = tmp_path / "mask.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mask\.npz is cut short or damaged .*; expected a "):
        Mask.load(path)


def test_other_arrays_are_no_mask_and_no_file_is_none(tmp_path):
    np.savez(tmp_path / "x.npz", logits=np.zeros(3))
    with pytest.raises(UserError, match="is no mask file"):
        Mask.load(tmp_path / "x.npz")
    with pytest.raises(UserError, match=r"there is no mask file .*none\.npz"):
        Mask.load(tmp_path / "none.npz")


@settings(max_examples=100, deadline=None)
@given(cut=st.sampled_from([0, 0, 1, 30, 300]), at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_file_is_refused_or_the_same_mask(cut, at, byte, tmp_path_factory):
    mask = Mask.draw("test", 40, NAMES[:3], 0.4, 0)
    path = mask.save(tmp_path_factory.mktemp("m") / "mask.npz")
    content = bytearray(path.read_bytes())
    if at < len(content):
        content[at] = byte
    path.write_bytes(bytes(content[: len(content) - cut]))
    try:
        found = Mask.load(path)
    except UserError:  # and nothing else
        return
    np.testing.assert_array_equal(found.present, mask.present)


@pytest.mark.parametrize(
    ("split", "samples", "names", "line"),
    [
        ("train", 40, NAMES[:3], "got the mask of test for train; give the one of train"),
        ("test", 41, NAMES[:3], "the mask of test is for 40 samples, and the split has 41"),
        ("test", 40, NAMES[:2], "the mask of test is for a, b, c, and the data has a, b"),
    ],
)
def test_a_mask_of_something_else(split, samples, names, line):
    with pytest.raises(UserError) as caught:
        Mask.draw("test", 40, NAMES[:3], 0.4, 0).check(split, samples, names)
    assert line in str(caught.value)


def test_the_order_of_the_columns_is_free():
    Mask.draw("test", 40, NAMES[:3], 0.4, 0).check("test", 40, NAMES[2::-1])


@pytest.mark.parametrize(
    ("present", "line"),
    [
        (np.ones((3, 3), bool), r"got a mask of bool \(3, 3\), expected bool \(N, 2\)"),
        (np.ones((3, 2)), r"got a mask of float64 \(3, 2\)"),
        (np.ones(3, bool), r"got a mask of bool \(3,\)"),
        (np.array([[1, 0], [0, 0]], bool), "leaves 1 samples without any modality .first: sample"),
    ],
)
def test_a_mask_made_by_hand_is_looked_at(present, line):
    with pytest.raises(UserError, match=line):
        Mask("test", NAMES[:2], 0.5, 0, present)


def test_wrong_arguments():
    with pytest.raises(UserError, match="got split 'dev', expected one of train, val, test"):
        Mask.draw("dev", 4, NAMES[:2], 0.1, 0)
    with pytest.raises(UserError, match="got seed=-1 for a mask, expected 0 or more"):
        Mask.draw("val", 4, NAMES[:2], 0.1, -1)
    with pytest.raises(UserError, match="got 0 samples"):
        Mask.draw("val", 0, NAMES[:2], 0.1, 0)
