"""The probe against gradients taken by hand, and that nothing is disturbed by it."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from matplotlib.image import imread

import toy
from g2d import Batch, Classification, MultimodalModel, UserError
from g2d.analysis.gradients import GradientProbe, gradients
from g2d.analysis.sampling import draw
from g2d.analysis.subject import Subject
from g2d.engine.checkpoint import load_weights
from g2d.recipes.catalog import FUSIONS
from g2d.recipes.components import locate
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import PowerCutError, ToyEncoder, toy_recipe

NAMES = ("a", "b", "c")
TASK = Classification(3)


def model(fusion="late", seed=0, names=NAMES):
    torch.manual_seed(seed)
    made = locate(fusion, FUSIONS, "fusion")(dict.fromkeys(names, 8), 3)
    return MultimodalModel({name: ToyEncoder() for name in names}, made)


def batch(rows=24, masked=False, names=NAMES, seed=1):
    random = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(rows, 6, generator=random) for name in names}
    target = torch.randint(0, 3, (rows,), generator=random)
    present = {"b": torch.rand(rows, generator=random) < 0.6} if masked else {}
    return Batch(inputs, target, torch.arange(rows), present)


def by_backward(net, loss_of, parameters):
    """The gradient as `backward` leaves it, one vector."""
    twin = copy.deepcopy(net).eval()
    places = [i for i, p in enumerate(net.parameters()) if any(p is q for q in parameters)]
    loss_of(twin(batch())).backward()
    own = list(twin.parameters())
    pieces = [own[i].grad if own[i].grad is not None else torch.zeros_like(own[i]) for i in places]
    return torch.cat([piece.flatten() for piece in pieces]).double()


def cosine(a, b):
    return float(a @ b / math.sqrt(float(a @ a) * float(b @ b)))


@pytest.mark.parametrize("fusion", ["late", "concat", "film"])
def test_norms_and_cosines_are_those_of_backward(fusion):
    net = model(fusion)
    net(batch())  # running statistics and means that are not those of the beginning
    seen = GradientProbe(net, TASK, [batch()])()
    target = batch().target
    for name in NAMES:
        parameters = net.encoder_parameters(name)
        fused = by_backward(net, lambda out: TASK.loss(out.logits, target), parameters)
        own = by_backward(net, lambda out, n=name: TASK.loss(out.unimodal[n], target), parameters)
        assert seen["norm"][name] == pytest.approx(fused.norm().item(), rel=1e-4)
        assert seen["own_norm"][name] == pytest.approx(own.norm().item(), rel=1e-4)
        assert seen["cosine"][name] == pytest.approx(cosine(fused, own), abs=1e-4)
    if fusion == "late":
        assert set(seen) == {"norm", "own_norm", "cosine"}
        return
    head = net.head_parameters()
    pulls = {
        n: by_backward(net, lambda out, n=n: TASK.loss(out.unimodal[n], target), head)
        for n in NAMES
    }
    assert list(seen["conflict"]) == ["a|b", "a|c", "b|c"]
    for pair, value in seen["conflict"].items():
        a, b = pair.split("|")
        assert value == pytest.approx(cosine(pulls[a], pulls[b]), abs=1e-4)
    fused = by_backward(net, lambda out: TASK.loss(out.logits, target), head)
    for name, value in seen["shared"].items():
        assert value == pytest.approx(cosine(fused, pulls[name]), abs=1e-4)


def test_one_linear_layer_by_hand():
    """Late fusion of two linear encoders of one input: L = Σ softplus, by the chain rule."""
    task = Classification(2)
    encoders = {name: torch.nn.Linear(1, 1, bias=False) for name in ("a", "b")}
    net = MultimodalModel(encoders, locate("late", FUSIONS, "fusion")({"a": 1, "b": 1}, 2))
    with torch.no_grad():
        for name, head in net.fusion.heads.items():
            encoders[name].weight.fill_(1.0)
            head.weight.copy_(torch.tensor([[1.0], [0.0]]))
            head.bias.zero_()
    one = Batch({"a": torch.tensor([[2.0]]), "b": torch.tensor([[-4.0]])}, *2 * [torch.tensor([0])])
    seen = GradientProbe(net, task, [one])()
    sigmoid = lambda z: 1 / (1 + math.exp(-z))  # noqa: E731
    # fused logit (2 - 4) / 2 = -1; dL/dθ_a = -(1 - σ(-1)) x_a / 2, dL_a/dθ_a = -(1 - σ(2)) x_a
    assert seen["norm"]["a"] == pytest.approx((1 - sigmoid(-1)) * 2 / 2)
    assert seen["norm"]["b"] == pytest.approx((1 - sigmoid(-1)) * 4 / 2)
    assert seen["own_norm"]["a"] == pytest.approx((1 - sigmoid(2)) * 2)
    assert seen["own_norm"]["b"] == pytest.approx((1 - sigmoid(-4)) * 4)
    assert seen["cosine"] == pytest.approx({"a": 1.0, "b": 1.0})


@pytest.mark.parametrize("masked", [False, True])
def test_batches_together_are_one_gradient(masked):
    net, whole = model("concat"), batch(24, masked=masked)
    cut = [
        Batch(
            {n: x[s] for n, x in whole.inputs.items()},
            whole.target[s],
            whole.index[s],
            {n: mask[s] for n, mask in whole.present.items()},
        )
        for s in (slice(0, 7), slice(7, 24))
    ]
    if masked:  # so that the shares of those that have it are not those of all
        cut[0].present["b"][:5] = False
    one, several = GradientProbe(net, TASK, [whole])(), GradientProbe(net, TASK, cut)()
    for kind, values in one.items():
        assert several[kind] == pytest.approx(values, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("fusion", ["late", "concat", "film"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_look_leaves_everything_as_it_was(fusion, masked):
    net, data = model(fusion).train(), batch(masked=masked)
    net.encoders["c"].eval()  # somebody's frozen part keeps its mode
    TASK.loss(net(data).logits, data.target).backward()
    state = copy.deepcopy(net.state_dict())
    left = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    modes = [part.training for part in net.modules()]
    random = torch.get_rng_state()
    probe = GradientProbe(net, TASK, [data])
    assert probe() == probe()
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in net.modules()] == modes
    for name, value in net.state_dict().items():
        assert torch.equal(value, state[name])
    for name, p in net.named_parameters():
        assert (p.grad is None) == (name not in left)
        assert p.grad is None or torch.equal(p.grad, left[name])


def test_no_gradient_has_no_direction():
    net = model()
    with torch.no_grad():
        net.fusion.heads["a"].weight.zero_()
    for parameter in net.encoders["b"].parameters():
        parameter.requires_grad_(False)
    seen = GradientProbe(net, TASK, [batch()])()
    assert seen["norm"]["a"] == 0
    assert seen["cosine"]["a"] is None
    assert seen["norm"]["b"] is None
    assert seen["cosine"]["b"] is None
    json.dumps(seen, allow_nan=False)
    with pytest.raises(UserError, match="no batches"):
        GradientProbe(net, TASK, [])


def test_recurrent_encoders_can_be_looked_at():
    class Steps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(6, 8, batch_first=True)

        def forward(self, inputs):
            return self.gru(inputs[:, None])[1][0]

    net = model()
    net.encoders["a"] = Steps()
    assert GradientProbe(net, TASK, [batch()])()["norm"]["a"] > 0


def staged(**training):
    method = {"name": "g2d", "schedule": [1, 2]}
    return recipe_from({**toy_recipe(epochs=3, **training), "method": method, "fusion": "concat"})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run with and without looks at gradients."""
    out = tmp_path_factory.mktemp("runs")
    return [
        train(staged(), out, name="unseen"),
        train(staged(probe_gradients=True), out, name="seen"),
    ]


