"""Code of one's own that was changed is other code, and what stands beside it is not of it."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from g2d.benchmark.compare.cell import Cell
from g2d.errors import UserError
from g2d.recipes import own_code
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import recipe_from
from g2d.runs.places import teacher_folder
from g2d.runs.train import train
from toy import toy_recipe

MINE = '''
"""Mine."""
import g2d
from torch import nn

FACTOR = 1.0

def weighed(loss):
    return FACTOR * loss

class Mine(g2d.JointTraining):
    """A method."""
    def loss(self, output, target):
        return weighed(super().loss(output, target))

class Net(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.width, self.layer = width, nn.LazyLinear(width)
    def forward(self, x):
        return self.layer(x.flatten(1))
'''


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the module, and lets it be imported as a new process would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text):
        (tmp_path / "mine_of_test.py").write_text(text)
        sys.modules.pop("mine_of_test", None)
        importlib.invalidate_caches()
        own_code._code.cache_clear()

    write(MINE)
    yield write
    sys.modules.pop("mine_of_test", None)


def hashes():
    return code_of(["mine_of_test.Mine", "mine_of_test.Net", "nowhere.Net", "os.abort"])


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("FACTOR = 1.0", "FACTOR = -1.0", {"Mine"}),
        ("return FACTOR * loss", "return loss", {"Mine"}),
        ("flatten(1)", "flatten(1) * 2", {"Net"}),
        ("import g2d\n", "import g2d as other, g2d\n", {"Mine"}),
        ('"""A method."""', '"""Another word."""', set()),
        ("    def loss", "    # a comment\n    def loss", set()),
        ("return weighed(super()", "return weighed( super()", set()),
    ],
)
def test_what_a_class_uses_of_its_file_decides(written, old, new, changed):
    before = hashes()
    assert list(before) == ["mine_of_test.Mine", "mine_of_test.Net"]
    assert old in MINE
    written(MINE.replace(old, new))
    differ = {path.partition(".")[2] for path, code in hashes().items() if code != before[path]}
    assert differ == changed


def test_a_changed_method_is_another_cell_and_no_finished_run(written, tmp_path):
    recipe = recipe_from({**toy_recipe(epochs=1), "method": "mine_of_test.Mine"})
    plain = recipe.with_method("joint")
    first, other = Cell({}, recipe).name, Cell({}, plain).name
    train(recipe, tmp_path / "out", name="a")
    train(recipe, tmp_path / "out", name="a", resume=True)
    code = json.loads((tmp_path / "out" / "a" / "run.json").read_text())["code"]
    assert code["mine_of_test.Mine"] == hashes()["mine_of_test.Mine"]
    written(MINE.replace("FACTOR = 1.0", "FACTOR = -1.0"))
    assert Cell({}, recipe).name != first
    assert Cell({}, plain).name == other
    with pytest.raises(UserError, match=r"with other code of mine_of_test\.Mine; give another"):
        train(recipe, tmp_path / "out", name="a", resume=True)
    written(MINE)
    assert Cell({}, recipe).name == first


def test_a_changed_encoder_has_another_teacher(written, tmp_path):
    own = {**toy_recipe(epochs=1), "method": "ume"}
    (modality, *_) = own["encoders"]
    own["encoders"] = {**own["encoders"], modality: {"name": "mine_of_test.Net"}}

    def folders():
        teaching = resolve_teaching(recipe_from(own))
        return {name: teacher_folder(teaching, name, tmp_path) for name in own["encoders"]}

    before = folders()
    written(MINE.replace("flatten(1)", "flatten(1) * 2"))
    after = folders()
    assert [name for name in before if before[name] != after[name]] == [modality]
