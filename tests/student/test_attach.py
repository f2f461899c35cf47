"""Any module, called as its owner calls it: what is recorded, what stays, what is refused."""

from __future__ import annotations

import copy
import io
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d

TASK = g2d.Classification(3)


class Net(nn.Module):
    """Two encoders, a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.ears = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.eyes = nn.Linear(5, 8)
        self.head = nn.Sequential(nn.Linear(14, 10), nn.ReLU(), nn.Linear(10, 3))

    def forward(self, sound: Tensor, *, image: Tensor) -> Tensor:
        return self.head(torch.cat([self.ears(sound), self.eyes(image)], dim=1))

    def encoders(self) -> dict[str, nn.Module]:
        return {"sound": self.ears, "image": self.eyes}


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def samples(size: int = 6, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return (
        torch.randn(size, 4, generator=random),
        torch.randn(size, 5, generator=random),
        torch.randint(3, (size,), generator=random),
    )


# --- what is recorded -----------------------------------------------------------------------------


def test_features_inputs_and_logits_of_the_last_pass_are_recorded() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    for seed in (1, 2):
        sound, image, target = samples(seed=seed)
        logits = model(sound, image=image)
        outputs, batch = student.observe(logits, target)
    assert outputs.logits is logits
    assert torch.equal(outputs.features["image"], model.eyes(image))
    assert batch.inputs["sound"] is sound
    assert batch.inputs["image"] is image
    assert batch.target is target


def test_labels_that_come_again_are_those_of_the_last_pass() -> None:
    """The same tensor of labels for other inputs, as where all have one class."""
    model = net()
    student = g2d.attach(model, model.encoders())
    target = torch.zeros(6, dtype=torch.long)
    for seed in (1, 2):
        sound, image, _ = samples(seed=seed)
        _, batch = student.observe(model(sound, image=image), target)
        assert batch.inputs["sound"] is sound
        assert student.batch_of(target) is batch


class Batches(nn.Module):
    """Called with a mapping: `net(**batch)`, and answers with one."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = net()

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        return {"logits": self.inner(batch["sound"], image=batch["image"])}


class Answer:
    """What many libraries answer with."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


@pytest.mark.parametrize("wrap", [Answer, lambda z: (z, None), lambda z: {"logits": z}])
def test_logits_are_found_in_what_a_model_answers(wrap: Any) -> None:
    model = net()
    method = g2d.JointTraining(g2d.attach(model, model.encoders()), TASK)
    sound, image, target = samples()
    logits = model(sound, image=image)
    expected = nn.functional.cross_entropy(logits, target)
    assert torch.equal(method.loss(wrap(logits), target), expected)


def test_a_model_is_called_with_a_mapping() -> None:
    model = Batches()
    student = g2d.attach(model, model.inner.encoders())
    sound, image, target = samples()
    method = g2d.JointTraining(student, TASK)
    method.loss(model(sound=sound, image=image), target).backward()
    assert model.inner.eyes.weight.grad is not None


class Tokens(nn.Module):
    """Answers with a mapping, and is called with two arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)

    def forward(self, words: Tensor, mask: Tensor | None = None) -> OrderedDict[str, Tensor]:
        hidden = self.embed(words)
        return OrderedDict(last_hidden_state=hidden * mask[..., None], other=words)


class Reads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.eyes = Tokens(), nn.Sequential(nn.Linear(5, 6), nn.Tanh())
        self.head = nn.Linear(12, 3)

    def forward(self, words: Tensor, mask: Tensor, image: Tensor) -> Tensor:
        hidden = self.words(words, mask=mask)["last_hidden_state"]
        return self.head(torch.cat([hidden[:, 0], self.eyes(image)], dim=1))


def reading() -> tuple[Reads, tuple[Tensor, Tensor, Tensor], Tensor]:
    torch.manual_seed(0)
    _, image, target = samples()
    words = torch.randint(9, (6, 4), generator=torch.Generator().manual_seed(3))
    return Reads(), (words, torch.ones(6, 4), image), target


