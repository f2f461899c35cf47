"""G²D on a model and in a loop of your own, with torch and g2d and nothing else."""

import torch
from torch import Tensor, nn

import g2d

EPOCHS, CLASSES, SIZE, WIDTH = 30, 4, 40, 32
Samples = list[tuple[Tensor, Tensor, Tensor]]


def make_batches(samples: int, seed: int) -> Samples:
    """A loud camera and a quiet microphone that knows more; put your own loader here."""
    random, centres = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(0)
    target = torch.randint(CLASSES, (samples,), generator=random)
    inputs = []
    for noise, gain in ((3.0, 1.0), (2.0, 0.2)):
        means = torch.randn(CLASSES, SIZE, generator=centres)
        inputs.append(gain * (means[target] + noise * torch.randn(samples, SIZE, generator=random)))
    camera, microphone = inputs
    rows = torch.arange(samples).split(32)
    return [(camera[i], microphone[i], target[i]) for i in rows]


def encoder() -> nn.Module:
    return nn.Sequential(nn.Linear(SIZE, 64), nn.ReLU(), nn.Linear(64, WIDTH), nn.ReLU())


class Net(nn.Module):
    """A model as anybody would write it; g2d changes nothing in it."""

    def __init__(self) -> None:
        super().__init__()
        self.eyes, self.ears = encoder(), encoder()
        self.head = nn.Linear(2 * WIDTH, CLASSES)

    def forward(self, camera: Tensor, microphone: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.eyes(camera), self.ears(microphone)], dim=1))
        return logits


def train_teacher(place: int, train: Samples, task: g2d.Task) -> g2d.Student:
    name = ("camera", "microphone")[place]
    net = nn.Sequential(encoder(), nn.Linear(WIDTH, CLASSES))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for *inputs, target in train:
            task.loss(net(inputs[place]), target).backward()
            optimizer.step()
            optimizer.zero_grad()
    return g2d.attach(net, {name: net[0]})


def train_student(method: g2d.Method, train: Samples) -> None:
    net = method.student.net
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    method.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS))  # once: some methods count the epochs
    for epoch in range(EPOCHS):
        net.train()
        method.on_epoch_start(epoch)  # freezes and unfreezes encoders
        for camera, microphone, target in train:
            loss = method.loss(net(camera, microphone), target)
            loss.backward()
            method.adjust_gradients()  # some methods scale gradients here
            optimizer.step()
            optimizer.zero_grad()


def main() -> None:
    torch.manual_seed(0)
    task = g2d.Classification(CLASSES)
    train, val = make_batches(512, seed=1), make_batches(512, seed=2)
    names = ("camera", "microphone")
    trained = {name: train_teacher(place, train, task) for place, name in enumerate(names)}
    teachers = g2d.OnlineTeachers(trained, task)
    for kind in ("joint training", "G2D"):
        net = Net()
        student = g2d.attach(net, {"camera": net.eyes, "microphone": net.ears})
        method = (
            g2d.G2D(student, task, teachers) if kind == "G2D" else g2d.JointTraining(student, task)
        )
        train_student(method, train)
        right = torch.cat([task.predict(net.eval()(c, m)) == y for c, m, y in val])
        print(f"{kind:15} accuracy {right.float().mean():.3f}")


if __name__ == "__main__":
    main()
