"""Sentence embeddings: models of the library sentence-transformers as encoders."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from g2d.errors import UserError, require
from g2d.models.encoders.published import Config, PublishedEncoder, given, reason
from g2d.models.encoders.transformers_model import hidden_width, load_backbone, read_text
from g2d.models.tokens import attendable
from g2d.published import (
    TEXT_EXTRA,
    WEIGHTS,
    check_weights,
    model_folder,
    read_config,
    read_settings,
)
from g2d.quiet import quiet

# What may follow the transformer; a module of any other name is code that is not run.
_STEPS = ("Pooling", "Dense", "Normalize")


class SentenceModel(PublishedEncoder):
    """A model of the library sentence-transformers: the vector of a whole text.

    A transformer, and what follows it in the model's `modules.json`: pooling, dense layers,
    normalisation. Texts come as numbers of tokens with 0 for padding, as to `TransformersModel`.

    Args:
        model: A folder with `modules.json`, or a name in the local Hugging Face cache. Nothing is
            downloaded, and no code of the model's is run.
        freeze: Whether the model is left as it is; a linear projection learns.
        width: Of the feature; the model's own when not given.
        config: What builds the model; read from its folder when not given. Without `model`, the
            weights are drawn at random.

    Raises:
        UserError: There is no such model on this machine, or it has parts that are not known.

    Attributes:
        feature_width: `width`.
        vocabulary: How many numbers of tokens there are, padding included.
    """

    extra = TEXT_EXTRA

    def __init__(
        self,
        model: str | None = None,
        freeze: bool = True,
        width: int | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        given(model, config)
        require("sentence_transformers", TEXT_EXTRA)
        described = self.configuration(str(model)) if config is None else config
        folder = None if model is None else model_folder(model, self.extra)
        first = None if folder is None else str(folder / described["transformer"]["path"])
        transformer = load_backbone(first, described["transformer"]["config"])
        if transformer.main_input_name != "input_ids":
            raise UserError(f"{model} reads {transformer.main_input_name}, expected text")
        steps = [_step(about, folder) for about in described["steps"]]
        inner = hidden_width(transformer)
        for step in steps:
            inner = _width_after(step, inner)
        super().__init__(_Sentence(transformer, steps), inner, width, freeze)
        self.vocabulary = transformer.config.vocab_size + 1

    @classmethod
    def configuration(cls, model: str) -> dict[str, Any]:
        """The configuration that builds the model without its files.

        Raises:
            UserError: There is no such model on this machine, or it has parts that are not known.
        """
        folder = model_folder(model, cls.extra)
        modules = read_settings(folder, "modules.json")
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        if not kinds or kinds[0] != "Transformer" or set(kinds[1:]) - set(_STEPS):
            raise UserError(
                f"{folder / 'modules.json'} lists {', '.join(kinds) or 'nothing'}; expected "
                f"Transformer, then any of {', '.join(_STEPS)}"
            )
        first, *rest = modules
        return {
            "transformer": {
                "path": first["path"],
                "config": read_config(folder / first["path"]),
            },
            "steps": [
                {
                    "type": kind,
                    "path": module["path"],
                    "config": _settings(folder / module["path"]),
                }
                for kind, module in zip(kinds[1:], rest, strict=True)
            ],
        }

    def forward(self, inputs: Tensor) -> Tensor:
        """Features `(B, width)` of numbers `(B, T)`; of a text of padding alone, a constant."""
        feature: Tensor = self.project(self.embeddings(inputs))
        return feature

    def embed(self, inputs: Tensor) -> Tensor:
        """The vectors of whole texts, `(B, inner)`."""
        vectors: Tensor = self.backbone(inputs)
        return vectors


class _Sentence(nn.Module):
    """A transformer, and what makes one vector of its hidden states."""

    def __init__(self, transformer: nn.Module, steps: Sequence[nn.Module]) -> None:
        super().__init__()
        self.transformer, self.steps = transformer, nn.ModuleList(steps)

    def forward(self, inputs: Tensor) -> Tensor:
        found = {
            "token_embeddings": read_text(self.transformer, inputs),
            "attention_mask": attendable(inputs != 0).long(),
        }
        for step in self.steps:
            found = step(found)
        return found["sentence_embedding"]


def _settings(folder: Path) -> dict[str, Any]:
    """Of a step; normalisation has none."""
    return dict(read_settings(folder)) if (folder / "config.json").exists() else {}


def _step(about: Config, folder: Path | None) -> nn.Module:
    """A module that follows the transformer, with its weights where it has any."""
    if about["type"] not in _STEPS:
        raise UserError(f"got a step {about['type']!r}, expected one of {', '.join(_STEPS)}")
    options = dict(about["config"])
    if about["type"] == "Dense" and "activation_function" in options:
        name = str(options["activation_function"]).rpartition(".")[2]
        activation = getattr(nn, name, None)
        if not (isinstance(activation, type) and issubclass(activation, nn.Module)):
            raise UserError(f"a dense layer ends in {name}, expected an activation of torch.nn")
        options["activation_function"] = activation()
    try:
        with quiet():
            step: nn.Module = getattr(_library(), about["type"])(**options)
            if folder is not None and any(True for _ in step.parameters()):
                check_weights(folder / about["path"])
                load = require("safetensors.torch", "train").load_file
                step.load_state_dict(load(folder / about["path"] / WEIGHTS))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{about['type']} cannot be built by sentence-transformers ({reason(error)}); copy the "
            "model anew, or choose another"
        ) from error
    return step


def _library() -> Any:
    """Where the modules are: they have moved."""
    try:
        return importlib.import_module("sentence_transformers.sentence_transformer.modules")
    except ModuleNotFoundError:
        return importlib.import_module("sentence_transformers.models")


def _width_after(step: nn.Module, before: int) -> int:
    for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
        if callable(found := getattr(step, name, None)):
            return int(found())
    return before
