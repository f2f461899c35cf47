"""Methods, fusions and data of a recipe fit each other, or the recipe is refused."""

from __future__ import annotations

import pytest

from g2d import UMT, Classification, JointTraining, SequentialPrioritization, UserError
from g2d.recipes.build import build_splits, build_student
from g2d.recipes.catalog import FUSIONS, METHODS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import recipe_from
from g2d.recipes.settings import teacher_settings
from toy import Picky, ToyData, toy_recipe

PAIR = ("near", "far")


def recipe(**changes):
    return recipe_from({**toy_recipe(), **changes})


def plan(method, fusion="late", epochs=4, modalities=PAIR):
    return plan_method(
        recipe(method=method, fusion=fusion, training={"epochs": epochs}), modalities
    )


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("g3d", "method: there is no 'g3d'; known: agm, amco, arl, aug, auto, blend, boosting"),
        (
            {"name": "g2d", "delta": 1},
            "method.delta: no such option; known: alpha, beta, cal",
        ),
        (
            {"name": "g2d", "init": "mine"},
            "method.init: expected random, teachers or ensemble, got 'mine'",
        ),
        ({"name": "g2d", "calibrate": 1}, "method.calibrate: expected true or false, got 1"),
        (
            {"name": "joint+smp", "init": "mine"},
            "method.init: expected random, teachers or ensemble",
        ),
        ({"name": "joint", "init": "teachers"}, "method.init: no such option; known: gamma"),
        ({"name": "ume", "weights": "some"}, "method.weights: expected equal or fitted, got"),
        ({"name": "joint", "alpha": 1}, "method.alpha: no such option; known: gamma"),
        ({"name": "umt", "alpha": 1}, "method.alpha: no such option; known: calibrate, feat"),
        ({"name": "joint", "schedule": [1, 3]}, "method.schedule: no such option; known: gamma"),
        ({"name": "g2d", "alpha": "much"}, "method.alpha: expected a number, got 'much'"),
        (
            {"name": "g2d", "scope": "all"},
            "method.scope: expected auto or encoder or branch, got 'all'",
        ),
        (
            {"name": "g2d", "rank_by": "test"},
            "method.rank_by: expected speed, heldout, tr",
        ),
        (
            {"name": "g2d", "preset": "best"},
            "method.preset: there is no 'best'; known: off, paper, pr",
        ),
        ({"name": "umt", "preset": "paper"}, "method.preset: there is no 'paper'; known: off"),
        ({"name": "g2d", "schedule": [3, 2]}, "takes 5 epochs and training has 4; shorten the sc"),
        ({"name": "g2d", "schedule": [1, 1, 1]}, "has 3 stages and there are 2 modalities; give"),
        (
            {"name": "g2d", "schedule": 3},
            "expected a list of epochs, alone and together, halves, auto, or 0 for no stages, g",
        ),
        ({"name": "g2d", "schedule": [1.5, 2]}, "method.schedule: a schedule is one whole number"),
        ({"name": "g2d", "schedule": [-1, 2]}, "method.schedule: a schedule is one whole number"),
        ({"name": "g2d", "confidence": {}}, "method.confidence: no such option; known: alpha"),
        ({"name": "ume", "weight": 1}, "method.weight: no such option; known: weights"),
        ("joint+amp", "method: 'amp' is no wrapper; the one there is: joint+smp"),
        ("g2d+smp", "method: 'g2d' prioritizes by itself; give 'g2d', without +smp"),
        ("ume+smp", "method: there is nothing to prioritize in 'ume'"),
        ("toy.ToyEncoder", "method: there is no method 'toy.ToyEncoder'; expected a subclass of"),
        ("collections.OrderedDict", "method: there is no method 'collections.OrderedDict'"),
        ("toy.Picky", "method.strength: this must be given"),
    ],
)
def test_a_method_that_is_refused(method, line):
    with pytest.raises(UserError) as caught:
        plan(method)
    assert line in str(caught.value)
    assert str(caught.value).startswith("method")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_a_branch_is_closed_only_where_each_modality_has_a_head(fusion):
    closed = {"name": "joint+smp", "scope": "branch"}
    if fusion in {"late", "sum"}:
        assert plan(closed, fusion).options["scope"] == "branch"
    else:
        with pytest.raises(UserError, match=rf"method\.scope: the fusion '{fusion}' has no head"):
            plan(closed, fusion)
    assert plan({"name": "joint+smp", "scope": "encoder"}, fusion).options["scope"] == "encoder"


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_the_ensemble_is_late_fusion_and_no_other(fusion):
    if fusion == "late":
        assert not plan("ume", fusion).trains
    else:
        with pytest.raises(UserError, match=rf"ume averages .* got '{fusion}'; use --fusion late"):
            plan("ume", fusion)


def test_the_paper_preset_is_the_paper_and_a_given_option_wins():
    paper = plan({"name": "g2d", "preset": "paper", "alpha": 0})
    assert paper.rank_by == "train_batch"
    assert paper.options["alpha"] == 0
    assert paper.options["feature_reduction"] == "mean"
    assert (paper.options["scope"], paper.options["suppression"]) == ("encoder", "complete")
    assert plan("g2d").rank_by == "speed"
    own = plan({"name": "g2d", "preset": "paper", "feature_reduction": "sum", "rank_by": "train"})
    assert (own.options["feature_reduction"], own.rank_by) == ("sum", "train")