def test_a_feature_is_read_from_what_an_encoder_returns() -> None:
    model, inputs, target = reading()
    student = g2d.attach(
        model,
        {"words": model.words, "image": model.eyes},
        features={"words": lambda out: out["last_hidden_state"][:, 0]},
    )
    outputs, batch = student.observe(model(*inputs), target)
    assert torch.equal(outputs.features["words"], model.words.embed(inputs[0][:, 0]))
    call = batch.inputs["words"]
    assert isinstance(call, g2d.Call)
    assert call.args[0] is inputs[0]
    assert call.kwargs["mask"] is inputs[1]


def test_an_online_teacher_is_called_with_what_its_encoder_was_called_with() -> None:
    """With two arguments, one of them by keyword; its feature is a part of what it returns."""
    model, inputs, target = reading()

    class Teacher(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Tokens(), nn.Linear(6, 3)

        def forward(self, words: Tensor, mask: Tensor) -> Tensor:
            return self.head(self.body(words, mask=mask)["last_hidden_state"][:, 0])

    torch.manual_seed(5)
    reader, looker = Teacher(), nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 3))
    first = {"words": lambda out: out["last_hidden_state"][:, 0]}
    bank = g2d.OnlineTeachers(
        {
            "words": g2d.attach(reader, {"words": reader.body}, features=first),
            "image": g2d.attach(looker, {"image": looker[0]}),
        },
        TASK,
    )
    student = g2d.attach(model, {"words": model.words, "image": model.eyes}, features=first)
    method = g2d.G2DLoss(student, TASK, bank, beta=0.0, gamma=0.0, feature_reduction="sum")
    loss = method.loss(model(*inputs), target)
    words, _, image = inputs
    features = {"words": model.words.embed(words[:, 0]), "image": model.eyes(image)}
    theirs = {"words": reader.body.embed(words[:, 0]), "image": looker[0](image)}
    expected = nn.functional.cross_entropy(model(*inputs), target) + sum(
        ((features[n] - theirs[n]) ** 2).sum(dim=1).mean() for n in features
    )
    torch.testing.assert_close(loss, expected)
    assert not any(p.requires_grad for p in reader.parameters())


def test_an_encoder_of_several_modules_takes_the_first_ones_input() -> None:
    model = net()
    chain = [model.ears[0], model.ears[1], model.ears[2]]
    student = g2d.attach(model, {"sound": chain, "image": model.eyes})
    sound, image, target = samples()
    outputs, batch = student.observe(model(sound, image=image), target)
    assert batch.inputs["sound"] is sound
    assert outputs.features["sound"].shape == (6, 6)
    assert len(student.encoder_parameters("sound")) == 4


# --- what stays as it was -------------------------------------------------------------------------


def test_names_weights_and_answers_stay() -> None:
    model, same = net(), net()
    student = g2d.attach(model, model.encoders())
    method = g2d.OGM(student, TASK)
    assert list(model.state_dict()) == list(same.state_dict())
    sound, image, target = samples()
    assert torch.equal(model(sound, image=image), same(sound, image=image))
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), 0.1), epochs=2))
    method.on_epoch_start(0)
    method.loss(model(sound, image=image), target).backward()
    assert list(model.state_dict()) == list(same.state_dict())
    assert copy.deepcopy(same).state_dict().keys() == model.state_dict().keys()


def test_detach_takes_the_hooks_away_and_thaws_the_encoders() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    student.train_only({"sound"})
    assert not model.eyes.weight.requires_grad
    student.detach()
    assert all(p.requires_grad for p in model.parameters())
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    sound, image, target = samples()
    logits = model(sound, image=image)
    with pytest.raises(g2d.UserError, match="was not called"):
        student.observe(logits, target)


def test_what_its_owner_froze_stays_frozen() -> None:
    model = net()
    model.ears[0].requires_grad_(False)
    student = g2d.attach(model, model.encoders())
    student.train_only(set())
    student.train_only(None)
    assert not model.ears[0].weight.requires_grad
    assert model.ears[1].weight.requires_grad
    assert len(student.encoder_parameters("sound")) == 2


