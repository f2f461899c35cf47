"""`attach` makes a student of any model, which every method can train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from g2d.errors import UserError, check_mapping
from g2d.models.multimodal import MultimodalModel
from g2d.models.names import check_names
from g2d.models.unimodal import UnimodalModel
from g2d.student.attached import AttachedStudent
from g2d.student.base import Student
from g2d.student.own import OwnStudent
from g2d.student.recorder import Read

Encoder = nn.Module | Sequence[nn.Module]
# Where a model keeps the student that was made of it last.
_STUDENT = "_g2d_student"


def attach(
    net: nn.Module,
    encoders: Mapping[str, Encoder] | None = None,
    *,
    heads: Mapping[str, nn.Module] | None = None,
    features: Mapping[str, Read] | None = None,
) -> Student:
    """Makes a student of any model, which stays as it is and is called as before.

    Forward hooks record what the encoders are given and what they return. Weights, names,
    `state_dict` and `forward` do not change; `student.detach()` takes the hooks away. A model that
    is attached again, or given to another method, is detached first.

    Args:
        net: Any module, called with whatever it takes. A `g2d.MultimodalModel` knows its encoders
            by itself, and is given alone.
        encoders: For each modality the submodule that encodes it, or several in the order in
            which they are called, each with the output of the one before. They may share no
            parameter.
        heads: For each modality, a submodule that returns its unimodal logits `(B, C)` when
            it is given its feature, where the model has such heads. Where it has none, methods
            that need unimodal logits add a linear head for each modality beside the model.
        features: For some modalities, which part of the encoder's output is the feature `(B, d)`;
            needed where it returns anything else than that.

    Raises:
        UserError: An encoder is no part of the model, two share a parameter, a name cannot be
            used, or the model is one that cannot be watched.

    Example:
        >>> import torch, g2d
        >>> class Net(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.ears, self.eyes = torch.nn.Linear(4, 8), torch.nn.Linear(6, 8)
        ...         self.head = torch.nn.Linear(16, 3)
        ...
        ...     def forward(self, sound, *, image):
        ...         return self.head(torch.cat([self.ears(sound), self.eyes(image)], dim=1))
        >>> net = Net()
        >>> student = g2d.attach(net, {"sound": net.ears, "image": net.eyes})
        >>> method = g2d.MMPareto(student, g2d.Classification(3))
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> logits = net(torch.randn(5, 4), image=torch.randn(5, 6))
        >>> method.loss(logits, torch.tensor([0, 1, 2, 0, 1])).backward()
        >>> method.adjust_gradients()
        >>> optimizer.step()
    """
    if isinstance(net, nn.DataParallel):
        raise UserError(
            "got a model under nn.DataParallel, whose copies cannot be watched; use "
            "torch.nn.parallel.DistributedDataParallel, and attach the model inside"
        )
    net = _inside(net)
    if isinstance(net, MultimodalModel | UnimodalModel):
        if encoders is not None or heads is not None or features is not None:
            raise UserError(
                f"{type(net).__name__} knows its encoders and heads; attach it alone: "
                "g2d.attach(model)"
            )
        _detach(net)
        return _kept(net, OwnStudent(net))
    if not encoders:
        raise UserError(
            f"{type(net).__name__} does not declare which modules encode which modality; give "
            'them: g2d.attach(net, encoders={"sound": net.sound_encoder, ...})'
        )
    for what, given, such_as in (
        ("encoders", encoders, "'sound': net.sound_encoder"),
        ("heads", heads or {}, "'sound': net.sound_head"),
        ("features", features or {}, "'sound': lambda output: output[0]"),
    ):
        check_mapping(what, given, such_as)
    check_names(encoders)
    chains = {
        name: [encoder] if isinstance(encoder, nn.Module) else list(encoder)
        for name, encoder in encoders.items()
    }
    _check_parts(net, chains, heads or {}, features or {})
    _detach(net)
    return _kept(net, AttachedStudent(net, chains, heads, features))


def as_student(model: Student | nn.Module) -> Student:
    """A student, left by the method that trained it last, or one made of a model of g2d's own.

    Raises:
        UserError: It is a model that has not been attached.
    """
    if not isinstance(model, Student):
        return attach(model)
    model.renew()
    return model


def student_of(model: Student | nn.Module) -> Student:
    """A student as it is, the one that was made of a model last, or one made of it now.

    Raises:
        UserError: It is a model that has not been attached.
    """
    if isinstance(model, Student):
        return model
    made = _inside(model).__dict__.get(_STUDENT)
    return made if isinstance(made, Student) else attach(model)


def _inside(net: nn.Module) -> nn.Module:
    """The model in a wrapper of PyTorch's, which calls it with its hooks."""
    if isinstance(net, nn.parallel.DistributedDataParallel):
        return _inside(net.module)
    compiled = getattr(net, "_orig_mod", None)
    return compiled if isinstance(compiled, nn.Module) else net


def _detach(net: nn.Module) -> None:
    """Ends what an earlier method does to the model, such as freezing an encoder."""
    earlier = net.__dict__.pop(_STUDENT, None)
    if isinstance(earlier, Student):
        earlier.detach()


def _kept(net: nn.Module, student: Student) -> Student:
    net.__dict__[_STUDENT] = student
    return student


def _check_parts(
    net: nn.Module,
    encoders: Mapping[str, Sequence[nn.Module]],
    heads: Mapping[str, nn.Module],
    features: Mapping[str, Read],
) -> None:
    inside = {id(module) for module in net.modules()}
    parts = [(f"the encoder of {name!r}", part) for name in encoders for part in encoders[name]]
    parts += [(f"the head of {name!r}", head) for name, head in heads.items()]
    for what, module in parts:
        if not isinstance(module, nn.Module):
            raise UserError(
                f"{what} is a {type(module).__name__}, expected a submodule of the model (or, for "
                "an encoder, several in the order of their calls)"
            )
        if id(module) not in inside:
            raise UserError(
                f"{what} is not a part of the model ({type(net).__name__}); give one of its "
                "submodules, such as net.sound_encoder"
            )
    for given, what in ((heads, "heads"), (features, "features")):
        unknown = sorted(set(given) - set(encoders))
        if unknown:
            raise UserError(
                f"{what} is given for {unknown[0]!r}, and the encoders are for {list(encoders)}"
            )
    owner: dict[int, str] = {}
    for name, chain in encoders.items():
        if not chain:
            raise UserError(f"the encoder of {name!r} is an empty list; give its modules")
        own = [*chain, heads[name]] if name in heads else chain
        for parameter in (parameter for module in own for parameter in module.parameters()):
            other = owner.setdefault(id(parameter), name)
            if other != name:
                raise UserError(
                    f"the parts of {other!r} and {name!r} share parameters, so that one cannot be "
                    "trained or frozen without the other; attach the encoders that each has "
                    "alone, and leave shared heads out (heads are added beside the model)"
                )
