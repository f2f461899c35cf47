"""One line in a plain loop that shows what each modality learns; training does not change."""

import torch
from torch import Tensor, nn

import g2d

EPOCHS, CLASSES, SIZE, WIDTH = 15, 6, 40, 32
# How noisy each modality is, and how loud: the clearer one is quiet, and is learned late.
SENSORS = {"audio": (2.5, 0.05), "video": (3.0, 1.0)}


def make_batches(samples: int, seed: int = 0) -> list[tuple[list[Tensor], Tensor]]:
    """Put your own loader here."""
    random = torch.Generator().manual_seed(seed)
    y, inputs = torch.randint(CLASSES, (samples,), generator=random), []
    for noise, gain in SENSORS.values():
        means = torch.randn(CLASSES, SIZE, generator=random)
        inputs.append(gain * (means[y] + noise * torch.randn(samples, SIZE, generator=random)))
    return [([x[i] for x in inputs], y[i]) for i in torch.arange(samples).split(32)]


class Net(nn.Module):
    def __init__(self, *names: str) -> None:
        super().__init__()
        encoders = {n: nn.Sequential(nn.Linear(SIZE, WIDTH), nn.ReLU()) for n in names}
        self.encoders = nn.ModuleDict(encoders)
        self.heads = nn.ModuleDict({n: nn.Linear(WIDTH, CLASSES) for n in names})

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = zip(self.encoders.values(), self.heads.values(), inputs, strict=True)
        return torch.stack([head(encoder(x)) for encoder, head, x in parts]).mean(dim=0)


def main() -> None:
    torch.manual_seed(0)
    task, train = g2d.Classification(CLASSES), make_batches(2048)
    net, alone = Net(*SENSORS), [Net(name) for name in SENSORS]
    sgd = [torch.optim.SGD(n.parameters(), lr=0.01, momentum=0.9) for n in (*alone, net)]
    for inputs, y in train * EPOCHS:  # the teachers: a model for each modality alone
        for teacher, x, optimizer in zip(alone, inputs, sgd, strict=False):
            optimizer.zero_grad()
            nn.functional.cross_entropy(teacher(x), y).backward()
            optimizer.step()
    known = {n: g2d.attach(t, dict(t.encoders)) for n, t in zip(SENSORS, alone, strict=True)}
    g2d.attach(net, dict(net.encoders), heads=dict(net.heads))
    doctor = g2d.doctor(net, task, g2d.OnlineTeachers(known, task))
    for _ in range(EPOCHS):
        for inputs, y in train:
            nn.functional.cross_entropy(net(*inputs), y).backward()
            doctor.watch(y)  # the line: after backward, before zero_grad
            sgd[-1].step()
            sgd[-1].zero_grad()
        doctor.epoch()  # a dictionary, for any logger
    print(doctor.sentence())


if __name__ == "__main__":
    main()