def test_a_frozen_encoder_builds_no_graph_and_its_optimizer_skips_it() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    sound, image, target = samples()
    for _ in range(2):  # momentum is there
        TASK.loss(model(sound, image=image), target).backward()
        optimizer.step()
        optimizer.zero_grad()
    before = model.eyes.weight.detach().clone()
    student.train_only({"sound"})
    logits = model(sound, image=image)
    outputs, _ = student.observe(logits, target)
    assert not outputs.features["image"].requires_grad
    TASK.loss(logits, target).backward()
    assert model.eyes.weight.grad is None
    optimizer.step()
    assert torch.equal(model.eyes.weight, before)


# --- unimodal logits ------------------------------------------------------------------------------


def test_added_heads_begin_alike_whatever_the_order_and_leave_random_numbers_alone() -> None:
    found = []
    for order in (("sound", "image"), ("image", "sound")):
        model = net()
        parts = model.encoders()
        student = g2d.attach(model, {name: parts[name] for name in order})
        student.need_unimodal_logits(3)
        state = torch.get_rng_state()
        sound, image, target = samples()
        outputs, _ = student.observe(model(sound, image=image), target)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(outputs.unimodal)
    for name, logits in found[0].items():
        assert torch.equal(found[1][name], logits)


def test_a_probe_sends_nothing_back_and_a_trained_head_does() -> None:
    for detached in (True, False):
        model = net()
        student = g2d.attach(model, model.encoders())
        student.need_unimodal_logits(3, detached=detached)
        sound, image, target = samples()
        outputs, _ = student.observe(model(sound, image=image), target)
        TASK.loss(outputs.unimodal["image"], target).backward()
        assert (model.eyes.weight.grad is None) is detached
        head = student.added_heads["image"]
        assert head.weight.grad.abs().sum() > 0


def test_a_models_own_heads_are_asked_once_where_it_calls_them_itself() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts, self.calls = net(), 0
            self.hear, self.see = nn.Linear(6, 3), nn.Linear(8, 3)

        def forward(self, sound: Tensor, image: Tensor) -> Tensor:
            return self.hear(self.parts.ears(sound)) + self.see(self.parts.eyes(image))

    model = Sum()
    model.hear.register_forward_hook(lambda *_: setattr(model, "calls", model.calls + 1))
    student = g2d.attach(
        model, model.parts.encoders(), heads={"sound": model.hear, "image": model.see}
    )
    sound, image, target = samples()
    logits = model(sound, image)
    outputs, _ = student.observe(logits, target)
    assert model.calls == 1
    torch.testing.assert_close(outputs.unimodal["sound"] + outputs.unimodal["image"], logits)
    assert student.has_branches
    assert student.branch_parameters("image")[-2:] == list(model.see.parameters())


# --- other features in the place of the last ------------------------------------------------------


def test_what_follows_the_encoders_runs_once_more_on_other_features() -> None:
    model = net().eval()
    student = g2d.attach(model, model.encoders())
    sound, image, target = samples()
    outputs, _ = student.observe(model(sound, image=image), target)
    calls = []
    model.ears[0].register_forward_hook(lambda *_: calls.append(1))
    absent = {"sound": torch.tensor([True] * 3 + [False] * 3)}
    found = student.fuse(outputs, outputs.features, absent)
    kept = outputs.features["sound"] * absent["sound"][:, None]
    expected = model.head(torch.cat([kept, outputs.features["image"]], dim=1))
    assert torch.equal(found, expected)
    assert not calls  # no encoder ran
    assert "forward" not in model.ears[-1].__dict__
    again, _ = student.observe(outputs.logits, target)
    assert again.features["sound"] is outputs.features["sound"]


