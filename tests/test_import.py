"""`import g2d` costs torch and numpy; what an extra brings is asked for when it is needed."""

from __future__ import annotations

import ast
import importlib.abc
import json
import pkgutil
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import g2d
from g2d.engine import TrainingSettings
from g2d.errors import UserError, _command, install_command, require

EXTRAS = {
    "lightning_fabric": "train",
    "jsonargparse": "train",
    "yaml": "train",
    "safetensors": "train",
    "matplotlib": "train",
    "rich": "train",
    "soundfile": "audio",
    "sklearn": "demo",
    "fastapi": "serve",
    "uvicorn": "serve",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
}
NEVER = {*EXTRAS, "soxr", "scipy", "pandas", "lightning", "torchvision", "librosa"}

ADDED = """
import json, sys
import torch, numpy
packages = lambda: {name.split(".")[0] for name in sys.modules}
before = packages()
import g2d
print(json.dumps(sorted(packages() - before)))
"""

HIDING = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def python(code: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=where
    )


def test_importing_g2d_brings_nothing_that_torch_does_not() -> None:
    done = python(ADDED)
    assert done.returncode == 0, done.stderr
    added = set(json.loads(done.stdout))
    assert {name for name in added if name not in sys.stdlib_module_names} == {"g2d"}
    assert not added & NEVER


def test_help_does_not_wait_for_torch() -> None:
    for command in ([], ["train"], ["data", "ls"], ["methods"], ["recipes", "ls"]):
        arguments = [*command, "--help"] if command in ([], ["train"]) else command
        done = python(
            "import sys\n"
            "from g2d.cli.main import main\n"
            "try:\n"
            f"    main({arguments})\n"
            "except SystemExit as end:\n"
            "    assert not end.code\n"
            "assert 'torch' not in sys.modules\n"
        )
        assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_is_no_module_by_chance() -> None:
    """A module of the same name would take the place of what it holds, once it is imported."""
    for name in g2d.__all__:
        found = getattr(g2d, name)
        assert isinstance(found, ModuleType) == (name == "functional"), name
    for module in pkgutil.iter_modules(g2d.__path__):
        assert module.name == "functional" or module.name not in g2d.__all__
    stub = ast.parse(Path(g2d.__file__).with_suffix(".pyi").read_text())
    (names,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(names)) == g2d.__all__


def test_an_unknown_name_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'g2d' has no attribute 'OGMGE'"):
        g2d.OGMGE  # noqa: B018
    assert not hasattr(g2d, "__wrapped__")


def test_without_any_extra_there_is_still_g2d() -> None:
    done = python(HIDING.format(hidden=sorted(NEVER)) + "import g2d; print(g2d.G2D.__name__)")
    assert (done.returncode, done.stdout) == (0, "G2D\n"), done.stderr


def test_a_missing_extra_is_one_line_on_the_command_line(tmp_path: Path) -> None:
    command = "from g2d.cli.main import main; sys.exit(main(['train', 'avdigits']))"
    done = python(HIDING.format(hidden=["jsonargparse"]) + command, tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"jsonargparse is not installed; run: {install_command('train')}" in done.stderr


class Hide(importlib.abc.MetaPathFinder):
    """Makes one package look as if it were not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.split(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


@pytest.mark.parametrize("module", EXTRAS)
def test_what_is_missing_is_named_with_its_remedy(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hide(module), *sys.meta_path])
    extra = EXTRAS[module]
    with pytest.raises(UserError) as error:
        require(module, extra)
    assert str(error.value) == f"{module} is not installed; run: {install_command(extra)}"


def test_the_remedy_names_a_project_that_has_the_extra() -> None:
    for extra in sorted(set(EXTRAS.values())):
        *command, project = shlex.split(install_command(extra))
        assert command[:2] == ["pip", "install"]
        folder, _, named = project.removesuffix("]").rpartition("[")
        about = tomllib.loads((Path(folder) / "pyproject.toml").read_text("utf-8"))["project"]
        assert about["name"] == "g2d"
        assert named in about["optional-dependencies"]


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        ({"url": "{url}", "dir_info": {"editable": True}}, 'pip install -e "{folder}[train]"'),
        ({"url": "{url}", "dir_info": {}}, 'pip install "{folder}[train]"'),
        ({}, 'pip install -e "{folder}[train]"'),
        (
            {"url": "https://host/g2d", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            'pip install "g2d[train] @ git+https://host/g2d@abc"',
        ),
        (
            {"url": "file:///a/g2d.whl", "archive_info": {}},
            'pip install "g2d[train] @ file:///a/g2d.whl"',
        ),
        ({"url": "file:///gone", "dir_info": {}}, 'pip install ".[train]" in a checkout of g2d'),
    ],
)
def test_the_remedy_follows_what_pip_noted(
    noted: dict[str, Any], command: str, tmp_path: Path
) -> None:
    """The cases of PEP 610, and none."""
    folder = tmp_path / "my checkout"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    if noted.get("url") == "{url}":
        noted = {**noted, "url": folder.as_uri()}
    assert _command("train", noted, folder) == command.replace("{folder}", str(folder))


def test_fabric_does_not_load_what_only_lightning_needs() -> None:
    """Fabric imports torchmetrics, where it is installed, and that imports most other packages."""
    done = python(
        "import sys\n"
        "from importlib.util import find_spec\n"
        "from g2d.engine import TrainingSettings\n"
        "from g2d.recipes.blueprint import build\n"
        "build(TrainingSettings, {'accelerator': 'cpu'}, 'training').make_fabric()\n"
        "print({'torchmetrics', 'transformers', 'onnxruntime', 'librosa'} & set(sys.modules))\n"
        "print(find_spec('torchmetrics').name)\n"
    )
    assert (done.returncode, done.stdout) == (0, "set()\ntorchmetrics\n"), done.stderr


def test_training_without_its_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "lightning_fabric"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hide("lightning_fabric"), *sys.meta_path])
    with pytest.raises(UserError, match="lightning_fabric is not installed"):
        TrainingSettings().make_fabric()


def test_a_package_that_breaks_for_another_reason_says_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("import what_it_needs\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs") as error:
        require("broken_package", "train")
    assert not isinstance(error.value, UserError)
