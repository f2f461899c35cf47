"""G²D in a loop of your own, with torch, numpy and g2d and nothing else."""

import torch
from torch import nn

import g2d

EPOCHS, CLASSES, SIZE, WIDTH = 30, 4, 40, 32
NOISE = {"camera": 3.0, "microphone": 2.0}
GAIN = {"camera": 1.0, "microphone": 0.2}


def make_batches(samples: int, seed: int) -> list[g2d.Batch]:
    """A loud camera and a quiet microphone that knows more; put your own loader here."""
    random, centres = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(0)
    target = torch.randint(CLASSES, (samples,), generator=random)
    inputs = {}
    for name, noise in NOISE.items():
        means = torch.randn(CLASSES, SIZE, generator=centres)
        x = means[target] + noise * torch.randn(samples, SIZE, generator=random)
        inputs[name] = GAIN[name] * x
    rows = torch.arange(samples).split(32)
    return [g2d.Batch({n: x[i] for n, x in inputs.items()}, target[i], index=i) for i in rows]


def encoder() -> nn.Module:
    """Any module that maps an input to (batch, width)."""
    return nn.Sequential(nn.Linear(SIZE, 64), nn.ReLU(), nn.Linear(64, WIDTH), nn.ReLU())


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def train_teacher(name: str, train: list[g2d.Batch], task: g2d.Task) -> g2d.UnimodalModel:
    model = g2d.UnimodalModel(name, encoder(), WIDTH, CLASSES)
    optimizer = sgd(model)
    for _ in range(EPOCHS):
        for batch in train:
            task.loss(model(batch).logits, batch.target).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model


def train_student(method: g2d.Method, train: list[g2d.Batch]) -> g2d.MultimodalModel:
    fusion = g2d.LateFusion(dict.fromkeys(NOISE, WIDTH), CLASSES)
    model = g2d.MultimodalModel({name: encoder() for name in NOISE}, fusion)
    optimizer = sgd(model)
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)  # which stage is this?
        for batch in train:
            learning = method.learning(batch)  # whose gradient is open?
            outputs = model(batch, learning)
            loss = method.loss(outputs, batch)  # task, features, predictions
            loss.backward()
            method.adjust_gradients(model)  # close the gates
            optimizer.step()
            optimizer.zero_grad()
    return model


def main() -> None:
    torch.manual_seed(0)
    task = g2d.Classification(CLASSES)
    train, val = make_batches(512, seed=1), make_batches(512, seed=2)
    teachers = g2d.OnlineTeachers({name: train_teacher(name, train, task) for name in NOISE}, task)
    confidence = g2d.mean_confidence(teachers, val)
    joint = g2d.JointTraining(task)
    ours = g2d.G2D(task, teachers, schedule=(10, 20), confidence=confidence)
    for method in (joint, ours):
        model = train_student(method, train).eval()
        right = torch.cat([task.predict(model(b).logits) == b.target for b in val])
        print(f"{type(method).__name__:13} accuracy {right.float().mean():.3f}")


if __name__ == "__main__":
    main()