# --- under torch.compile --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_compiled_model_trains_the_same_weights() -> None:
    """Traced by dynamo and run by autograd's own kernels, so that no rounding differs."""
    found = []
    for compiled in (False, True):
        torch._dynamo.reset()
        model = net()
        teachers = {
            name: g2d.UnimodalModel(name, copy.deepcopy(encoder), width, outputs=3)
            for (name, encoder), width in zip(net().encoders().items(), (6, 8), strict=True)
        }
        for seed, teacher in enumerate(teachers.values()):
            torch.manual_seed(seed)
            nn.init.normal_(teacher.head.weight)
        bank = g2d.OnlineTeachers(teachers, TASK)
        student = g2d.attach(model, model.encoders())
        confidence = {"sound": 0.9, "image": 0.1}
        method = g2d.G2D(student, TASK, bank, (2, 1), confidence=confidence)
        optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9)
        run = torch.compile(model, backend="aot_eager") if compiled else model
        for epoch in range(3):
            method.on_epoch_start(epoch)
            for seed in (1, 2):
                sound, image, target = samples(seed=seed)
                method.loss(run(sound, image=image), target).backward()
                method.adjust_gradients()
                optimizer.step()
                optimizer.zero_grad()
        found.append(copy.deepcopy(model.state_dict()))
    for key, value in found[0].items():
        assert torch.equal(found[1][key], value), key


# --- errors ---------------------------------------------------------------------------------------


def refused(match: str, *args: Any, **options: Any) -> None:
    with pytest.raises(g2d.UserError, match=match):
        g2d.attach(*args, **options)


def test_what_cannot_be_attached_is_said_in_a_line() -> None:
    model, other = net(), net()
    refused("is not a part of the model", model, {"sound": other.ears, "image": model.eyes})
    refused("which modules encode", model)
    refused("is a str, expected a submodule", model, {"sound": ["ears"], "image": model.eyes})
    refused("is an empty list", model, {"sound": [], "image": model.eyes})
    refused("share parameters", model, {"sound": model.ears, "image": [model.ears[0], model.eyes]})
    refused("share parameters", model, {"sound": model.eyes, "image": model.eyes})
    refused("DistributedDataParallel", nn.DataParallel(model), model.encoders())
    refused("heads is given for 'smell'", model, model.encoders(), heads={"smell": model.head})
    refused("can be called 'a.b'", model, {"a.b": model.ears, "image": model.eyes})
    own = g2d.MultimodalModel(net().encoders(), g2d.LateFusion({"sound": 6, "image": 8}, 3))
    refused("attach it alone", own, {"sound": own.encoders["sound"]})


def test_a_method_says_how_a_model_is_attached() -> None:
    with pytest.raises(g2d.UserError, match=r"g2d.attach\(net, encoders="):
        g2d.OGM(net(), TASK)


def test_a_feature_that_is_none_is_said_with_what_to_write() -> None:
    model, inputs, _ = reading()
    g2d.attach(model, {"words": model.words, "image": model.eyes})
    with pytest.raises(g2d.UserError, match=r"last_hidden_state'\]\[:, 0\]"):
        model(*inputs)
    model = net()
    model.ears = nn.Unflatten(1, (2, 2))
    student = g2d.attach(model, {"sound": model.ears, "image": model.eyes})
    with pytest.raises(g2d.UserError, match=r"has the shape \(6, 2, 2\), expected \(B, d\)"):
        model(samples()[0], image=samples()[1])
    student.detach()


def test_a_loss_without_its_forward_pass_is_said() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    method = g2d.JointTraining(student, TASK)
    sound, image, target = samples()
    with pytest.raises(g2d.UserError, match="was not called"):
        method.loss(torch.zeros(6, 3), target)
    logits = model(sound, image=image)
    with pytest.raises(g2d.UserError, match=r"labels of 4 samples.*was of 6"):
        method.loss(logits[:4], target[:4])
    with pytest.raises(g2d.UserError, match="expected logits"):
        method.loss(object(), target)


def test_an_encoder_that_runs_twice_in_a_pass_is_said() -> None:
    class Twice(Net):
        def forward(self, sound: Tensor, *, image: Tensor) -> Tensor:
            return super().forward(sound, image=image) + super().forward(sound, image=image)

    model = Twice()
    g2d.attach(model, model.encoders())
    with pytest.raises(g2d.UserError, match="'sound' was called twice"):
        model(samples()[0], image=samples()[1])


def test_an_encoder_that_was_left_out_is_said() -> None:
    class Deaf(Net):
        def forward(self, sound: Tensor, *, image: Tensor) -> Tensor:
            return self.head(torch.cat([torch.zeros(len(sound), 6), self.eyes(image)], dim=1))

    model = Deaf()
    method = g2d.JointTraining(g2d.attach(model, model.encoders()), TASK)
    sound, image, target = samples()
    with pytest.raises(g2d.UserError, match="did not call the encoder of 'sound'"):
        method.loss(model(sound, image=image), target)


