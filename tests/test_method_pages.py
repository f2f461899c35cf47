"""docs/methods: every page has its parts, options as they are, and lines that train."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

import g2d
from g2d.recipes.catalog import METHODS
from g2d.recipes.method_options import OF_TEACHERS
from test_docs import ROOT, blocks_of

FOLDER = ROOT / "docs" / "methods"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.md"))}
PARTS = ["Idea", "How to use it", "Equations", "Options", "Cost", "Where this departs from paper"]
PARTS += ["How sure we are"]
# What a loop gives to a method and a recipe does not name.
GIVEN = {"student", "task", "method", "teachers", "confidence"}

every_page = pytest.mark.parametrize("name", PAGES)


def part(name: str, title: str) -> str:
    found = re.search(rf"^## {title}.*?\n(.*?)(?=^## |\Z)", PAGES[name], re.DOTALL | re.MULTILINE)
    assert found, f"{name}: no part {title!r}"
    return found[1]


def test_every_method_has_a_page() -> None:
    assert set(PAGES) == {*METHODS, "smp"}


@every_page
def test_a_page_has_its_parts_in_order(name: str) -> None:
    titles = re.findall(r"^## (.*)$", PAGES[name], re.MULTILINE)
    places = [
        next((i for i, title in enumerate(titles) if title.startswith(wanted)), None)
        for wanted in PARTS
    ]
    assert None not in places, f"{dict(zip(PARTS, places, strict=True))}"
    assert places == sorted(places)
    source = re.search(r"arxiv\.org|doi\.org|pp\. \d|NeurIPS|\(g2d\.md\)", PAGES[name])
    assert source or name == "joint"


# --- options ---------------------------------------------------------------------------------


def documented(name: str) -> dict[str, str]:
    """The options of a page's table, and what it says of their defaults."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|\n "))]
        for line in part(name, "Options").splitlines()
        if line.startswith("|")
    ][2:]
    found: dict[str, str] = {}
    for cells in rows:
        names = re.findall(r"`(\w+)`", cells[0])
        defaults = cells[1].split(", ") if len(names) > 1 else [cells[1]]
        found |= zip(names, defaults * (len(names) // len(defaults)), strict=False)
    return found


def class_of(name: str) -> Any:
    if name == "smp":
        return g2d.SequentialPrioritization
    module, _, attribute = METHODS[name].path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def signature(name: str) -> dict[str, Any]:
    """The options of a method in a recipe, with their defaults."""
    kind = class_of(name)
    parameters = inspect.signature(kind).parameters
    options = {key: p.default for key, p in parameters.items() if key not in GIVEN}
    if name in METHODS:
        options |= METHODS[name].options
    if name == "ume":
        options["weights"] = "equal"  # said in weights in a recipe, in numbers in Python
    if getattr(kind, "needs_teachers", False):
        options |= OF_TEACHERS
    if getattr(kind, "staged", False):
        options["schedule"] = kind.usual_schedule
    if getattr(kind, "ranks", False):
        options["rank_by"] = kind.ranked_by
    return options


@every_page
def test_options_are_those_of_the_signature(name: str) -> None:
    said = documented(name)
    said.pop("preset", None)
    if name == "ogm_ge":  # named in a sentence, and described with OGM
        sentence = re.findall(r"`(\w+)`", part(name, "Options"))
        assert set(signature(name)) <= set(sentence)
        return
    assert set(said) == set(signature(name))


@every_page
def test_presets_are_named(name: str) -> None:
    for preset in getattr(class_of(name), "presets", ()):
        page = PAGES["ogm"] if name == "ogm_ge" else PAGES[name]
        assert f"`{preset}`" in page or f"preset {preset}" in page, preset


@every_page
def test_defaults_are_those_of_the_signature(name: str) -> None:
    """Those that the table writes as a value; a sentence may say what follows from the recipe."""
    said = documented(name)
    for key, default in signature(name).items():
        text = said.get(key, "").strip("`")
        if text.replace(" ", "") == "–":
            assert default is None, key
        if not re.fullmatch(r"[\w.\[\], -]+", text) or len(text.split()) > 2:
            continue
        value = yaml.safe_load(text)
        expected = list(default) if isinstance(default, tuple) else default
        assert value == expected, f"{key}: the page says {text}, the code has {default!r}"


# --- lines that train ------------------------------------------------------------------------


class Net(nn.Module):
    """A model as a reader of the page may have it."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_net, self.video_net = nn.Linear(6, 8), nn.Linear(10, 8)
        self.head = nn.Linear(16, 3)

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([self.audio_net(audio), self.video_net(video)], 1))
        return logits


def batches() -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    random = torch.Generator().manual_seed(0)
    for rows in torch.arange(36).split(12):
        audio, video = (torch.randn(12, width, generator=random) for width in (6, 10))
        yield audio, video, torch.arange(12) % 3, rows


def names() -> dict[str, Any]:
    """What the lines of a page suppose to be there."""
    torch.manual_seed(0)
    net, task = Net(), g2d.Classification(3)
    widths = {"audio": 6, "video": 10}
    unimodal = {m: nn.Sequential(nn.Linear(w, 8), nn.Linear(8, 3)) for m, w in widths.items()}
    banked = {name: g2d.attach(model, {name: model[0]}) for name, model in unimodal.items()}
    return {
        "torch": torch,
        "g2d": g2d,
        "net": net,
        "task": task,
        "teachers": g2d.OnlineTeachers(banked, task),
        "unimodal": {
            name: g2d.UnimodalModel(name, model[0], width=8, outputs=3)
            for name, model in unimodal.items()
        },
        "encoders": {"audio": net.audio_net, "video": net.video_net},
        "widths": {"audio": 8, "video": 8},
    }


@every_page
def test_the_lines_of_a_page_train(name: str) -> None:
    made = names()
    for block in blocks_of(part(name, "How to use it"), FOLDER / f"{name}.md"):
        if block.language == "python":
            exec(block.text, made)
    if name == "ume":
        assert isinstance(made["model"], g2d.MultimodalModel)
        return
    method: g2d.Method = made["method"]
    model, optimizer = made.get("model"), made["optimizer"]

    def batch_of(audio: Tensor, video: Tensor, target: Tensor, rows: Tensor) -> g2d.Batch:
        return g2d.Batch({"audio": audio, "video": video}, target, rows)

    def iter_train(fraction: float, seed: int) -> Iterator[Any]:
        for audio, video, target, rows in batches():
            if model is not None:
                yield batch_of(audio, video, target, rows)
            else:
                yield made["net"](audio, video), target, {"index": rows}

    trained = model if model is not None else made["net"]
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    epochs = 30 if name == "smp" else 2  # its schedule is of 30, of which two are run
    method.on_fit_start(g2d.Loop(optimizer, epochs=epochs, iter_train=iter_train))
    for epoch in range(2):
        trained.train()
        method.on_epoch_start(epoch)
        for audio, video, target, rows in batches():
            if model is not None and "`method.step(batch)`" in part(name, "How to use it"):
                method.step(batch_of(audio, video, target, rows))
                continue
            if model is not None:
                batch = batch_of(audio, video, target, rows)
                loss = method.loss(model(batch), batch)
            else:
                loss = method.loss(made["net"](audio, video), target, index=rows)
            loss.backward()
            method.adjust_gradients()
            optimizer.step()
            optimizer.zero_grad()
    after = trained.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    assert any(not torch.equal(before[key], value) for key, value in after.items())
