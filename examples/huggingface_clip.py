"""MMPareto on a CLIP model in the `Trainer` of Transformers; tiny, with random weights."""

import tempfile
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, Trainer, TrainingArguments

import g2d
from g2d.integrations.huggingface import MethodCallback, loss_of

SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
TEXT = {**SMALL, "num_attention_heads": 2, "vocab_size": 50, "max_position_embeddings": 8}
VISION = {**SMALL, "num_attention_heads": 2, "image_size": 16, "patch_size": 8}


class Memes(nn.Module):  # a picture and its caption
    def __init__(self) -> None:
        super().__init__()
        self.clip = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION))
        self.head = nn.Linear(2 * 512, 2)

    def forward(self, pixel_values: Tensor, input_ids: Tensor) -> dict[str, Tensor]:
        out = self.clip(input_ids=input_ids, pixel_values=pixel_values)
        return {"logits": self.head(torch.cat([out.image_embeds, out.text_embeds], dim=1))}


def samples(size: int = 96) -> Any:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (size,), generator=random)
    pictures = torch.randn(size, 3, 16, 16, generator=random) + labels.view(-1, 1, 1, 1)
    words = torch.randint(30, (size, 6), generator=random) + 20 * labels[:, None]
    rows = zip(pictures, words, labels, strict=True)
    return [dict(zip(("pixel_values", "input_ids", "labels"), row, strict=True)) for row in rows]


def main() -> None:
    torch.manual_seed(0)
    model, data = Memes(), samples()
    towers = {"image": model.clip.vision_model, "text": model.clip.text_model}
    student = g2d.attach(model, towers, features=dict.fromkeys(towers, lambda o: o.pooler_output))
    method = g2d.MMPareto(student, g2d.Classification(2))
    sgd = torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9)
    quiet: Any = {"report_to": "none", "save_strategy": "no", "label_names": ["labels"]}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model,
            TrainingArguments(folder, num_train_epochs=6, max_grad_norm=0.0, **quiet),
            train_dataset=data,
            compute_loss_func=loss_of(method),
            callbacks=[MethodCallback(method, clip_norm=1.0)],
            optimizers=(sgd, None),
        )
        trainer.train()
        found: Any = trainer.predict(data)
    print(f"accuracy {(found.predictions.argmax(1) == found.label_ids).mean():.3f}")


main()