@pytest.mark.parametrize(("base", "kind"), [("joint", JointTraining), ("umt", UMT)])
def test_smp_goes_around_any_method_and_options_go_to_whom_they_belong(base, kind):
    task = ToyData().splits().spec.task
    own = {"weight": 3.0} if base == "umt" else {}
    wrapped = plan({"name": f"{base}+smp", "schedule": [1, 3], "suppression": "partial", **own})

    class Bank:
        modalities = PAIR

        def frozen_here(self):
            return ()

    model = build_student(recipe(), PAIR, task)
    method = wrapped.make(model, task, Bank(), {"near": 0.2, "far": 0.8})
    assert isinstance(method, SequentialPrioritization)
    assert isinstance(method.method, kind)
    assert method.suppression == "partial"
    assert method.schedule.tau == (1, 3)
    assert [getattr(method.method, key) for key in own] == list(own.values())
    assert wrapped.options.items() >= {"suppression": "partial", **own}.items()


def test_the_options_of_a_plan_are_resolved_for_the_record():
    assert plan("g2d", epochs=12).options["schedule"] == [0, 12]
    halves = {"name": "g2d", "schedule": "halves"}
    assert plan(halves, epochs=12).options["schedule"] == [6, 6]
    assert plan(halves, epochs=12, modalities=(*PAIR, "deep")).options["schedule"] == [3, 3, 6]
    assert plan("joint+smp", epochs=12).options["schedule"] == [6, 6]
    auto = plan({"name": "g2d", "schedule": "auto"}, epochs=12).options
    assert (auto["schedule"], auto["patience"]) == ([6, 6], 3)
    assert "patience" not in plan(halves).options
    assert plan({"name": "toy.Picky", "strength": 0}).options["strength"] == 0


@pytest.mark.parametrize(
    "said", [{"rank_by": "heldout"}, {"suppression": "partial"}, {"scope": "branch"}]
)
def test_what_speaks_of_stages_asks_for_them(said):
    """An option that would do nothing without stages is not taken in silence."""
    assert plan({"name": "g2d", **said}, epochs=12).options["schedule"] == [6, 6]
    assert plan({"name": "g2d", **said, "schedule": 0}, epochs=12).options["schedule"] == [0, 12]


def test_the_preset_of_the_default_until_now():
    options = plan({"name": "g2d", "preset": "printed"}, epochs=12).options
    assert options == {
        "alpha": 1.0,
        "beta": 1.0,
        "gamma": 0.0,
        "temperature": 1.0,
        "feature_reduction": "sum",
        "distill_to": "fused",
        "projected": False,
        "suppression": "complete",
        "scope": "auto",
        "frozen_features": "keep",
        "rank_by": "speed",
        "schedule": [6, 6],
        "calibrate": False,
        "init": "random",
    }


def test_a_users_own_method_needs_no_registry():
    chosen = plan({"name": "toy.Picky", "strength": 2, "mode": "hard"})
    assert not chosen.needs_teachers
    task = Classification(3)
    assert isinstance(chosen.make(build_student(recipe(), PAIR, task), task, None, None), Picky)


def test_which_methods_want_teachers_is_what_the_catalog_says():
    for name, entry in METHODS.items():
        assert plan(name).needs_teachers == entry.teachers, name


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"data": "toy.ToyEncoder"}, "data: 'toy.ToyEncoder' is no dataset; expected a class with"),
        ({"data": {"name": "toy.ToyData", "salt": "x"}}, "data.salt: expected a whole number"),
        ({"encoders": {"near": "mlp"}}, "encoders: given for ['near'], and the data has ['near',"),
        ({"encoders": {"near": "toy.ToyEncoder", "deep": "toy.ToyEncoder"}}, "give one for each"),
    ],
)
def test_data_that_is_refused(changes, line):
    with pytest.raises(UserError) as caught:
        build_splits(recipe(**changes))
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"fusion": "torch.nn.Identity"}, "fusion: 'torch.nn.Identity' is no fusion; expected a"),
        ({"fusion": {"name": "late", "depth": 1}}, "fusion.depth: no such option; known: none"),
        (
            {"encoders": {"near": "toy.ToyData", "far": "toy.ToyEncoder"}},
            "encoders.near: 'toy.ToyD",
        ),
        ({"encoders": {"near": "mlp", "far": "toy.ToyEncoder"}}, "encoders.near.inputs: this must"),
    ],
)
def test_a_model_that_is_refused(changes, line):
    with pytest.raises(UserError) as caught:
        build_student(recipe(**changes), PAIR, ToyData().splits().spec.task)
    assert line in str(caught.value)


def test_teachers_train_as_the_student_does_where_nothing_else_is_said():
    chosen = recipe(training={"epochs": 9, "optimizer": "adamw"}, teachers={"epochs": 2})
    settings, cache = teacher_settings(chosen)
    assert (settings.epochs, settings.optimizer, cache) == (2, "adamw", "auto")
    with pytest.raises(UserError, match=r"teachers\.cache: expected auto, on or off, got 'no'"):
        teacher_settings(recipe(teachers={"cache": "no"}))
    with pytest.raises(UserError, match=r"teachers\.epoch: no such option"):
        teacher_settings(recipe(teachers={"epoch": 2}))
