"""A model as other programs call it: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models.multimodal import MultimodalModel
from g2d.tasks import Classification, MultiLabel, Task


class NamedTensors(nn.Module):
    """A model in eval mode, from a dictionary of tensors to a dictionary of tensors.

    | input | what |
    |---|---|
    | `<modality>` | `(B, ...)`, as the model was trained on it |
    | `<modality>_present` | bool `(B,)`: is it there? What stands in its place if not is not read |

    | output | what |
    |---|---|
    | `logits` | the fused prediction `(B, C)` |
    | `probabilities` | `(B, C)`, by class or label; for regression `prediction` `(B,)` |
    | `<modality>_alone` | the modality's unimodal logits `(B, C)`, where the fusion gives one |

    `prediction` is on the scale of the targets. No output can be called as the modality is: in an
    ONNX graph a name stands for one tensor.

    Args:
        model: Trained; it is set to eval mode.
        task: What it predicts.

    Raises:
        UserError: Two tensors would have the same name.

    Example:
        >>> from g2d.models.fusion import SumFusion
        >>> encoders = {"sound": nn.Linear(4, 8), "picture": nn.Linear(5, 8)}
        >>> model = MultimodalModel(encoders, SumFusion(dict.fromkeys(encoders, 8), 3))
        >>> module = NamedTensors(model, Classification(3))
        >>> there = torch.tensor([True, False])
        >>> outputs = module(
        ...     {
        ...         "sound": torch.randn(2, 4),
        ...         "picture": torch.randn(2, 5),
        ...         "sound_present": there,
        ...         "picture_present": ~there,
        ...     }
        ... )
        >>> list(outputs), outputs["logits"].shape
        (['logits', 'probabilities', 'sound_alone', 'picture_alone'], torch.Size([2, 3]))
    """

    def __init__(self, model: MultimodalModel, task: Task) -> None:
        super().__init__()
        self.model = model.eval()
        self.task = task
        _check_distinct(model.modalities)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The model's outputs by their names."""
        names = self.model.modalities
        nothing = torch.empty(0)  # a model reads neither targets nor positions
        batch = Batch(
            {name: inputs[name] for name in names},
            target=nothing,
            index=nothing,
            present={name: inputs[present(name)] for name in names},
        )
        return self.outputs(batch)

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        """The model's outputs for a batch, whose masks may be left out."""
        outputs = self.model(batch)
        name, value = prediction_of(self.task, outputs.logits)
        alone = {f"{m}_alone": logits for m, logits in outputs.unimodal.items()}
        return {"logits": outputs.logits, name: value, **alone}


def present(modality: str) -> str:
    """Name of the mask of a modality among the inputs."""
    return f"{modality}_present"


def prediction_of(task: Task, logits: Tensor) -> tuple[str, Tensor]:
    """The prediction as people read it, and its name.

    Example:
        >>> prediction_of(MultiLabel(2), torch.tensor([[0.0, 0.0]]))
        ('probabilities', tensor([[0.5000, 0.5000]]))
    """
    if isinstance(task, Classification):
        return "probabilities", logits.float().softmax(dim=1)
    if isinstance(task, MultiLabel):
        return "probabilities", logits.float().sigmoid()
    return "prediction", task.predict(logits)


def _check_distinct(modalities: Sequence[str]) -> None:
    taken = ["logits", "probabilities", "prediction"]
    for modality in modalities:
        taken += [modality, present(modality), f"{modality}_alone"]
    for name in taken:
        if taken.count(name) > 1:
            raise UserError(
                f"two tensors of the exported model would be called {name!r}, with the modalities "
                f"{list(modalities)}; rename a modality and train again"
            )
