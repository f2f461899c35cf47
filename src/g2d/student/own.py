"""A student made of g2d's own parts, whose model returns `Outputs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, Fusion, Present, head_readouts, presence
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.student.base import Modulation, Student, evaluating
from g2d.student.modulation import FusionInput
from g2d.student.passes import ForwardPass, Listener, in_train_mode
from g2d.student.precision import in_precision_of

F = TypeVar("F", bound=Fusion)


class OwnStudent(Student):
    """A `MultimodalModel`, or a `UnimodalModel` that is trained as a teacher.

    Heads and fusions that a method needs become a part of the model, so that the model alone
    predicts when it is loaded again.
    """

    net: MultimodalModel | UnimodalModel

    def __init__(self, net: MultimodalModel | UnimodalModel) -> None:
        super().__init__(net, net.modalities)
        self._input: FusionInput | None = None

    @property
    def model(self) -> MultimodalModel:
        """The multimodal model.

        Raises:
            UserError: It is a unimodal one, which has nothing to fuse.
        """
        if not isinstance(self.net, MultimodalModel):
            raise UserError(
                f"this method needs two modalities or more, got a model of {self.modalities[0]!r} "
                "alone; train it with g2d.JointTraining"
            )
        return self.net

    def encoder_modules(self, modality: str) -> list[nn.Module]:
        """The encoder, in a list of one."""
        if isinstance(self.net, UnimodalModel):
            return [self.net.encoder]
        return [self.net.encoders[modality]]

    @property
    def has_branches(self) -> bool:
        """Whether the fusion has a head for each modality."""
        return self.model.fusion.has_own_heads

    def branch_parameters(self, modality: str) -> list[nn.Parameter]:
        """The encoder's parameters and those of the fusion's head for this modality."""
        head = self.model.fusion.head_parameters_of(modality)
        return self.encoder_parameters(modality) + head

    @property
    def added_heads(self) -> nn.ModuleDict | None:
        """The heads beside the fusion; a unimodal model has none."""
        fusion = getattr(self.net, "fusion", None)
        return fusion.heads if isinstance(fusion, UnimodalHeads) else None

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the model, with what was added to it."""
        return self.net.parameters()

    @property
    def has_unimodal_logits(self) -> bool:
        """Whether the fusion is a sum over modalities, whose terms they are."""
        return self.model.fusion.additive

    def need_unimodal_logits(
        self, outputs: int, *, detached: bool = False, own: bool = False
    ) -> None:
        """Adds heads beside a fusion that is no sum over modalities, or beside any."""
        fusion = self.model.fusion
        has_heads = isinstance(fusion, UnimodalHeads) and (detached or not fusion.detached)
        if not (has_heads or (self.has_unimodal_logits and not own)):
            self.model.bring(UnimodalHeads, **({"detached": True} if detached else {}))

    def need_fusion(self, method: str, kind: type[F], **options: Any) -> F:
        """Puts the method's fusion in the place of the model's, unless it is there already."""
        fusion = self.model.fusion
        if not isinstance(fusion, kind):
            fusion = self.model.bring(kind, **options)
        assert isinstance(fusion, kind)
        return fusion

    def modulate(self, modulation: Modulation | None) -> None:
        """Changes what the fusion is given."""
        if self._input is not None:
            self._input.remove()
        self._input = None
        if modulation is not None:
            fusion = self.model.fusion
            inner = fusion.fusion if isinstance(fusion, UnimodalHeads) else fusion
            self._input = FusionInput(inner, modulation)

    def observe(
        self,
        prediction: Any,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> tuple[Outputs, Batch]:
        """The model's `Outputs`, and the batch that they were computed from.

        Raises:
            UserError: One of the two is something else.
        """
        if not isinstance(prediction, Outputs) or not isinstance(target, Batch):
            raise UserError(
                f"{type(self.net).__name__} is called with a g2d.Batch and returns "
                f"g2d.Outputs, got {type(prediction).__name__} and {type(target).__name__}; write "
                "method.loss(model(batch), batch)"
            )
        return prediction, target

    def outputs_of(self, item: Any) -> tuple[Outputs, Batch]:
        """Runs the model on a batch."""
        return self.net(item), item

    def encode(self, modality: str, inputs: Any) -> Tensor:
        """Runs one encoder: the feature, or the tokens, that the fusion is given."""
        return self.model.encode(modality, inputs)[1]

    def projected(self, features: Features) -> Features:
        """The projected features, where the fusion projects them."""
        fusion = self.model.fusion
        inner = fusion.fusion if isinstance(fusion, UnimodalHeads) else fusion
        return inner.projected(features)

    def fuse(self, outputs: Outputs, features: Features, present: Present | None = None) -> Tensor:
        """Runs the fusion on other features."""
        logits: Tensor = self.model.fusion(features, present)[0]
        return logits

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls the listener after every forward pass, from a hook on the model."""

        def ended(net: nn.Module, args: tuple[Any, ...], output: Outputs) -> None:
            listener(ForwardPass(output, output.fusion_inputs, in_train_mode(net)))

        return self.model.register_forward_hook(ended).remove

    def batch_of(
        self,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> Batch:
        """The batch that the model was called with.

        Raises:
            UserError: It is given something else.
        """
        if not isinstance(target, Batch):
            raise UserError(
                f"{type(self.net).__name__} is called with a g2d.Batch, got labels of type "
                f"{type(target).__name__}; give the batch itself in their place"
            )
        return target

    def pooled(self, encoded: Features) -> dict[str, Tensor]:
        """The features, or the means of tokens."""
        return self.model.fusion.pooled(encoded)

    def unimodal_logits(
        self, encoded: Features, present: Present | None = None
    ) -> dict[str, Tensor]:
        """The logits of added heads, or else those that the fusion gives in training."""
        fusion = self.model.fusion
        encoded = {name: in_precision_of(fusion, value) for name, value in encoded.items()}
        with evaluating(fusion):
            if isinstance(fusion, UnimodalHeads):
                masks = presence(encoded, present)
                return head_readouts(fusion.heads, fusion.pooled(encoded), masks)
            ablates = any(isinstance(part, AblationFusion) for part in fusion.modules())
            if ablates and not fusion.additive:
                return {}
            unimodal: dict[str, Tensor] = fusion.forward(encoded, present)[1]  # without its hooks
            return unimodal
