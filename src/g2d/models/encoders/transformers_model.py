"""Models of the library transformers as encoders."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_choice, require
from g2d.models.encoders.published import (
    Config,
    PublishedEncoder,
    frames_of,
    given,
    reason,
)
from g2d.models.tokens import attendable, filled_mean
from g2d.published import TEXT_EXTRA, check_config, check_weights, model_folder, read_config
from g2d.quiet import quiet

Pool = Literal["mean", "cls"]
# The main inputs that a model's forward pass may have.
_INPUTS = ("input_ids", "pixel_values", "input_values", "input_features")


class TransformersModel(PublishedEncoder):
    """A model of the library transformers: the mean of its last hidden states, or the first.

    Texts come as numbers of tokens with **0 for padding**: the number that the model's own
    tokenizer gives, plus 1, because tokenizers use 0 as they like (a text column with the option
    `tokenizer` gives them so). Padding is not attended to and has no part in the feature. Pictures
    `(B, C, H, W)`, clips `(B, C, T, H, W)` frame by frame, and whatever else a model takes as
    `input_values` or `input_features` are handed on as they are.

    The pooler, which the feature does without, is left out.

    Args:
        model: A folder with `config.json` and `model.safetensors`, or a name in the local
            Hugging Face cache. Nothing is downloaded, and no code of the model's is run.
        freeze: Whether the model is left as it is; a linear projection learns.
        pool: The feature is the `mean` of the tokens, or the first (`cls`).
        width: Of the feature; the model's own when not given.
        config: What builds the model; read from its folder when not given. Without `model`, the
            weights are drawn at random.

    Raises:
        UserError: There is no such model on this machine, or it is none that fits.

    Attributes:
        feature_width: `width`.
        pads: Whether tokens of zeros are padding: of texts.
        vocabulary: How many numbers of tokens there are, padding included; 0 of other inputs.
    """

    extra = TEXT_EXTRA

    def __init__(
        self,
        model: str | None = None,
        freeze: bool = True,
        pool: Pool = "mean",
        width: int | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        check_choice("pool", pool, get_args(Pool))
        backbone = load_backbone(model, config)
        super().__init__(backbone, hidden_width(backbone), width, freeze)
        self.pooling = pool
        self.asks = str(backbone.main_input_name)
        self.pads = self.asks == "input_ids"
        self.vocabulary = backbone.config.vocab_size + 1 if self.pads else 0

    def tokens(self, inputs: Tensor) -> Tensor:
        """The projected tokens `(B, N, width)`; zero for padding.

        Raises:
            UserError: The input is none that the model can take.
        """
        tokens: Tensor = self.project(self.embeddings(inputs))
        return tokens.masked_fill((inputs == 0)[..., None], 0.0) if self.pads else tokens

    def embed(self, inputs: Tensor) -> Tensor:
        """Last hidden states, `(B, N, d)`."""
        if self.pads:
            return read_text(self.backbone, inputs)
        asked = {self.asks: frames_of(inputs) if self.asks == "pixel_values" else inputs}
        states: Tensor = self.backbone(**asked).last_hidden_state
        if states.ndim == 4:  # of a convolutional network: a map
            states = states.flatten(2).transpose(1, 2)
        return states.reshape(inputs.shape[0], -1, states.shape[-1])

    def pool(self, tokens: Tensor) -> Tensor:
        """The feature `(B, width)` of tokens."""
        if self.pooling == "cls":
            return tokens[:, 0]
        return filled_mean(tokens) if self.pads else tokens.mean(dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Encodes to features `(B, width)`."""
        return self.pool(self.tokens(inputs))


