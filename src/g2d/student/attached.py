"""A student made from any `nn.Module`, by hooks on its encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Call, Outputs
from g2d.errors import UserError
from g2d.models.fusion.base import Features, Fusion, Present, kept, presence, without_absent
from g2d.student.added_heads import AddedHead, AddedHeads
from g2d.student.base import Modulation, Student, evaluating
from g2d.student.model_outputs import UnindexedBatch, check_present, logits_of, options_of
from g2d.student.modulation import modulated
from g2d.student.passes import ForwardPass, Listener, in_train_mode
from g2d.student.precision import in_precision_of
from g2d.student.recorder import Read, Recorder
from g2d.student.replaced_outputs import replaced_outputs

F = TypeVar("F", bound=Fusion)


class AttachedStudent(Student):
    """A student made from any model, by forward hooks; see `g2d.attach`.

    Args:
        net: The model.
        encoders: For each modality the modules of its encoder, in the order of their calls.
        heads: For some or no modalities, a module of the model that returns its unimodal
            logits when it is given its feature.
        features: For some modalities, how the feature is read from what the encoder returns.
    """

    def __init__(
        self,
        net: nn.Module,
        encoders: Mapping[str, Sequence[nn.Module]],
        heads: Mapping[str, nn.Module] | None = None,
        features: Mapping[str, Read] | None = None,
    ) -> None:
        self._encoders = {name: list(modules) for name, modules in encoders.items()}
        self._own_heads = dict(heads or {})
        super().__init__(net, tuple(encoders))
        self._added: AddedHeads | None = None
        self._recorder = Recorder(net, self._encoders, self._own_heads, features or {})
        self._modulation: Modulation | None = None
        self._factors: tuple[int, dict[str, Tensor]] | None = None  # and of which pass
        self._widths: dict[str, int] = {}
        self._batch: tuple[tuple[int, int, bool, int | None], Batch] | None = None
        self._observed: tuple[Outputs, Batch] | None = None

    def encoder_modules(self, modality: str) -> list[nn.Module]:
        """The modules that it was attached with."""
        return self._encoders[modality]

    @property
    def has_branches(self) -> bool:
        """Whether it was attached with a head for each modality."""
        return set(self._own_heads) == set(self.modalities)

    def branch_parameters(self, modality: str) -> list[nn.Parameter]:
        """The encoder's parameters and those of its head.

        Raises:
            UserError: It was attached without heads.
        """
        if modality not in self._own_heads:
            raise UserError(
                f"the model was attached without a head for {modality!r}, so its branch cannot be "
                f"frozen; use scope 'encoder', or g2d.attach(..., heads={{{modality!r}: ...}})"
            )
        return self.encoder_parameters(modality) + list(self._own_heads[modality].parameters())

    @property
    def added_heads(self) -> nn.ModuleDict | None:
        """The heads beside the model."""
        return None if self._added is None else self._added.modules

    def parameters(self) -> Iterator[nn.Parameter]:
        """The model's, then those of the heads beside it."""
        yield from self.net.parameters()
        if self._added is not None:
            yield from self._added.modules.parameters()

    # --- what a method needs of it ---------------------------------------------------------------

    @property
    def has_unimodal_logits(self) -> bool:
        """Whether it was attached with a head for each modality, and no others are beside it."""
        return self.has_branches and self._added is None

    def need_unimodal_logits(
        self, outputs: int, *, detached: bool = False, own: bool = False
    ) -> None:
        """Adds heads beside the model where it was attached without."""
        heads = self._added
        if heads is not None and (heads.outputs, heads.detached) == (outputs, detached):
            return
        if own or self._added is not None or not self.has_unimodal_logits:
            self._added = AddedHeads(self.modalities, outputs, detached)

    def need_fusion(self, method: str, kind: type[F], **options: Any) -> F:
        """Raises an error: an attached model has no fusion to be replaced.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f"{method} brings a head of its own, which an attached model has no place for; give "
            f"{method} a g2d.MultimodalModel(encoders, fusion), whose fusion it replaces by "
            f"{kind.__name__}"
        )

    def modulate(self, modulation: Modulation | None) -> None:
        """Changes what the encoders hand on, in training."""
        self._modulation = modulation
        self._recorder.change = None if modulation is None else self._changed

    def _changed(self, name: str, feature: Tensor) -> Tensor:
        """A feature times its factor; the factors of a pass are made at its first encoder.

        They depend on the widths of all features, which are known from the second pass on.
        """
        assert self._modulation is not None
        made = self._factors
        if made is None or made[0] != self._recorder.passes:
            known = len(self._widths) == len(self.modalities)
            new = self._modulation(self._widths, len(feature), None) if known else {}
            made = self._factors = self._recorder.passes, dict(new)
        factors = made[1]
        chosen = {name: factors[name]} if name in factors else {}
        return modulated({name: feature}, chosen)[name]

    # --- what it predicts ------------------------------------------------------------------------

    def observe(
        self,
        prediction: Any,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> tuple[Outputs, Batch]:
        """What the hooks recorded, beside what the model returned and the labels."""
        batch = self.batch_of(target, index, present)
        logits = logits_of(prediction)
        self._recorder.check(logits)
        seen = self._observed
        if seen is None or seen[1] is not batch or seen[0].logits is not logits:
            features = {name: self._recorder.features[name] for name in self.modalities}
            self._widths = {name: feature.shape[1] for name, feature in features.items()}
            unimodal = self._unimodal(features, batch.present)
            seen = self._observed = Outputs(logits, features, unimodal, features), batch
        return seen

    def batch_of(
        self,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> Batch:
        """A batch of what the encoders were called with, and the labels; made once a pass."""
        recorder = self._recorder
        missing = [name for name in self.modalities if name not in recorder.features]
        if missing:
            if len(missing) == len(self.modalities):
                raise UserError(
                    "the model was not called since the last loss, so there are no features; call "
                    "net(...) and give its output to method.loss"
                )
            raise UserError(
                f"the model did not call the encoder of {missing[0]!r} since the last loss, "
                "so there are no features; call it in every pass, with zeros for samples that lack "
                f"the modality, and give method.loss(..., present={{{missing[0]!r}: mask}})"
            )
        if isinstance(target, Batch):
            return self.batch_of(target.target, target.index, target.present)
        if not isinstance(target, Tensor):
            raise UserError(
                f"got labels of type {type(target).__name__}, expected a tensor (B,), (B, L) or a "
                "g2d.Batch; give method.loss(prediction, target)"
            )
        asked = (recorder.passes, id(target), index is None, id(present) if present else None)
        if self._batch is not None and self._batch[0] == asked:
            return self._batch[1]
        size = len(recorder.features[self.modalities[0]])
        if len(target) != size:
            raise UserError(
                f"got labels of {len(target)} samples, and the last forward pass was of {size}; "
                "call method.loss right after the forward pass that it is of"
            )
        check_present(present or {}, self.modalities, size)
        inputs = {name: recorder.inputs[name] for name in self.modalities}
        made = UnindexedBatch if index is None else Batch
        rows = torch.empty(0, dtype=torch.long) if index is None else index.cpu()
        self._batch = asked, made(inputs, target, rows, dict(present or {}))
        return self._batch[1]

    def outputs_of(self, item: Any) -> tuple[Outputs, Batch]:
        """Reads an item of `iter_train`: `(net(...), target)`, and options of `observe`."""
        prediction, target, options = options_of(item)
        return self.observe(prediction, target, **options)

    def _unimodal(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        if self._added is not None:
            return self._added.logits(features, present)
        # heads that the model called itself were given the features as a method had changed them
        recorded = self._recorder.logits if self._modulation is None else {}
        with self._recorder.muted():
            return {
                name: recorded[name] if name in recorded else head(features[name])
                for name, head in self._own_heads.items()
            }

    def encode(self, modality: str, inputs: Any) -> Tensor:
        """Runs the encoder's modules, one after the other."""
        first, *rest = self._encoders[modality]
        inputs = self._recorder.again(modality, inputs)
        with self._recorder.muted():
            output = inputs.into(first) if isinstance(inputs, Call) else first(inputs)
            for module in rest:
                output = module(output)
        return self._recorder.read(modality, output)

    def fuse(self, outputs: Outputs, features: Features, present: Present | None = None) -> Tensor:
        """Runs the model once more on the last pass's arguments, with other features.

        The last module of every encoder does not run: it returns the feature that it is given
        here. An absent modality's feature is zero.
        """
        call = self._recorder.call
        assert call is not None
        features = without_absent(features, presence(features, present))
        lasts = {name: modules[-1] for name, modules in self._encoders.items()}
        replaced = {name: self._recorder.put(name, features[name]) for name in lasts}
        with self._recorder.muted(), replaced_outputs(lasts, replaced):
            return logits_of(call.into(self.net))

    # --- for observers ---------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls the listener after every forward pass, from the hooks that record."""

        def ended(output: Any) -> None:
            listener(ForwardPass(output, self._recorder.encoded(), in_train_mode(self.net)))

        return self._recorder.listen(ended)

    def pooled(self, encoded: Features) -> dict[str, Tensor]:
        """Reads features `(B, d)` as `features` of `g2d.attach` defines."""
        return {name: self._recorder.pooled(name, value) for name, value in encoded.items()}

    def unimodal_logits(
        self, encoded: Features, present: Present | None = None
    ) -> dict[str, Tensor]:
        """The logits of added heads, or else of the model's own."""
        features, masks = self.pooled(encoded), presence(encoded, present)
        heads = self._own_heads if self._added is None else dict(self._added.modules.items())
        known = {n: h for n, h in heads.items() if not isinstance(h, AddedHead) or h.ready}
        with self._recorder.muted(), evaluating(*known.values()):
            return {
                name: head(in_precision_of(head, kept(features[name], masks.get(name))))
                for name, head in known.items()
            }

    # --- state -----------------------------------------------------------------------------------

    def reduce_added_gradients(self) -> None:
        """Averages the gradients of the heads beside the model over processes."""
        if self._added is not None:
            self._added.reduce_gradients()

    def state_dict(self) -> dict[str, Any]:
        """The heads beside the model, and the widths of the features."""
        heads = {} if self._added is None else self._added.state_dict()
        return {"heads": heads, "widths": dict(self._widths)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the weights of the added heads."""
        self._widths = dict(state["widths"])
        if self._added is not None:
            self._added.load_state_dict(state["heads"])

    def renew(self) -> None:
        """Removes the heads too that a method has trained: the next one begins with its own."""
        super().renew()
        if self._observed is not None:
            self._added = self._observed = None

    def detach(self) -> None:
        """Removes the hooks."""
        super().detach()
        self._recorder.remove()
