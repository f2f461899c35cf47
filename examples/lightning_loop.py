"""OGM-GE on a model of one's own, in a Lightning `Trainer`."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import g2d
from g2d.integrations.lightning import MethodCallback


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(20, 16), nn.ReLU())
        self.video_net = nn.Sequential(nn.Linear(30, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.audio_net(audio), self.video_net(video)], dim=1))
        return logits


class Module(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net()
        student = g2d.attach(self.net, {"audio": self.net.audio_net, "video": self.net.video_net})
        self.method = g2d.OGM(student, g2d.Classification(3))

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], _: int) -> Tensor:
        audio, video, target = batch
        return self.method.loss(self.net(audio, video), target)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.method.parameter_groups(), lr=0.05, momentum=0.9)


def main() -> None:
    torch.manual_seed(0)
    target = torch.randint(3, (300,))
    inputs = torch.randn(3, 50)[target] + 2 * torch.randn(300, 50)
    audio, video = inputs[:, :20], inputs[:, 20:]
    module = Module()
    quiet: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    callback = MethodCallback(module.method)
    trainer = pl.Trainer(max_epochs=8, accelerator="cpu", callbacks=[callback], **quiet)
    data = TensorDataset(audio, video, target)
    trainer.fit(module, DataLoader(data, batch_size=32, shuffle=True))
    with torch.no_grad():
        right = module.net.eval()(audio, video).argmax(dim=1) == target
    print(f"accuracy {right.float().mean():.3f}")


if __name__ == "__main__":
    main()
