"""Embeddings of frozen backbones are kept while something trains, and are those of the backbone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from g2d.models.encoders import embeddings
from g2d.models.encoders.embeddings import frozen_embeddings, keep_embeddings
from g2d.models.encoders.published import PublishedEncoder
from g2d.recipes.recipe import recipe_from
from g2d.runs.train import train
from published import write_bert, write_sentence_model
from toy import toy_recipe

ROWS: list[int] = []


@pytest.fixture(autouse=True)
def asked():
    ROWS.clear()
    return ROWS


class Counting(nn.Sequential):
    """Notes how many rows it is asked for."""

    def forward(self, inputs):
        ROWS.append(len(inputs))
        return super().forward(inputs)


class Encoder(PublishedEncoder):
    """Of a backbone with a norm and dropout, which show if it is not in eval mode."""

    def __init__(self, freeze=True, seed=7):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            backbone = Counting(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
        super().__init__(backbone, inner=5, width=4, freeze=freeze)

    def embed(self, inputs):
        return self.backbone(inputs)

    def forward(self, inputs):
        return self.project(self.embeddings(inputs))


X = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))


def test_every_row_is_asked_for_once_and_by_itself(asked):
    encoder = Encoder().train()
    expected = encoder.backbone(X)
    asked.clear()
    with keep_embeddings():
        for order in (torch.arange(9), torch.tensor([3, 3, 8]), torch.randperm(9)):
            torch.testing.assert_close(encoder.embeddings(X[order]), expected[order])
    assert asked == [1] * 9
    encoder.embeddings(X)
    assert asked[9:] == [9]  # nothing is kept outside


def test_no_digit_depends_on_the_batch():
    encoder = Encoder()
    with keep_embeddings():
        whole = encoder.embeddings(X)
    with keep_embeddings():
        parts = torch.cat([encoder.embeddings(X[4:]), encoder.embeddings(X[:4])])
    assert torch.equal(whole, torch.cat([parts[5:], parts[:5]]))


def test_equal_backbones_share_and_others_do_not(asked):
    one, equal, other = Encoder(), Encoder(), Encoder(seed=8)
    with keep_embeddings(), keep_embeddings():
        first = one.embeddings(X)
        assert torch.equal(equal.embeddings(X), first)
        assert asked == [1] * 9
        assert not torch.allclose(other.embeddings(X), first)
        other.load_state_dict(one.state_dict())
        assert torch.equal(other.embeddings(X), first)
        with torch.no_grad():
            one.backbone[0].weight.add_(1)
        assert torch.equal(one.embeddings(X), torch.cat([one.backbone(row) for row in X.split(1)]))
        assert not torch.allclose(one.embeddings(X), first)


def test_a_type_of_number_or_a_precision_is_another_input():
    encoder = Encoder()
    with keep_embeddings():
        single = encoder.embeddings(X)
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder.embeddings(X)
        assert (single.dtype, half.dtype) == (torch.float32, torch.bfloat16)
        words = nn.EmbeddingBag(9, 2)
        for numbers in (torch.arange(4).view(2, 2), torch.arange(4, dtype=torch.int32).view(2, 2)):
            assert torch.equal(frozen_embeddings(words, words, numbers), words(numbers))


def test_beyond_the_limit_embeddings_are_computed_anew(monkeypatch, asked):
    encoder = Encoder()
    monkeypatch.setattr(embeddings, "LIMIT", 3 * 5 * 4)
    with keep_embeddings():
        first = encoder.embeddings(X)
        asked.clear()
        assert torch.equal(encoder.embeddings(X), first)
    assert len(asked) == 6


def test_a_backbone_that_learns_is_asked_with_a_graph(asked):
    encoder = Encoder(freeze=False)
    with keep_embeddings():
        for _ in range(2):
            encoder(X).sum().backward()
    assert asked == [9, 9]
    assert encoder.backbone[0].weight.grad is not None


def test_published_models_give_the_same_with_kept_embeddings(tmp_path):
    pytest.importorskip("sentence_transformers")
    from g2d.models.encoders.sentence_model import SentenceModel
    from g2d.models.encoders.transformers_model import TransformersModel

    numbers = torch.tensor([[4, 9, 12, 5], [4, 5, 0, 0], [0, 0, 0, 0], [4, 7, 5, 0]])
    made = SentenceModel(str(write_sentence_model(tmp_path / "sentences")))
    for encoder in (made, TransformersModel(str(write_bert(tmp_path / "bert")), width=3)):
        expected = encoder(numbers)
        with keep_embeddings():
            for _ in range(2):
                torch.testing.assert_close(encoder(numbers), expected, rtol=1e-5, atol=1e-6)


def test_a_run_asks_once_for_a_row_whatever_its_epochs(tmp_path, asked):
    """Teacher and student have the same backbone; splits, epochs and floors the same rows."""
    recipe = toy_recipe()
    encoders = {"near": f"{__name__}.Encoder", "far": "toy.ToyEncoder"}
    counts = []
    for epochs in (1, 3):
        asked.clear()
        own = {**recipe["training"], "epochs": epochs}
        changed = {**recipe, "encoders": encoders, "method": "g2d", "training": own}
        run = train(recipe_from(changed), tmp_path / str(epochs))
        assert run.exists()
        counts.append(sum(asked))
    assert counts[0] == counts[1]


def test_a_run_resumes_with_the_same_bits(tmp_path):
    """Other batches ask first, which no digit depends on."""
    from safetensors.torch import load_file

    recipe = toy_recipe()
    encoders = {"near": f"{__name__}.Encoder", "far": "toy.ToyEncoder"}
    changed = {**recipe, "encoders": encoders, "method": "joint"}
    found = []
    for name, first in (("whole", None), ("halves", 2)):
        own = {**recipe["training"], "epochs": 4}
        if first:
            _stopped(recipe_from({**changed, "training": own}), tmp_path / name, first)
        run = train(recipe_from({**changed, "training": own}), tmp_path / name, resume=True)
        found.append(load_file(run / "model.safetensors"))
    one, other = found
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def _stopped(recipe, out, epochs):
    """A run that was interrupted after some epochs."""
    from g2d.engine.session import Session

    before = Session.train_and_validate

    def interrupted(self, epoch, *rest):
        if epoch == epochs:
            raise KeyboardInterrupt
        return before(self, epoch, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "train_and_validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, out)
