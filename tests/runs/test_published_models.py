"""A table read by published models: the run folder alone predicts, exports and is opened again."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import yaml

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.errors import UserError
from g2d.runs.run import Run
from g2d.table.columns.schema import make_kinds
from g2d.table.export.export import export
from g2d.table.kinds import Image, Text
from g2d.table.kinds.tokens import read_tokens
from g2d.table.predict import Predictor
from published import SENTENCES, write_bert, write_sentence_model, write_vit
from table.tables import write_table

transformers = pytest.importorskip("transformers")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


def written(tmp_path, modalities, encoders, method="joint", **training):
    """A recipe on the table of animals."""
    recipe = {
        "data": {
            "name": "table",
            "table": str(write_table(tmp_path / "data", rows=60)),
            "target": "animal",
            "modalities": modalities,
            "split": {"val": 0.2, "test": 0.2},
        },
        "encoders": encoders,
        "method": method,
        "training": {"epochs": 2, "batch_size": 16, "optimizer": "adamw", **training},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


ROWS = [
    {"note": "the bird sings far", "picture": "0.png"},
    {"note": "a dog runs", "picture": "1.png"},
    {"note": "soft", "picture": None},
    {"note": None, "picture": "3.png"},
]


def said(run, folder):
    return Predictor(run).rows(ROWS, folder)


def test_a_run_predicts_the_same_without_the_models_it_began_with(g2d, tmp_path):  # noqa: F811
    bert, vit = write_bert(tmp_path / "models" / "bert"), write_vit(tmp_path / "models" / "vit")
    recipe = written(
        tmp_path,
        {
            "note": {"kind": "text", "column": "note", "tokenizer": str(bert)},
            "picture": {"kind": "image", "column": "picture", "model": str(vit)},
        },
        {"note": "auto", "picture": {"name": "transformers", "model": str(vit), "freeze": False}},
        method="g2d",
    )
    done = g2d("train", recipe, "--out", tmp_path / "runs")
    assert done.status == 0, done.err
    run = tmp_path / "runs" / "animals-g2d-seed0"
    encoders = Run(run).about["recipe"]["encoders"]
    assert encoders["note"]["name"] == "transformers"
    assert encoders["note"]["config"]["hidden_size"] == 16
    fitted = Run(run).read_json("preprocessing.json")["modalities"]
    assert fitted["picture"]["options"]["side"] == 16
    assert fitted["picture"]["state"]["mean"] == [0.4, 0.5, 0.6]
    assert str(bert) not in json.dumps(fitted)
    before = said(run, tmp_path / "data")

    moved = tmp_path / "elsewhere"
    shutil.move(run, moved)
    shutil.rmtree(tmp_path / "models")
    assert said(moved, tmp_path / "data") == before  # floats and all
    model = Run(moved).model
    frozen = [p for p in model.encoders["note"].backbone.parameters() if p.requires_grad]
    assert frozen == []

    done = g2d("train", recipe, "--out", tmp_path / "runs")
    assert done.status == 2
    assert "note: there is no model" in done.err


def test_the_backbone_is_that_of_the_folder_and_the_rest_has_learnt(g2d, tmp_path):  # noqa: F811
    bert = write_bert(tmp_path / "bert")
    recipe = written(
        tmp_path,
        {
            "note": {"kind": "text", "column": "note", "tokenizer": str(bert), "length": 8},
            "weight": {"kind": "tabular", "columns": ["weight"]},
        },
        {"note": {"name": "transformers", "model": str(bert), "width": 4}},
    )
    done = g2d("train", recipe, "--out", tmp_path / "runs", "--training.weight_decay", "0.1")
    assert done.status == 0, done.err
    model = Run(tmp_path / "runs" / "animals-joint-seed0").model
    published = transformers.AutoModel.from_pretrained(str(bert)).state_dict()
    kept = model.encoders["note"].backbone.state_dict()
    assert kept
    assert all(torch.equal(value, published[name]) for name, value in kept.items())


@pytest.mark.slow
@pytest.mark.parametrize(("format", "suffix"), [("torch", "pt2"), ("onnx", "onnx")])
def test_it_exports(g2d, tmp_path, format, suffix):  # noqa: F811
    bert, vit = write_bert(tmp_path / "bert"), write_vit(tmp_path / "vit")
    recipe = written(
        tmp_path,
        {
            "note": {"kind": "text", "column": "note", "tokenizer": str(bert)},
            "picture": {"kind": "image", "column": "picture", "model": str(vit)},
        },
        {},
        epochs=1,
    )
    done = g2d("train", recipe, "--out", tmp_path / "runs")
    assert done.status == 0, done.err
    run = tmp_path / "runs" / "animals-joint-seed0"
    shutil.rmtree(bert)
    shutil.rmtree(vit)
    assert export(run, format).difference < 1e-4
    about = json.loads((run / f"model.{suffix}.json").read_text())
    assert "tokenizer" in about["preprocessing"]["modalities"]["note"]["state"]


def test_sentence_models_are_suggested_by_their_folder(g2d, tmp_path):  # noqa: F811
    pytest.importorskip("sentence_transformers")
    folder = write_sentence_model(tmp_path / "sentences")
    recipe = written(
        tmp_path,
        {
            "note": {"kind": "text", "column": "note", "tokenizer": str(folder)},
            "weight": {"kind": "tabular", "columns": ["weight"]},
        },
        {},
        epochs=1,
    )
    done = g2d("train", recipe, "--out", tmp_path / "runs")
    assert done.status == 0, done.err
    run = tmp_path / "runs" / "animals-joint-seed0"
    encoders = Run(run).about["recipe"]["encoders"]
    assert encoders["note"]["name"] == "sentence_transformers"
    before = said(run, tmp_path / "data")
    shutil.rmtree(folder)
    assert said(run, tmp_path / "data") == before


# -- texts


def fitted(kind, texts):
    arrays = [kind.decode({"note": text}, None) for text in texts]
    kind.fit(lambda: iter(arrays))
    return [kind.finish(array).tolist() for array in arrays]


def test_numbers_are_those_of_the_library_plus_one(tmp_path):
    bert = write_bert(tmp_path / "bert")
    library = transformers.AutoTokenizer.from_pretrained(str(bert))
    kind = make_kinds({"note": {"kind": "text", "column": "note", "tokenizer": str(bert)}})["note"]
    found = fitted(kind, SENTENCES)
    (length,) = kind.shape
    for text, numbers in zip(SENTENCES, found, strict=True):
        expected = library(text, truncation=True, max_length=length)["input_ids"]
        assert numbers == [n + 1 for n in expected] + [0] * (length - len(expected))
    again = Text(["note"], **kind.options)
    again.load_state(json.loads(json.dumps(kind.state())))
    assert again.shape == kind.shape
    for text, numbers in zip(SENTENCES, found, strict=True):
        assert again.finish(again.decode({"note": text}, None)).tolist() == numbers


def test_a_file_will_do_and_words_are_suggested_where_there_are_no_weights(tmp_path):
    bert = write_bert(tmp_path / "bert")
    alone = shutil.copy(bert / "tokenizer.json", tmp_path / "tokenizer.json")
    kind = make_kinds({"note": {"kind": "text", "column": "note", "tokenizer": str(alone)}})["note"]
    fitted(kind, SENTENCES)
    assert kind.suggested == {"name": "words", "vocabulary": len(read_tokens(str(bert)))}


def test_the_end_of_a_long_text_is_left_out_and_not_its_last_mark(tmp_path):
    tokens = read_tokens(str(write_bert(tmp_path / "bert")))
    whole, cut = tokens.numbers(SENTENCES[0]), tokens.numbers(SENTENCES[0], 5)
    assert len(whole) > 5
    assert cut == [*whole[:4], whole[-1]]
    assert tokens.numbers(SENTENCES[0]) == whole


def test_an_older_tokenizer_is_converted(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "run", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text('{"model_type": "bert", "vocab_size": 9}')
    tokens = read_tokens(str(tmp_path))
    assert [words[n - 1] for n in tokens.numbers("The dog runs")] == [
        *("[CLS]", "the", "dog", "run", "##s", "[SEP]")
    ]
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(UserError, match=r"no tokenizer\.json, and transformers cannot make one"):
        read_tokens(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "holds no tokenizer"),
        ('{"model": {"type": "made up"}}', "cannot read this tokenizer"),
    ],
)
def test_a_tokenizer_that_is_none_is_refused_before_anything_is_decoded(tmp_path, content, why):
    (tmp_path / "tokenizer.json").write_text(content)
    spec = {"kind": "text", "column": "note", "tokenizer": str(tmp_path / "tokenizer.json")}
    with pytest.raises(UserError, match=f"modalities.note: .*{why}"):
        make_kinds({"note": spec})


def test_a_length_without_room_is_refused(tmp_path):
    bert = write_bert(tmp_path / "bert")
    spec = {"kind": "text", "column": "note", "tokenizer": str(bert), "length": 2}
    with pytest.raises(UserError, match="length=2, expected more than the 2 marks"):
        make_kinds({"note": spec})
    with pytest.raises(UserError, match="there is no model 'nowhere/at-all'"):
        make_kinds({"note": {**spec, "tokenizer": "nowhere/at-all"}})


# -- pictures


def test_pixels_are_those_of_the_models_own_preparation(tmp_path):
    import numpy as np
    from PIL import Image as Pillow

    folder = write_vit(tmp_path / "vit")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    spec = {"kind": "image", "column": "photo", "model": str(folder)}
    kind = make_kinds({"photo": spec})["photo"]
    assert kind.shape == (3, 16, 16)
    found = kind.finish(kind.decode({"photo": "a.png"}, tmp_path))
    about = json.loads((folder / "preprocessor_config.json").read_text())
    processor = transformers.ViTImageProcessorPil(**about)
    expected = processor(Pillow.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    again = Image(["photo"], **kind.options)
    again.load_state(json.loads(json.dumps(kind.state())))
    assert (again.finish(kind.decode({"photo": "a.png"}, tmp_path)) == found).all()


def test_what_is_given_goes_before_what_the_model_wants(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "architecture": "resnet10t",
                "pretrained_cfg": {"input_size": [3, 20, 20], "mean": [0.1] * 3, "std": [0.2] * 3},
            }
        )
    )
    spec = {"kind": "image", "column": "photo", "model": str(tmp_path), "grey": True}
    kind = make_kinds({"photo": {**spec, "side": 12}})["photo"]
    assert kind.shape == (1, 12, 12)
    assert kind.state()["std"] == pytest.approx([0.2])
    assert kind.suggested == {
        "name": "timm",
        "model": str(tmp_path),
        "width": 64,
        "channels": 1,
    }
    with pytest.raises(UserError, match=r"got std=\[0.0\], expected numbers above 0"):
        make_kinds({"photo": {**spec, "std": [0.0]}})
    with pytest.raises(UserError, match=r"mean=\[0.1, 0.2\], expected one number in a list"):
        make_kinds({"photo": {**spec, "mean": [0.1, 0.2]}})
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="lacks the size, mean or std of its pictures"):
        make_kinds({"photo": spec})