def test_training_does_not_notice(runs):
    unseen, seen = (Run(run) for run in runs)
    assert (unseen.path / "model.safetensors").read_bytes() == (
        seen.path / "model.safetensors"
    ).read_bytes()
    for one, other in zip(unseen.epochs, seen.epochs, strict=True):
        assert "gradients" not in one
        del other["gradients"]
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    first, second = (run.result["teachers"] for run in (unseen, seen))
    assert first == second  # and shared
    assert len(list((runs[0].parent / "teachers").iterdir())) == 2


def test_the_last_look_is_of_the_last_weights(tmp_path):
    """The weights of every epoch are found again by training for so many epochs."""
    changes = {"lr_schedule": "constant", "probe_gradients": True}
    recipe = recipe_from({**toy_recipe(epochs=1, **changes), "method": "joint"})
    run = train(recipe, tmp_path)
    subject = Subject.of(Run(run, trust=True))
    net = subject.model
    load_weights(run / "model.safetensors", net)
    again = gradients([Subject("x", net, subject.task, subject.batches)]).traces[0]
    recorded = Run(run).epochs[0]["gradients"]
    for kind in ("norm", "own_norm", "cosine"):
        found = {name: values[0] for name, values in getattr(again, kind).items()}
        assert found == pytest.approx(recorded[kind], rel=1e-5)


