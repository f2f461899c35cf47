"""How student and teachers are trained, as a recipe says it."""

from __future__ import annotations

import pytest

from g2d import UserError
from g2d.recipes import settings
from g2d.recipes.recipe import recipe_from
from g2d.recipes.settings import teacher_settings, training_settings
from toy import toy_recipe


def recipe(training, teachers=None):
    return recipe_from({**toy_recipe(), "training": training, "teachers": teachers or {}})


@pytest.mark.parametrize(
    ("old", "loggers"), [({"tensorboard": True}, ("tensorboard",)), ({"tensorboard": False}, ())]
)
def test_the_old_name_of_loggers_works_with_one_warning(caplog, old, loggers):
    settings._tell_new_name.cache_clear()
    asked = recipe({**old, "epochs": 3})
    for _ in range(2):
        assert training_settings(asked).loggers == loggers
        assert teacher_settings(asked)[0].loggers == loggers
    (said,) = caplog.messages
    assert "loggers: [tensorboard]" in said


def test_teachers_have_loggers_of_their_own(caplog):
    both = recipe({"tensorboard": True}, {"tensorboard": False})
    assert (training_settings(both).loggers, teacher_settings(both)[0].loggers) == (
        ("tensorboard",),
        (),
    )
    watched = recipe({"loggers": ["wandb", "mlflow", "wandb"]}, {"loggers": ["tensorboard"]})
    assert training_settings(watched).loggers == ("wandb", "mlflow")
    assert teacher_settings(watched)[0].loggers == ("tensorboard",)


@pytest.mark.parametrize("training", [{"tensorboard": 1}, {"tensorboard": True, "loggers": []}])
def test_the_old_name_is_refused_where_it_does_not_fit(training):
    with pytest.raises(UserError, match=r"training.tensorboard: .*loggers: \[tensorboard\]"):
        training_settings(recipe(training))
