"""AMCo on a model of one's own, in a loop on Accelerate."""

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import g2d
from g2d.integrations.accelerate import AcceleratedLoop

EPOCHS = 8


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.audio_net = nn.Sequential(nn.Linear(20, 16), nn.ReLU())
        self.video_net = nn.Sequential(nn.Linear(30, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.audio_net(audio), self.video_net(video)], dim=1))
        return logits


def main() -> None:
    torch.manual_seed(0)
    target = torch.randint(3, (300,))
    inputs = torch.randn(3, 50)[target] + 2 * torch.randn(300, 50)
    data = TensorDataset(inputs[:, :20], inputs[:, 20:], target)
    accelerator, net = Accelerator(cpu=True), Net()
    student = g2d.attach(net, {"audio": net.audio_net, "video": net.video_net})
    method = g2d.AMCo(student, g2d.Classification(3))
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9)
    loader = DataLoader(data, batch_size=32, shuffle=True)
    model, prepared, loader = accelerator.prepare(net, optimizer, loader)
    loop = AcceleratedLoop(accelerator, prepared, epochs=EPOCHS, clip_norm=5.0)
    method.on_fit_start(loop)
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        for audio, video, target in loader:
            loop.finish_step(method, method.loss(model(audio, video), target))
    with torch.no_grad():
        right = net.eval()(inputs[:, :20], inputs[:, 20:]).argmax(dim=1) == data.tensors[2]
    print(f"accuracy {right.float().mean():.3f}")


if __name__ == "__main__":
    main()
