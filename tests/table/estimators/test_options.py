"""Options of the estimators that are of another form are refused in one line that names them."""

from __future__ import annotations

import numpy as np
import pytest

import g2d

pandas = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

FRAME = pandas.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
MAPPING = "expected a mapping of modalities"
OTHER = [
    *(("encoders", value, MAPPING) for value in ("mlp", ["mlp"], 3, True)),
    *(("experts", value, MAPPING) for value in ("boosting", ["boosting"], 3, True)),
    *(("modalities", value, "expected some of tabular") for value in (3, True, [["a"]], [{}])),
    *(("validation_fraction", value, "expected a share") for value in ({}, "a", [0.2], None, True)),
]


@pytest.mark.parametrize(("option", "value", "expected"), OTHER)
@pytest.mark.parametrize("kind", [g2d.G2DClassifier, g2d.G2DRegressor])
def test_an_option_of_another_form_is_named(kind, option, value, expected):
    model = kind(**{"method": "joint", "epochs": 1, option: value})
    with pytest.raises(g2d.UserError) as refused:
        model.fit(FRAME, np.arange(40) % 2)
    assert option in str(refused.value)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("y", "shown"), [(["red"] * 40, "'red'"), (np.full(40, 3), "3"), ([True] * 40, "True")]
)
def test_the_only_class_is_shown_as_it_is_written(y, shown):
    with pytest.raises(g2d.UserError, match=rf"^got one class only, {shown}; expected 2 or more$"):
        g2d.G2DClassifier().fit(FRAME, y)


@pytest.mark.parametrize("value", [["a"], "a", 3, True])
def test_modalities_of_an_array_say_which_columns_they_are(value):
    with pytest.raises(g2d.UserError, match=r"modalities=.+; give which columns belong together"):
        g2d.G2DClassifier(value).fit(FRAME.to_numpy(), np.arange(40) % 2)