def test_recorded_series_are_read_and_drawn(runs, tmp_path):
    found = gradients(
        [
            Subject.of(Run(runs[1], trust=True), "G²D"),
            Subject.of(Run(runs[0], trust=True), "once"),
        ]
    )
    series, once = found.traces
    lines = Run(runs[1]).epochs
    assert series.epochs == (1, 2, 3)
    assert series.boundaries == (1,)
    assert once.epochs == ()
    assert len(once.norm["near"]) == 1
    for name in ("near", "far"):
        assert series.norm[name] == tuple(line["gradients"]["norm"][name] for line in lines)
    assert series.conflict["near|far"][2] == lines[2]["gradients"]["conflict"]["near|far"]
    assert sum(series.share.values()) == pytest.approx(1)
    head, rows = found.table()
    assert len(rows) == 6
    assert all(len(row) == len(head) for row in rows)
    assert "G²D" in found.sentence()
    assert "over training" in found.sentence()
    json.dumps(found.as_dict(), allow_nan=False)
    height, width = imread(found.plot(tmp_path / "gradients.png")).shape[:2]
    assert height > 0.8 * width


def test_records_answer_for_train_and_for_no_other_split(runs):
    seen = Subject.of(Run(runs[1], trust=True))
    looked = {}
    for split in ("train", "val", "test"):
        found = gradients([seen], split=split)
        looked[split] = found.as_dict()
        assert looked[split]["split"] == split
        assert f"on fixed samples of {split} in eval mode" in found.sentence()
        assert bool(found.traces[0].epochs) == (split == "train")
        if split != "train":
            probe = GradientProbe(seen.model, seen.task, list(seen.batches(split)))
            for name, value in probe()["norm"].items():
                assert found.traces[0].norm[name] == pytest.approx((value,))
    assert looked["val"]["traces"] != looked["test"]["traces"]


def encoder_recipe(encoder, data="toy.ToyData", **training):
    named = {**toy_recipe(epochs=3, probe_gradients=True, **training), "method": "joint"}
    encoders = dict.fromkeys(("near", "far"), encoder)
    return recipe_from({**named, "data": {"name": data}, "encoders": encoders})


def test_no_graph_is_larger_than_that_of_a_training_batch(tmp_path):
    run = train(encoder_recipe("toy.SmallGraphs"), tmp_path)
    assert all("gradients" in line for line in Run(run).epochs)
    narrow = Subject.of(Run(run, trust=True))
    assert gradients([narrow], split="val").traces[0].norm["near"][0] > 0


def test_a_look_that_fails_costs_the_look_alone(tmp_path, caplog):
    run = train(encoder_recipe("toy.NoLooks"), tmp_path)
    lines = Run(run).epochs
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert not any("gradients" in line for line in lines)
    assert "joint: the gradients of this epoch are not known: no looks" in caplog.text
    other = train(encoder_recipe("toy.ToyEncoder"), tmp_path, name="looked")
    for one, two in zip(lines, Run(other).epochs, strict=True):
        assert {**one, "seconds": 0, "gradients": 0} == {**two, "seconds": 0, "gradients": 0}


def test_resuming_is_exact_where_gradients_are_looked_at(tmp_path):
    chosen = encoder_recipe("toy.ToyEncoder", "toy.WatchedData")
    toy.READS.clear()
    whole = train(chosen, tmp_path / "whole")
    toy.LEFT[:] = [len(toy.READS) * 3 // 4]  # in a later epoch
    with pytest.raises(PowerCutError):
        train(chosen, tmp_path / "cut")
    toy.LEFT.clear()
    assert 0 < len(Run(tmp_path / "cut" / whole.name).epochs) < 3
    torch.manual_seed(12345)  # a new process has another random state
    again = train(chosen, tmp_path / "cut", resume=True)
    for one, two in zip(*(Run(run).epochs for run in (whole, again)), strict=True):
        assert one["gradients"]
        assert {**one, "seconds": 0} == {**two, "seconds": 0}
    weights = [(run / "model.safetensors").read_bytes() for run in (whole, again)]
    assert weights[0] == weights[1]


def test_teachers_are_not_probed(tmp_path):
    wrong = recipe_from({**toy_recipe(), "teachers": {"probe_gradients": True}})
    with pytest.raises(UserError, match=r"teachers\.probe_gradients"):
        train(wrong, tmp_path)


def test_samples_are_drawn_from_the_whole_split():
    parts = [batch(rows=10, masked=i == 1, seed=i) for i in range(30)]
    for i, part in enumerate(parts):
        part.index = torch.arange(10 * i, 10 * i + 10)
    one = draw(parts, 100)
    assert len(set(one.index.tolist())) == 100
    assert one.index.tolist() == sorted(one.index.tolist()) == draw(parts, 100).index.tolist()
    assert one.index.min() < 60
    assert one.index.max() > 240
    for row, place in enumerate(one.index.tolist()):
        part, at = parts[place // 10], place % 10
        assert torch.equal(one.inputs["b"][row], part.inputs["b"][at])
        assert one.present["b"][row] == (part.present["b"][at] if part.present else True)