def load_backbone(model: str | None, config: Config | None) -> Any:
    """The bare model, without a head and without a pooler, in float32.

    Raises:
        UserError: There is no such model on this machine, or it is none that fits.
    """
    given(model, config)
    library = require("transformers", TEXT_EXTRA)
    folder = None if model is None else model_folder(model, TEXT_EXTRA)
    if config is None:
        assert folder is not None
        config = read_config(folder)
    described = _described(library, config)
    shown = "config" if folder is None else str(folder)
    if described.is_encoder_decoder:
        raise UserError(f"{shown} is an encoder with a decoder; expected an encoder alone")
    try:
        with quiet():
            if folder is None:
                backbone = library.AutoModel.from_config(described, trust_remote_code=False)
            else:
                backbone = _with_weights(library, folder, described)
    except UserError:
        raise
    except Exception as error:  # every model has errors of its own
        raise UserError(
            f"{shown} cannot be loaded by transformers ({reason(error)}); copy it anew, or choose "
            "another model"
        ) from error
    if backbone.main_input_name not in _INPUTS:
        raise UserError(
            f"{shown} is called with {backbone.main_input_name}; expected a model that takes "
            f"{', '.join(_INPUTS[:-1])} or {_INPUTS[-1]}"
        )
    pooler = getattr(backbone, "pooler", None)
    if pooler is not None and any(True for _ in pooler.parameters()):
        backbone.pooler = None
    return backbone.float()


def hidden_width(backbone: Any) -> int:
    """Width of its last hidden states.

    Raises:
        UserError: It does not declare its width.
    """
    sizes = getattr(backbone.config, "hidden_sizes", None)
    width = getattr(backbone.config, "hidden_size", None) or (sizes[-1] if sizes else None)
    if not isinstance(width, int):
        raise UserError(f"{type(backbone).__name__} does not declare its width; choose another")
    return width


def read_text(backbone: Any, inputs: Tensor) -> Tensor:
    """Last hidden states `(B, T, d)` of numbers of tokens plus 1, where 0 is padding.

    Raises:
        UserError: These are none, or more than the model has places for.
    """
    if inputs.ndim != 2 or inputs.is_floating_point():
        raise UserError(
            f"{type(backbone).__name__} got {inputs.dtype} of shape {tuple(inputs.shape)}, "
            "expected numbers of tokens (B, T), int64; give the text column the model's tokenizer"
        )
    places = getattr(backbone.config, "max_position_embeddings", None)
    if isinstance(places, int) and 0 < places < inputs.shape[1]:
        raise UserError(
            f"{type(backbone).__name__} has places for {places} tokens, got {inputs.shape[1]}; "
            "give the text column a smaller length"
        )
    there = inputs != 0
    filler = getattr(backbone.config, "pad_token_id", None) or 0
    ids = torch.where(there, inputs - 1, filler)
    states: Tensor = backbone(
        input_ids=ids, attention_mask=attendable(there).long()
    ).last_hidden_state
    return states


def _described(library: Any, config: Config) -> Any:
    """The configuration as the library has it."""
    check_config(config)
    content = dict(config)
    kind = content.pop("model_type", None)
    try:
        with quiet():
            return library.AutoConfig.for_model(kind, **content)
    except Exception as error:
        raise UserError(
            f"transformers {library.__version__} knows no model of type {kind!r} with this "
            f"configuration ({reason(error)}); models that bring code of their own are not run"
        ) from error


def _with_weights(library: Any, folder: Any, described: Any) -> nn.Module:
    check_weights(folder)
    talk = library.utils.logging
    shows = talk.is_progress_bar_enabled()
    talk.disable_progress_bar()
    try:
        found, report = library.AutoModel.from_pretrained(
            str(folder),
            config=described,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    finally:
        if shows:
            with suppress(AttributeError):
                talk.enable_progress_bar()
    lacking = [str(key) for key in report["missing_keys"] if not str(key).startswith("pooler.")]
    if lacking:
        raise UserError(
            f"the weights in {folder} lack {len(lacking)} tensors ({lacking[0]}, ...); expected "
            f"those of a {type(found).__name__}"
        )
    model: nn.Module = found
    return model
