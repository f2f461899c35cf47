"""Texts cut into tokens as a published model has learnt them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from g2d.errors import UserError, require
from g2d.published import TEXT_EXTRA, model_folder, read_settings

# The number of a token is moved by so much, because 0 is padding.
SHIFT = 1


class Tokens:
    """A published tokenizer, which is plain values and needs no file.

    Args:
        content: What its `tokenizer.json` holds.

    Raises:
        UserError: The library tokenizers cannot read it.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        library = require("tokenizers", TEXT_EXTRA)
        self.content = content
        try:
            self._tokenizer = library.Tokenizer.from_str(json.dumps(content))
        except Exception as error:  # the library raises nothing narrower
            raise UserError(
                f"tokenizers {library.__version__} cannot read this tokenizer ({error}); copy it "
                "anew, or take a version that can"
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def __len__(self) -> int:
        """How many numbers there are, padding included."""
        return int(self._tokenizer.get_vocab_size()) + SHIFT

    def numbers(self, text: str, length: int | None = None) -> list[int]:
        """The numbers of a text's tokens plus 1, with the marks that the model wants around them.

        Args:
            text: The text.
            length: The most to give; of a longer text the end is left out, and not its last mark.
        """
        if length is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(length)
        return [number + SHIFT for number in self._tokenizer.encode(text).ids]

    @property
    def marks(self) -> int:
        """How many marks stand around a text."""
        return int(self._tokenizer.num_special_tokens_to_add(False))


def read_tokens(source: str) -> Tokens:
    """Reads a tokenizer from this machine.

    Args:
        source: A `tokenizer.json`, the folder of a model, or a model's name in the local Hugging
            Face cache. Older formats are converted by transformers.

    Raises:
        UserError: There is none.
    """
    file = Path(source).expanduser()
    if file.is_file():
        content = read_settings(file.parent, file.name)
    else:
        folder = model_folder(source, TEXT_EXTRA)
        there = (folder / "tokenizer.json").is_file()
        content = read_settings(folder, "tokenizer.json") if there else _converted(folder)
    if not isinstance(content, dict) or "model" not in content:
        raise UserError(f"{source} holds no tokenizer; expected a tokenizer.json")
    return Tokens(content)


def suggested_for(source: str) -> dict[str, Any] | None:
    """The encoder that a tokenizer belongs to, where its weights lie beside it."""
    folder = Path(source).expanduser()
    folder = folder.parent if folder.is_file() else model_folder(source, TEXT_EXTRA)
    if (folder / "modules.json").is_file():
        return {"name": "sentence_transformers", "model": str(source), "width": 64}
    if not all((folder / name).is_file() for name in ("config.json", "model.safetensors")):
        return None
    return {"name": "transformers", "model": str(source), "width": 64}


def _converted(folder: Path) -> Any:
    transformers = require("transformers", TEXT_EXTRA)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_fast=True
        )
        if len(tokenizer) <= len(tokenizer.all_special_tokens):  # made of nothing
            raise ValueError("no vocabulary")
        return json.loads(tokenizer.backend_tokenizer.to_str())
    except Exception as error:  # every tokenizer has errors of its own
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise UserError(
            f"{folder} has no tokenizer.json, and transformers cannot make one ({first}); copy the "
            "tokenizer's files there"
        ) from None
