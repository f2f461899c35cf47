"""The model that a method trains, as far as the method may know it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.gates import freeze
from g2d.models.fusion.base import Features, Fusion, Present
from g2d.student.passes import Listener

# From the widths of the features, the number of samples and `present` to a factor
# `(1 or B, 1 or d)` for each modality whose features are changed.
Modulation = Callable[[Mapping[str, int], int, Present | None], Features]
F = TypeVar("F", bound=Fusion)


class Student(ABC):
    """A multimodal model, its encoders known by the names of their modalities.

    `g2d.attach` makes one from any model; a method is given it and gets everything else from it.

    Args:
        net: The model itself, which stays as it is and is called as ever.
        modalities: Their names, in the declared order.

    Example:
        >>> import g2d
        >>> net = nn.ModuleDict({"ears": nn.Linear(3, 2), "eyes": nn.Linear(5, 2)})
        >>> student = g2d.attach(net, {"sound": net["ears"], "image": net["eyes"]})
        >>> student.modalities, [tuple(p.shape) for p in student.encoder_parameters("image")]
        (('sound', 'image'), [(2, 5), (2,)])
    """

    def __init__(self, net: nn.Module, modalities: tuple[str, ...]) -> None:
        self.net = net
        self.modalities = modalities
        # By modality, those that are frozen here and not by their owner.
        self._frozen: dict[str, set[nn.Parameter]] = {}

    # --- its parts -------------------------------------------------------------------------------

    @abstractmethod
    def encoder_modules(self, modality: str) -> list[nn.Module]:
        """The modules that make up the encoder of a modality."""

    def encoder_parameters(self, modality: str) -> list[nn.Parameter]:
        """Every parameter of an encoder that is trained, norms and biases included.

        Those that its owner froze before are not among them; those that a method freezes for an
        epoch are.
        """
        frozen = self._frozen.get(modality, set())
        return [
            parameter
            for module in self.encoder_modules(modality)
            for parameter in module.parameters()
            if parameter.requires_grad or parameter in frozen
        ]

    @property
    @abstractmethod
    def has_branches(self) -> bool:
        """Whether every modality has a head that serves it alone."""

    @abstractmethod
    def branch_parameters(self, modality: str) -> list[nn.Parameter]:
        """The encoder's parameters and those of the modality's own head.

        Raises:
            UserError: The modality has no such head.
        """

    @property
    @abstractmethod
    def added_heads(self) -> nn.ModuleDict | None:
        """The heads that were added for a method; `None` where there are none."""

    @abstractmethod
    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters that are trained: the model's, and those of added heads."""

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.net.parameters()).device

    # --- what a method needs of it ---------------------------------------------------------------

    @property
    @abstractmethod
    def has_unimodal_logits(self) -> bool:
        """Whether it has unimodal logits of its own in training, so that no heads are added."""

    @abstractmethod
    def need_unimodal_logits(
        self, outputs: int, *, detached: bool = False, own: bool = False
    ) -> None:
        """Makes sure that there are unimodal logits in training.

        A model that has them already stays as it is; others get a linear head for each modality.

        Args:
            outputs: Width of the logits.
            detached: The added heads are probes: they learn from the features and send no gradient
                back to the encoders.
            own: Heads are added in any case, beside those that the model has.
        """

    @abstractmethod
    def need_fusion(self, method: str, kind: type[F], **options: Any) -> F:
        """The fusion that a method brings, in the place of the model's.

        Args:
            method: Its name, for the error.
            kind: The class of the fusion.
            options: Of that class, plain values.

        Raises:
            UserError: The model has no fusion that could be replaced.
        """

    @abstractmethod
    def modulate(self, modulation: Modulation | None) -> None:
        """Lets a method change the features that are fused, in training.

        The features that are recorded, and the unimodal logits, are those without the change.

        Args:
            modulation: Gives the factors that features are multiplied by; `None` for no change.
        """

    # --- which encoders are trainable ------------------------------------------------------------

    def train_only(self, active: Collection[str] | None) -> None:
        """Freezes all encoders but those of these modalities; `None` freezes none.

        The parameters of a frozen encoder do not require a gradient: no graph is built for it, and
        the optimizer skips it. Its batch norm stays in train mode, so that its statistics are
        there when it is evaluated.
        """
        for name in self.modalities:
            if active is None or name in active:
                for parameter in self._frozen.pop(name, ()):  # not what its owner has frozen
                    parameter.requires_grad_(True)
            else:
                parameters = self.encoder_parameters(name)
                self._frozen[name] = set(parameters)
                for parameter in parameters:
                    parameter.requires_grad_(False)
                freeze(parameters)  # a loop may have left zeros, with which momentum moves them

    @contextmanager
    def eval_mode(self) -> Iterator[None]:
        """The model in eval mode and without a graph, then every module as it was."""
        with evaluating(self.net), torch.no_grad():
            yield

    # --- what it predicts ------------------------------------------------------------------------

    @abstractmethod
    def observe(
        self,
        prediction: Any,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> tuple[Outputs, Batch]:
        """The last forward pass: what the model returned, and for which batch.

        Args:
            prediction: What the model returned.
            target: Labels, or a whole `Batch`, which brings index and presence with it.
            index: Position of every sample in its split, `(B,)`.
            present: For every modality that can be missing, a bool `(B,)`.

        Raises:
            UserError: The model was not called, or what it returned cannot be read.
        """

    @abstractmethod
    def outputs_of(self, item: Any) -> tuple[Outputs, Batch]:
        """The same as `observe`, for an item of the loop's `iter_train`."""

    @abstractmethod
    def encode(self, modality: str, inputs: Any) -> Tensor:
        """Runs one encoder: what the fusion would be given of these inputs."""

    def projected(self, features: Features) -> Features:
        """The projected features of a gated fusion; the features themselves for any other."""
        return features

    @abstractmethod
    def fuse(self, outputs: Outputs, features: Features, present: Present | None = None) -> Tensor:
        """The fused logits of other features in the place of those of the last forward pass.

        Args:
            outputs: Of that pass.
            features: What the fusion is given instead.
            present: For every modality that can be missing, a bool `(B,)`; absent ones do not
                count.
        """

    # --- for observers ---------------------------------------------------------------------------

    @abstractmethod
    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls the listener right after every forward pass, until what it returns is called."""

    @abstractmethod
    def batch_of(
        self,
        target: Tensor | Batch,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> Batch:
        """The samples of the last forward pass, with their labels; see `observe`.

        Raises:
            UserError: The model was not called, or the labels are of other samples.
        """

    @abstractmethod
    def pooled(self, encoded: Features) -> dict[str, Tensor]:
        """Features `(B, d)` of what encoders have handed on in the last forward pass."""

    @abstractmethod
    def unimodal_logits(
        self, encoded: Features, present: Present | None = None
    ) -> dict[str, Tensor]:
        """The logits of each modality's head, in eval mode: nothing of the model changes.

        Args:
            encoded: What the encoders have handed on.
            present: For every modality that can be missing, a bool `(B,)`.

        Returns:
            `(B, C)` for each modality that has a head, or a term of its own in a sum.
        """

    # --- heads that were added -------------------------------------------------------------------

    def reduce_added_gradients(self) -> None:  # noqa: B027 - nothing to do for most
        """Averages the gradients of added heads over processes, where DDP does not."""

    def state_dict(self) -> dict[str, Any]:
        """The state of what was added beside the model and is not in its own `state_dict`."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - likewise
        """Restores what `state_dict` saved."""

    def __deepcopy__(self, memo: dict[int, Any]) -> None:  # noqa: B027 - never to be replaced
        """A copy of a model (an average of weights, say) is not attached."""

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A model that is saved whole is not, either."""
        return type(None), ()

    def detach(self) -> None:
        """Restores the model as it was: no hooks, no frozen encoders."""
        self.release()

    def release(self) -> None:
        """Ends what a method does to the model: no frozen encoders, no changed features."""
        self.train_only(None)
        self.modulate(None)

    def renew(self) -> None:
        """Ends what a method does to the model, before another one begins."""
        self.release()


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Modules in eval mode, then every part of them as it was.

    Example:
        >>> layer = nn.Dropout()
        >>> with evaluating(layer):
        ...     print(layer.training)
        False
        >>> layer.training
        True
    """
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
