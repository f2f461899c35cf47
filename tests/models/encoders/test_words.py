"""The encoder of texts against its equation; padding plays no part in it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.models.encoders.words import Words


def made(seed=0, **options):
    torch.manual_seed(seed)
    return Words(vocabulary=20, width=6, embedding=5, **options)


def by_hand(encoder, row):
    """One text after the other, word by word."""
    vectors = [encoder.embedding.weight[number] for number in row if number != 0]
    if not vectors:
        return encoder.linear.bias.clamp(min=0)
    scores = torch.stack([(encoder.query.weight[0] * vector).sum() for vector in vectors])
    weights = scores.exp() / scores.exp().sum()
    pooled = sum(weight * vector for weight, vector in zip(weights, vectors, strict=True))
    return (encoder.linear.weight @ pooled + encoder.linear.bias).clamp(min=0)


@given(st.lists(st.lists(st.integers(0, 19), min_size=4, max_size=4), min_size=1, max_size=5))
def test_equals_its_equation(rows):
    encoder = made().eval()
    expected = torch.stack([by_hand(encoder, row) for row in rows])
    torch.testing.assert_close(encoder(torch.tensor(rows)), expected)
    assert expected.shape[1] == encoder.feature_width


@given(st.lists(st.integers(1, 19), min_size=1, max_size=6), st.integers(1, 9), st.randoms())
def test_neither_padding_nor_order_matters(row, padding, random):
    encoder = made().eval()
    padded = row + [0] * padding
    random.shuffle(padded)
    one, other = encoder(torch.tensor([row])), encoder(torch.tensor([padded]))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_texts_without_words_are_finite_and_so_is_what_is_learnt(dtype):
    encoder = made(dropout=0.0).to(dtype)
    words = torch.tensor([[0, 0, 0], [3, 4, 0], [0, 0, 0]])
    with torch.autograd.set_detect_anomaly(True):
        features = encoder(words)
        features.sum().backward()
    assert features.isfinite().all()
    assert torch.equal(features[0], features[2])
    alone = made(dropout=0.0).to(dtype)
    alone(words[1:2]).sum().backward()
    for name in ("embedding.weight", "query.weight"):
        got, expected = encoder.get_parameter(name).grad, alone.get_parameter(name).grad
        assert got.isfinite().all()
        torch.testing.assert_close(got, expected)
    assert (encoder.embedding.weight.grad[0] == 0).all()


def test_words_are_dropped_in_training_only():
    encoder, words = made(dropout=0.5), torch.randint(1, 20, (2, 9))
    assert not torch.equal(encoder(words), encoder(words))
    encoder.eval()
    assert torch.equal(encoder(words), encoder(words))


def test_refuses_a_vocabulary_without_words():
    with pytest.raises(UserError, match="expected 2 or more"):
        Words(vocabulary=1)
