"""Published models as encoders, against the libraries that publish them."""

from __future__ import annotations

import json
import shutil
import socket

import pytest
import torch

from g2d.errors import UserError
from g2d.models.encoders.sentence_model import SentenceModel
from g2d.models.encoders.transformers_model import TransformersModel
from published import SENTENCES, write_bert, write_sentence_model, write_vit

transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever asks for a connection fails."""

    def refuse(*_):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def encoded(bert):
    """Real sentences: the library's own batch, and ours."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(bert))
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    ours = torch.where(batch["attention_mask"] == 1, batch["input_ids"] + 1, 0)
    return batch, ours


def states_of(bert, batch):
    model = transformers.AutoModel.from_pretrained(str(bert)).eval()
    with torch.no_grad():
        return model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_the_feature_is_what_the_library_itself_gives(bert, encoded, pool):
    batch, ours = encoded
    states, mask = states_of(bert, batch), batch["attention_mask"][..., None]
    expected = states[:, 0] if pool == "cls" else (states * mask).sum(1) / mask.sum(1)
    encoder = TransformersModel(str(bert), freeze=False, pool=pool).eval()
    assert encoder.feature_width == 16
    torch.testing.assert_close(encoder(ours), expected, atol=1e-6, rtol=1e-5)


def test_padding_and_absence_make_no_difference_to_others(bert, encoded):
    _, ours = encoded
    encoder = TransformersModel(str(bert), width=5).eval()
    longer = torch.cat([ours, torch.zeros(len(ours), 6, dtype=torch.int64)], dim=1)
    beside_nothing = torch.cat([ours, torch.zeros_like(ours[:1])])
    torch.testing.assert_close(encoder(longer), encoder(ours), atol=1e-6, rtol=1e-5)
    again = encoder(beside_nothing)
    torch.testing.assert_close(again[:-1], encoder(ours), atol=1e-6, rtol=1e-5)
    assert again[-1].eq(0).all()
    tokens = encoder.tokens(longer)
    assert tokens.shape == (len(ours), longer.shape[1], 5)
    assert ((tokens != 0).any(dim=-1) == (longer != 0)).all()
    torch.testing.assert_close(encoder.pool(tokens), encoder(longer))


def test_a_frozen_backbone_is_left_as_it_is(bert, encoded):
    _, ours = encoded
    encoder = TransformersModel(str(bert), freeze=True, width=5).train()
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    assert encoder.training
    assert not any(part.training for part in encoder.backbone.modules())
    learning = [p for p in encoder.parameters() if p.requires_grad]
    assert [p.shape for p in learning] == [(5, 16), (5,)]
    assert torch.equal(encoder(ours), encoder(ours))  # no dropout
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=0.1, weight_decay=0.1)
    encoder(ours).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(encoder.backbone.state_dict()[n], v) for n, v in before.items())
    thawed = TransformersModel(str(bert), freeze=False).train()
    assert any(part.training for part in thawed.backbone.modules())
    thawed(ours).square().sum().backward()
    assert all(p.grad is not None for p in thawed.parameters())  # nothing idles beside


def test_the_configuration_and_the_weights_are_all_it_takes(bert, encoded):
    _, ours = encoded
    first = TransformersModel(str(bert), width=5).eval()
    config = json.loads(json.dumps(TransformersModel.configuration(str(bert))))
    second = TransformersModel(config=config, width=5).eval()
    assert not torch.equal(first(ours), second(ours))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(ours), second(ours))
    assert str(bert) not in json.dumps(config)


def test_half_precision_on_disk_is_single_here(bert, encoded, tmp_path):
    _, ours = encoded
    library = transformers.AutoModel.from_pretrained(str(bert)).half()
    library.save_pretrained(str(tmp_path))
    first = TransformersModel(str(tmp_path), width=5).eval()
    assert {value.dtype for value in first.parameters()} == {torch.float32}
    second = TransformersModel(config=TransformersModel.configuration(str(tmp_path)), width=5)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.eval()(ours), first(ours))


