"""Tiny models written to disk by the libraries that publish such models; weights are random."""

from __future__ import annotations

from pathlib import Path

import torch

SENTENCES = [
    "the bird sings far above the wood",
    "a dog runs near the sea",
    "the loud dog",
    "soft and far, a bird sings!",
    "birds, dogs and whales: who sings louder?",
]


def write_tokenizer(folder: Path) -> None:
    """WordPiece trained on a few sentences; its padding is 0, as that of BERT is."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=90, special_tokens=marks, show_progress=False, min_frequency=1
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, marks, strict=True))
    ).save_pretrained(str(folder))


def write_bert(folder: Path, seed: int = 0) -> Path:
    """A BERT of two layers and width 16, with its tokenizer."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).eval().save_pretrained(str(folder))
    write_tokenizer(folder)
    return folder


def write_vit(folder: Path) -> Path:
    """A vision transformer of two layers and width 16, for pictures of 16 x 16."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=16,
        patch_size=8,
    )
    ViTModel(config).eval().save_pretrained(str(folder))
    wanted = '{"size": {"height": 16, "width": 16}, "image_mean": [0.4, 0.5, 0.6], '
    (folder / "preprocessor_config.json").write_text(wanted + '"image_std": [0.2, 0.25, 0.3]}')
    return folder


def write_sentence_model(folder: Path) -> Path:
    """The tiny BERT, the mean of its states, a dense layer, and vectors of length 1."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    bert = write_bert(folder.with_name(f"{folder.name}-bert"))
    torch.manual_seed(2)
    transformer = modules.Transformer(str(bert))
    pooling, dense = modules.Pooling(16), modules.Dense(16, 12, activation_function=torch.nn.Tanh())
    SentenceTransformer(
        modules=[transformer, pooling, dense, modules.Normalize()], device="cpu"
    ).save(str(folder))
    return folder
