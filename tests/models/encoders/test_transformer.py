"""The transformer against its equations, and what padding must not do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders import AGMTransformer, Transformer
from g2d.models.encoders.transformer import Pooling, Positions
from g2d.models.multimodal import TokenEncoder
from host_reads import Reads
from reference import transformer as equations

INPUTS, WIDTH, HEADS = 5, 12, 3
POOLINGS: list[Pooling] = ["first", "mean", "attention"]
PLACES: list[Positions] = ["none", "sinusoidal"]


def small(**options: object) -> Transformer:
    """An encoder all of whose parameters a test can see, in eval mode."""
    torch.manual_seed(0)
    encoder = Transformer(INPUTS, WIDTH, HEADS, layers=2, feedforward=20, **options)  # type: ignore[arg-type]
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.4)
    return encoder.eval()


def padded(lengths: list[int], before: int = 0, after: int = 0) -> Tensor:
    """Sequences of these lengths, zeros around them."""
    generator = torch.Generator().manual_seed(1)
    batch = torch.zeros(len(lengths), before + max(lengths) + after, INPUTS)
    for row, length in enumerate(lengths):
        batch[row, before : before + length] = torch.randn(length, INPUTS, generator=generator)
    return batch


def double(encoder: Transformer) -> dict[str, Tensor]:
    return {name: value.detach().double() for name, value in encoder.named_parameters()}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("positions", PLACES)
@pytest.mark.parametrize("training", [True, False])
def test_equals_its_equations(pooling: Pooling, positions: Positions, training: bool) -> None:
    encoder = small(positions=positions, pooling=pooling, dropout=0.0).train(training)
    lengths, inputs = [4, 6, 1], padded([4, 6, 1], before=2, after=1)
    inputs[1, 5] = 0  # a gap: the steps behind it keep their places
    with torch.set_grad_enabled(training):
        features, tokens = encoder(inputs), encoder.tokens(inputs)
    parameters = double(encoder)
    for row, length in enumerate(lengths):
        steps = [t for t in range(2, 2 + length) if inputs[row, t].any()]
        places = [t - 2 for t in steps] if positions == "sinusoidal" else None
        expected = equations.encoded(parameters, inputs[row, steps], places, HEADS)
        assert len(expected) == length - (row == 1)
        torch.testing.assert_close(tokens[row, steps], expected.float(), rtol=1e-4, atol=1e-4)
        feature = equations.pooled(parameters, expected, pooling)
        torch.testing.assert_close(features[row], feature.float(), rtol=1e-4, atol=1e-4)
        others = [t for t in range(inputs.shape[1]) if t not in steps]
        assert (tokens[row, others] == 0).all()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("positions", PLACES)
@torch.no_grad()
def test_the_feature_is_pooled_from_the_tokens(pooling: Pooling, positions: Positions) -> None:
    encoder, inputs = small(positions=positions, pooling=pooling), padded([4, 6, 2])
    assert isinstance(encoder, TokenEncoder)
    assert torch.equal(encoder(inputs), encoder.pool(encoder.tokens(inputs)))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    pooling=st.sampled_from(POOLINGS),
    positions=st.sampled_from(PLACES),
)
@torch.no_grad()
def test_a_sample_does_not_depend_on_its_batch(
    lengths: list[int], before: int, after: int, pooling: Pooling, positions: Positions
) -> None:
    encoder = small(positions=positions, pooling=pooling)
    features = encoder(padded(lengths, before, after))
    alone = padded(lengths)
    for row, length in enumerate(lengths):
        expected = encoder(alone[row : row + 1, :length])[0]
        torch.testing.assert_close(features[row], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("positions", PLACES)
@pytest.mark.parametrize("training", [True, False])
def test_a_sequence_of_padding_is_zero_and_teaches_nothing(
    pooling: Pooling, positions: Positions, training: bool
) -> None:
    encoder = small(positions=positions, pooling=pooling, dropout=0.1).train(training)
    inputs = padded([3, 4])
    inputs[0] = 0
    inputs.requires_grad_()
    features = encoder(inputs)
    assert (features[0] == 0).all()
    assert (features[1] != 0).any()
    features[0].square().sum().backward(retain_graph=True)
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None] + [inputs.grad]
    assert all((gradient == 0).all() for gradient in gradients)
    features.sum().backward()
    for parameter in [*encoder.parameters(), inputs]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    with torch.no_grad():
        assert (encoder(torch.zeros(2, 3, INPUTS)) == 0).all()


@torch.no_grad()
def test_without_positions_it_is_a_function_of_a_set() -> None:
    inputs = padded([6, 6])
    shuffled = inputs[:, torch.randperm(6)]
    for pooling in ("mean", "attention"):
        encoder = small(positions="none", pooling=pooling)
        torch.testing.assert_close(encoder(inputs), encoder(shuffled), rtol=1e-4, atol=1e-5)
        ordered = small(positions="sinusoidal", pooling=pooling)
        assert not torch.allclose(ordered(inputs), ordered(shuffled), rtol=1e-2)


@torch.no_grad()
def test_without_a_mask_zeros_are_steps_as_in_the_reference() -> None:
    encoder = small(positions="none", pooling="first", masked=False)
    inputs = padded([4, 6])
    features = encoder(inputs)
    for row in range(2):
        expected = equations.encoded(double(encoder), inputs[row], None, HEADS)[0]
        torch.testing.assert_close(features[row], expected.float(), rtol=1e-4, atol=1e-4)
    longer = encoder(torch.cat([inputs, torch.zeros(2, 3, INPUTS)], dim=1))
    assert not torch.allclose(features, longer, rtol=1e-2)
    mean = small(pooling="mean", masked=False)
    torch.testing.assert_close(mean(inputs), mean.tokens(inputs).mean(dim=1))
    assert not encoder.pads


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_training_and_evaluation_agree_where_nothing_is_dropped(pooling: Pooling) -> None:
    encoder, inputs = small(pooling=pooling, dropout=0.0), padded([3, 5, 1])
    torch.testing.assert_close(encoder.train()(inputs), encoder.eval()(inputs))
    agm = small(pooling=pooling, dropout=0.0, masked=False)
    torch.testing.assert_close(agm.train()(inputs), agm.eval()(inputs))


def test_drops_in_training_only() -> None:
    encoder, inputs = small(dropout=0.5).train(), padded([3, 5])
    assert not torch.equal(encoder(inputs), encoder(inputs))
    encoder.eval()
    assert torch.equal(encoder(inputs), encoder(inputs))


def parameters(encoder: nn.Module) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def test_has_the_parameters_of_the_paper_and_of_agm() -> None:
    with torch.device("meta"):
        paper, agm = Transformer(81), AGMTransformer(371)
        scored = Transformer(300, pooling="attention")
    assert parameters(paper) == 22_055_936 + 768 * 81
    assert parameters(agm) == 44_111_872 + 768 * 371
    assert parameters(scored) == 22_055_936 + 768 * 300 + 768
    assert paper.feature_width == 768
    attention = [part for part in agm.modules() if isinstance(part, nn.MultiheadAttention)]
    assert {part.num_heads for part in attention} == {4}
    assert (agm.positions, agm.pooling, agm.pads) == ("none", "first", False)


def test_every_layer_begins_with_weights_of_its_own() -> None:
    torch.manual_seed(0)
    encoder = Transformer(INPUTS, width=64, heads=4, layers=3, feedforward=128)
    drawn = [[p for p in layer.parameters() if p.ndim == 2] for layer in encoder.layers]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        for a, b in zip(drawn[one], drawn[other], strict=True):
            assert not torch.equal(a, b)
    for part in encoder.modules():
        if isinstance(part, nn.Linear):
            # Xavier-normal: a standard deviation estimated from n numbers is off by 1/sqrt(2n)
            expected = (2 / (part.in_features + part.out_features)) ** 0.5
            slack = 5 / (2 * part.weight.numel()) ** 0.5
            assert part.weight.std().item() == pytest.approx(expected, rel=slack)
            assert (part.bias == 0).all()


def test_takes_half_precision() -> None:
    encoder, inputs = small(), padded([3, 5])
    inputs[0] = 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = encoder.train()(inputs)
    features.float().sum().backward()
    assert features.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"heads": 5}, "got 5 heads for width 768, expected a number that divides it"),
        ({"heads": 0}, "got 0 heads for width 768"),
        ({"layers": 0}, "layers must be 1 or more, got 0"),
        ({"positions": "learned"}, "positions: expected none or sinusoidal, got 'learned'"),
        ({"pooling": "last"}, "pooling: expected first or mean or attention, got 'last'"),
    ],
)
def test_refuses_what_cannot_be(options: dict[str, object], line: str) -> None:
    with pytest.raises(UserError, match=line), torch.device("meta"):
        Transformer(INPUTS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 6), (4, 0, 5), (4, 5, 3)])
def test_says_which_shape_it_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"expected \(B, T, 5\) with a step or more") as error:
        small()(torch.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("training", [True, False])
def test_reads_nothing_back_from_the_device(training: bool) -> None:
    for pooling in POOLINGS:
        encoder, inputs = small(pooling=pooling).train(training), padded([3, 5])
        with Reads() as reads, torch.set_grad_enabled(training):
            encoder(inputs)
        assert not reads.seen