def test_a_method_that_has_not_been_started_says_how() -> None:
    model = net()
    method = g2d.OGM(g2d.attach(model, model.encoders()), TASK)
    with pytest.raises(g2d.UserError, match=r"on_fit_start\(g2d.Loop\(optimizer, epochs=...\)\)"):
        method.on_epoch_start(0)


def test_cached_teachers_ask_for_the_index() -> None:
    class Cached(g2d.TeacherBank):
        task, modalities = TASK, ("sound", "image")

        def outputs(self, batch: g2d.Batch) -> Any:
            return batch.index

        confidence = outputs

    model = net()
    method = g2d.UMT(g2d.attach(model, model.encoders()), TASK, Cached())
    sound, image, target = samples()
    with pytest.raises(g2d.UserError, match=r"method.loss\(..., index=...\)"):
        method.loss(model(sound, image=image), target)


def test_masking_needs_the_feature_itself() -> None:
    model, inputs, target = reading()
    student = g2d.attach(
        model,
        {"words": model.words, "image": model.eyes},
        features={"words": lambda out: out["last_hidden_state"][:, 0]},
    )
    method = g2d.AMCo(student, TASK)
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), 0.1), epochs=2))
    method.on_epoch_start(0)
    with pytest.raises(g2d.UserError, match=r"returns the feature \(B, d\) itself"):
        method.loss(model(*inputs), target)


# --- a model that is attached again ---------------------------------------------------------------


def test_attached_again_a_model_is_as_if_attached_once() -> None:
    """A cell of a notebook that runs twice must not watch, freeze or modulate twice."""
    model = net()
    first = g2d.attach(model, model.encoders())
    first.modulate(lambda widths, size, present: {"image": torch.zeros(1, 1)})
    first.train_only({"sound"})
    second = g2d.attach(model, model.encoders())
    assert len(second.encoder_parameters("image")) == 2
    assert all(p.requires_grad for p in model.parameters())
    assert all(len(module._forward_hooks) <= 1 for module in model.modules())
    sound, image, target = samples()
    for _ in range(2):  # modulation begins with the second pass
        logits = model(sound, image=image)
        second.observe(logits, target)
    assert torch.equal(logits, model.head(torch.cat([model.ears(sound), model.eyes(image)], dim=1)))
    with pytest.raises(g2d.UserError, match="was not called"):
        first.observe(logits, target)


def test_mmpareto_refuses_what_a_scaler_would_have_to_unscale() -> None:
    model = net()
    method = g2d.MMPareto(g2d.attach(model, model.encoders()), TASK)
    sound, image, target = samples()
    with pytest.raises(g2d.UserError, match="got float16, expected bfloat16 or float32"):
        method.loss(model(sound, image=image).half(), target)


def test_a_pass_that_nobody_asked_the_loss_of_leaves_no_factors_behind() -> None:
    """Features of the next batch, which is larger, are dropped anew."""
    model = net()
    method = g2d.OPM(g2d.attach(model, model.encoders()), TASK, step_rate=1.0, warmup=0)
    optimizer = torch.optim.SGD(method.parameter_groups(), 0.1)
    method.on_fit_start(g2d.Loop(optimizer, epochs=2))
    method.on_epoch_start(0)
    for size, asks in ((6, True), (6, False), (9, True)):
        sound, image, target = samples(size)
        logits = model(sound, image=image)
        assert logits.shape == (size, 3)
        assert logits.isfinite().all()
        if asks:
            method.loss(logits, target).backward()
            method.adjust_gradients()


def test_another_prediction_of_the_same_pass_has_another_loss() -> None:
    model = net()
    method = g2d.JointTraining(g2d.attach(model, model.encoders()), TASK)
    sound, image, target = samples()
    logits = model(sound, image=image)
    first, second = method.loss(logits, target), method.loss(2 * logits, target)
    assert torch.equal(second, nn.functional.cross_entropy(2 * logits, target))
    assert not torch.equal(first, second)