def test_a_tokenizer_may_call_a_word_0_and_its_padding_1(tmp_path):
    config = transformers.RobertaConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
        pad_token_id=1,
    )
    library = transformers.RobertaModel(config).eval()
    library.save_pretrained(str(tmp_path))
    ids = torch.tensor([[0, 5, 0, 7, 2], [0, 9, 2, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with torch.no_grad():
        states = library(ids, attention_mask=mask).last_hidden_state
    encoder = TransformersModel(str(tmp_path), freeze=False, pool="cls").eval()
    assert encoder.vocabulary == 21
    found = encoder(torch.where(mask == 1, ids + 1, 0))
    torch.testing.assert_close(found, states[:, 0], atol=1e-6, rtol=1e-5)


def test_pictures_and_clips(tmp_path):
    folder = write_vit(tmp_path / "vit")
    encoder = TransformersModel(str(folder), width=5).eval()
    assert encoder.vocabulary == 0
    library = transformers.AutoModel.from_pretrained(str(folder)).eval()
    pictures = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        states = library(pictures).last_hidden_state
        torch.testing.assert_close(encoder(pictures), encoder.project(states.mean(1)))
        clip = torch.stack([pictures, pictures.flip(0)], dim=2)
        both = (encoder(pictures) + encoder(pictures.flip(0))) / 2
        torch.testing.assert_close(encoder(clip), both, atol=1e-6, rtol=1e-5)


def test_sentences_are_those_of_the_library(tmp_path):
    library = pytest.importorskip("sentence_transformers")
    folder = write_sentence_model(tmp_path / "sentences")
    model = library.SentenceTransformer(str(folder), device="cpu")
    expected = torch.from_numpy(model.encode(SENTENCES, show_progress_bar=False))
    batch = model.tokenizer(SENTENCES, padding=True, return_tensors="pt")
    ours = torch.where(batch["attention_mask"] == 1, batch["input_ids"] + 1, 0)
    encoder = SentenceModel(str(folder), freeze=False).eval()
    assert encoder.feature_width == 12
    torch.testing.assert_close(encoder(ours), expected, atol=1e-6, rtol=1e-5)
    config = json.loads(json.dumps(SentenceModel.configuration(str(folder))))
    again = SentenceModel(config=config, width=None, freeze=False).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(ours), encoder(ours))
    with_frozen = SentenceModel(str(folder), width=4)
    assert with_frozen(ours).shape == (len(SENTENCES), 4)


def test_a_name_is_looked_for_in_the_cache(bert, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"no model 'me/tiny'.* in the cache \(.*hf download me/ti"):
        TransformersModel("me/tiny")
    with pytest.raises(UserError, match="there is no model 'no folder/at all/here'"):
        TransformersModel("no folder/at all/here")
    place = tmp_path / "models--me--tiny"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc")
    shutil.copytree(bert, place / "snapshots" / "abc")
    assert TransformersModel("me/tiny").feature_width == 16


def test_what_cannot_be_used_is_refused_in_words(bert, tmp_path):
    broken = shutil.copytree(bert, tmp_path / "broken")
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin, a pickle, which can run code"):
        TransformersModel(str(broken))
    (broken / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors; copy the weights"):
        TransformersModel(str(broken))
    (broken / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="cannot be loaded by transformers"):
        TransformersModel(str(broken))
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "model_type": "made_up"}))
    with pytest.raises(UserError, match="knows no model of type 'made_up'"):
        TransformersModel(str(broken))
    (broken / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        TransformersModel(str(broken))
    with pytest.raises(UserError, match=r"has no config\.json"):
        TransformersModel(str(tmp_path))
    with pytest.raises(UserError, match="model: this must be given"):
        TransformersModel()
    with pytest.raises(UserError, match="pool: expected mean or cls, got 'most'"):
        TransformersModel(str(bert), pool="most")
    with pytest.raises(UserError, match=r"no modules\.json"):
        SentenceModel(str(bert))
    t5 = {"model_type": "t5", "d_model": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 9}
    with pytest.raises(UserError, match="an encoder with a decoder"):
        TransformersModel(config=t5)


def test_weights_that_lack_a_part_are_refused(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    part = shutil.copytree(bert, tmp_path / "part")
    weights = load_file(part / "model.safetensors")
    key = next(name for name in weights if "layer.1" in name)
    kept = {name: value for name, value in weights.items() if name != key}
    save_file(kept, part / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack 1 tensors \(encoder\.layer\.1"):
        TransformersModel(str(part))


def test_inputs_that_are_no_tokens_are_refused(bert):
    encoder = TransformersModel(str(bert))
    with pytest.raises(UserError, match=r"expected numbers of tokens \(B, T\), int64"):
        encoder(torch.zeros(2, 5))
    with pytest.raises(UserError, match="has places for 32 tokens, got 40"):
        encoder(torch.zeros(2, 40, dtype=torch.int64))


REFUSED = {
    "a backbone of a hub": {"model_type": "timm_backbone", "backbone": "hf-hub:somebody/net"},
    "deep inside": {"model_type": "clip", "vision_config": {"use_timm_backbone": True}},
    "a pickle": {"model_type": "bert", "backbone_kwargs": {"checkpoint_path": "x.pth"}},
    "a kernel of a hub": {"model_type": "bert", "_attn_implementation": "somebody/kernel"},
    "code beside it": {"model_type": "bert", "auto_map": {"AutoModel": "net.Net"}},
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_configuration_leads_nowhere_else(what):
    with pytest.raises(UserError, match=r"^config\..* is not followed, because it could run code"):
        TransformersModel(config=REFUSED[what])


def test_a_sentence_model_is_made_of_known_steps(bert):
    transformer = {"path": "", "config": TransformersModel.configuration(str(bert))}
    step = {"type": "Transformer", "path": "", "config": {"model_name_or_path": "somebody/net"}}
    with pytest.raises(UserError, match="got a step 'Transformer', expected one of Pooling"):
        SentenceModel(config={"transformer": transformer, "steps": [step]})
