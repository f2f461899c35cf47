"""How Sphinx makes the site of these pages: `make docs`.

The pages are Markdown that is read on GitHub too. The reference comes from the docstrings, by the
public names, so that files may move inside the package. The site needs no network to be read.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import g2d
from g2d import functional, models

project = "g2d"
author = "The g2d developers"
copyright = author
release = version = g2d.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "g2d"
html_theme_options = {"navigation_with_keys": True}
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4

default_role = "code"  # one backtick is code in our docstrings, as in Markdown
add_module_names = False
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
nitpicky = True


def _public_names() -> dict[int, str]:
    """The documented name of every public object, by its identity."""
    rooms = [functional, models, models.encoders, models.fusion, g2d]  # the shortest name wins
    return {id(getattr(room, n)): f"{room.__name__}.{n}" for room in rooms for n in room.__all__}


def _find(path: str) -> Any:
    """The object behind a dotted path; None where there is none."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name, None)
        return found
    return None


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, text: nodes.Element
) -> nodes.Node | None:
    """Links a type by its public name, and shows one of another library as it is.

    What is neither stays unresolved, and Sphinx warns.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    found = _find(target)
    public = _public_names().get(id(found))
    if public is not None and public != target:
        domain = env.domains.python_domain
        page, builder = node["refdoc"], app.builder
        return domain.resolve_xref(env, page, builder, "obj", public, node, text) or text
    # A bare name is that of a type that the module imports for its annotations only.
    return text if found is not None or "." not in target.removeprefix("nn.") else None


def _escape_bars(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """A bar in the prose of docstrings is an absolute value, and no markup."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[number] = "`".join(parts)


def _link_benchmarks(app: Sphinx, page: str, source: list[str]) -> None:
    """The readme of the benchmarks lies outside these pages; `benchmarks.md` includes it."""
    source[0] = source[0].replace("](../benchmarks/README.md", "](benchmarks.md")


def _math(translator: Any, node: nodes.Element, block: bool) -> None:
    """An equation as MathML, which browsers draw without a script or a network."""
    translator.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-process-docstring", _escape_bars, priority=400)
    app.connect("source-read", _link_benchmarks)
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda self, node: _math(self, node, False), None),
        block_renderers=(lambda self, node: _math(self, node, True), None),
    )


html_math_renderer = "mathml"