# --- what an owner does to her model once it is attached ------------------------------------------


def test_an_encoder_thawed_later_is_trained_by_the_method_too() -> None:
    """A schedule that unfreezes a pretrained encoder after an epoch."""
    model = net()
    model.eyes.requires_grad_(False)
    student = g2d.attach(model, model.encoders())
    model.eyes.requires_grad_(True)
    student.train_only({"sound"})
    assert not any(p.requires_grad for p in model.eyes.parameters())
    student.train_only(None)
    assert all(p.requires_grad for p in model.eyes.parameters())


def test_an_optimizer_without_the_added_heads_is_said() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    method = g2d.MMPareto(g2d.attach(model, model.encoders()), TASK)
    with pytest.raises(g2d.UserError, match=r"from method\.parameter_groups\(\)"):
        method.on_fit_start(g2d.Loop(optimizer, epochs=2))
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), 0.1), epochs=2))


def test_one_head_for_two_modalities_is_said() -> None:
    class Shared(Net):
        def __init__(self) -> None:
            super().__init__()
            self.ears = nn.Linear(4, 8)
            self.says = nn.Linear(8, 3)

    model = Shared()
    heads = {"sound": model.says, "image": model.says}
    refused("parts of 'sound' and 'image' share", model, model.encoders(), heads=heads)


def test_a_forward_that_its_owner_put_there_is_put_back() -> None:
    """As libraries do that move a model's weights to where they are needed."""
    model = net()
    own = model.eyes.forward
    model.eyes.forward = lambda image: 2 * own(image)
    student = g2d.attach(model, model.encoders())
    sound, image, target = samples()
    logits = model(sound, image=image)
    outputs, _ = student.observe(logits, target)
    torch.testing.assert_close(student.fuse(outputs, outputs.features), logits)
    torch.testing.assert_close(model(sound, image=image), logits)


def test_a_copy_is_made_after_a_loss_and_records_nothing() -> None:
    """As an average of weights makes one."""
    model = net()
    student = g2d.attach(model, model.encoders())
    method = g2d.OGM(student, TASK)
    sound, image, target = samples()
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), 0.1), epochs=2))
    method.on_epoch_start(0)
    method.loss(model(sound, image=image), target).backward()
    average = torch.optim.swa_utils.AveragedModel(model)
    outputs, _ = student.observe(model(sound, image=image), target)
    feature = outputs.features["sound"]
    average.module(torch.zeros(2, 4), image=torch.zeros(2, 5))
    assert student.observe(outputs.logits, target)[0].features["sound"] is feature


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_a_model_is_saved_whole_and_is_not_attached_when_it_is_loaded(
    own: bool, masks: bool
) -> None:
    sound, image, target = samples()
    student: Any = net()
    if own:
        encoders = {"sound": nn.Linear(4, 6), "image": nn.Linear(5, 8)}
        student = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 6, "image": 8}, 3))
    else:
        student = g2d.attach(student, student.encoders())
    method = (g2d.AMCo if masks else g2d.OGM)(student, TASK)
    model, inputs = method.student.net, {"sound": sound, "image": image}
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), 0.1), epochs=2))
    for epoch in range(2):
        method.on_epoch_start(epoch)
        batch = g2d.Batch(inputs, target, torch.arange(6))
        answer = model(batch) if own else model(**inputs)
        method.loss(answer, batch if own else target).backward()
        method.adjust_gradients()
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert all(torch.equal(loaded.state_dict()[k], v) for k, v in model.state_dict().items())
    model.eval()
    loaded.eval()
    with torch.no_grad():
        found, expected = (one(batch).logits if own else one(**inputs) for one in (loaded, model))
    assert torch.equal(found, expected)
    again = g2d.attach(loaded) if own else g2d.attach(loaded.train(), loaded.encoders())
    outputs, _ = again.observe(loaded(batch) if own else loaded(**inputs), batch if own else target)
    assert set(outputs.features) == set(inputs)


