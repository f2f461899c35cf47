"""The user's own classes in a recipe, identified by their code."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
from collections.abc import Iterable
from functools import cache


def code_of(paths: Iterable[str]) -> dict[str, str]:
    """A hash of the code of every dotted path that is there.

    It is that of the class and of what it uses of its own file, without comments and docstrings:
    another class of the file, or another line length, changes nothing.

    Args:
        paths: Dotted paths of classes.

    Example:
        >>> list(code_of(["collections.OrderedDict", "nowhere.Net"]))
        ['collections.OrderedDict']
    """
    return {path: code for path in sorted(set(paths)) if (code := _code(path))}


@cache  # the code that runs is the one that was there when it was asked first
def _code(path: str) -> str:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
        own = importlib.import_module(found.__module__)
        tree = ast.parse(inspect.getsource(own))
    except Exception:  # what goes wrong when a module is imported is reported where it is used
        return ""
    text = "\n".join(_used(tree, found.__name__))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _used(tree: ast.Module, name: str) -> list[str]:
    r"""What a name of a file stands for, and all of the file that this uses.

    Example:
        >>> _used(ast.parse("a = 1\nb = 2\ndef f():\n    'Doc.'\n    return a"), "f")
        ['a = 1', 'def f():\n    return a']
    """
    parts: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for bound in _bound(statement):
            parts.setdefault(bound, []).append(statement)
    todo, seen = [name], set()
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        nodes = [node for part in parts.get(here, ()) for node in ast.walk(part)]
        todo += [node.id for node in nodes if isinstance(node, ast.Name)]
    used = [part for part in tree.body if seen & set(_bound(part))]
    return [ast.unparse(_without_docstrings(part)) for part in used]


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement of a module gives a meaning to."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
    nodes = ast.walk(statement)
    return [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _without_docstrings(part: ast.stmt) -> ast.stmt:
    for node in ast.walk(part):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if text and len(node.body) > 1:
                del node.body[0]
    return part