def test_who_is_present_is_named_and_counted() -> None:
    model = net()
    method = g2d.JointTraining(g2d.attach(model, model.encoders()), TASK)
    sound, image, target = samples()
    logits = model(sound, image=image)
    with pytest.raises(g2d.UserError, match="smell"):
        method.loss(logits, target, present={"smell": torch.ones(6, dtype=torch.bool)})
    with pytest.raises(g2d.UserError, match="6"):
        method.loss(logits, target, present={"sound": torch.ones(4, dtype=torch.bool)})


def test_logits_and_targets_that_are_not_the_tasks_are_said() -> None:
    """Both would train, on something else than was meant."""
    model = net()
    sound, image, target = samples()
    wide = g2d.JointTraining(g2d.attach(model, model.encoders()), g2d.Classification(5))
    with pytest.raises(g2d.UserError, match=r"logits of shape \(6, 3\).*has \(6, 5\)"):
        wide.loss(model(sound, image=image), target)
    model.head = nn.Linear(14, 1)
    task = g2d.Regression(0.0, 2.0, std=1.0)
    method = g2d.JointTraining(g2d.attach(model, model.encoders()), task)
    with pytest.raises(g2d.UserError, match=r"targets of shape \(6, 1\), expected \(B,\)"):
        method.loss(model(sound, image=image), target.float()[:, None])
    method.loss(model(sound, image=image), target.float())


@pytest.mark.parametrize("width", [2, 5])
def test_heads_that_are_not_as_wide_as_the_task_are_said(width: int) -> None:
    """Wider ones trained, narrower ones failed somewhere in a loss."""
    model = net()
    model.heads = nn.ModuleDict({"sound": nn.Linear(6, 3), "image": nn.Linear(8, width)})
    student = g2d.attach(model, model.encoders(), heads=dict(model.heads.items()))
    sound, image, target = samples()
    method, doctor = g2d.OGM(student, TASK), g2d.doctor(student, TASK)
    logits = model(sound, image=image)
    about = rf"head of 'image' gave logits of shape \(6, {width}\).*has \(6, 3\)"
    with pytest.raises(g2d.UserError, match=about):
        method.loss(logits, target)
    logits.sum().backward()
    with pytest.raises(g2d.UserError, match=about):
        doctor.watch(target % width)


def one_step(method: g2d.Method, model: nn.Module, fit: bool = True) -> None:
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
    if fit:
        method.on_fit_start(g2d.Loop(optimizer, epochs=2))
        method.on_epoch_start(0)
    sound, image, target = samples()
    method.loss(model(sound, image=image), target).backward()
    method.adjust_gradients()
    optimizer.step()
    optimizer.zero_grad()


def test_given_to_a_second_method_a_student_is_as_if_attached_again() -> None:
    weights = []
    for again in (False, True):
        model = net()
        student = g2d.attach(model, model.encoders())
        for kind in (g2d.MMPareto, g2d.OGM):
            one_step(kind(student, TASK), model)
            if again:
                student = g2d.attach(model, model.encoders())
        weights.append(list(model.parameters()))
    assert all(torch.equal(p, q) for p, q in zip(*weights, strict=True))


def test_a_second_method_finds_no_encoder_frozen_and_no_feature_changed() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    student.train_only({"image"})
    student.modulate(lambda widths, size, present: dict.fromkeys(widths, torch.zeros(1, 1)))
    sound, image, target = samples()
    student.observe(model(sound, image=image), target)  # the widths are known now
    expected = model.head(torch.cat([model.ears(sound), model.eyes(image)], 1))
    assert not torch.equal(model(sound, image=image), expected)
    one_step(g2d.JointTraining(student, TASK), model, fit=False)
    assert all(parameter.requires_grad for parameter in model.parameters())
    expected = model.head(torch.cat([model.ears(sound), model.eyes(image)], 1))
    assert torch.equal(model(sound, image=image), expected)


def test_a_second_method_does_not_make_probes_of_the_heads_that_the_first_trains() -> None:
    model = net()
    student = g2d.attach(model, model.encoders())
    first = g2d.MMPareto(student, TASK)
    optimizer = torch.optim.SGD(first.parameter_groups(), lr=0.1)
    g2d.OGM(student, TASK)
    with pytest.raises(g2d.UserError, match="optimizer does not hold the heads"):
        first.on_fit_start(g2d.Loop(optimizer, epochs=2))
