"""`g2d data`: how to obtain datasets, prepare them, check them."""

from __future__ import annotations

import argparse
import inspect
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError
from g2d.recipes.dataset_catalog import DATASETS

if TYPE_CHECKING:
    from g2d.data.preparation import Counted

# Folders of the cache that are listed.
_SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    actions = parser.add_subparsers(
        title="actions", metavar="inspect|ls|prepare|check|cache", required=True
    )
    ls = _action(actions, "ls", "list datasets: how to obtain them, licences", "  g2d data ls")
    ls.add_argument(
        "dataset", nargs="?", choices=DATASETS, metavar="DATASET", help="one, with its options"
    )
    ls.set_defaults(action=_ls)
    prepare = _action(
        actions,
        "prepare",
        "convert original files into a prepared store",
        "  g2d data prepare cremad --root CREMA-D --out cremad\n"
        "  g2d data prepare avmnist --images mnist --speech fsdd/recordings --out avmnist\n"
        "\nThe options of a dataset: g2d data ls DATASET. If it is interrupted,\n"
        "the same command resumes it.",
    )
    made = [name for name, entry in DATASETS.items() if entry.prepare]
    prepare.add_argument(
        "dataset", choices=made, metavar="DATASET", help=f"one of {', '.join(made)}"
    )
    prepare.usage = "%(prog)s DATASET [--option VALUE ...]"
    prepare.set_defaults(action=_prepare)
    inspect_ = _action(
        actions,
        "inspect",
        "read a table of your own and print a recipe for it",
        "  g2d data inspect data.csv --target price > recipe.yaml",
    )
    inspect_.add_argument("table", type=Path, help="CSV, TSV, Parquet or JSON Lines")
    inspect_.add_argument("--target", required=True, help="the column to predict")
    inspect_.add_argument(
        "--task",
        choices=("auto", "classification", "multilabel", "regression"),
        default="auto",
        help="what kind of target it is (default: auto)",
    )
    inspect_.set_defaults(action=_inspect)
    check = _action(
        actions,
        "check",
        "look for faults in original files or in a prepared store",
        "  g2d data check cremad --root CREMA-D",
    )
    check.add_argument("dataset", choices=DATASETS, metavar="DATASET", help="see g2d data ls")
    check.add_argument("--root", type=Path, help="the original files, or a prepared store")
    check.set_defaults(action=_check)
    cache = _action(
        actions,
        "cache",
        "show what is kept of tables that were read, and remove it",
        "  g2d data cache\n  g2d data cache --clear --older-than 30\n"
        "\nWhat is removed is made again when it is needed. $G2D_CACHE names another folder.",
    )
    cache.add_argument("--clear", action="store_true", help="remove it")
    cache.add_argument(
        "--older-than", type=_days, default=0.0, metavar="DAYS", help="only what is older"
    )
    cache.set_defaults(action=_cache)


def _action(actions: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Runs the action that was given."""
    action: Callable[[argparse.Namespace, list[str]], None] = arguments.action
    action(arguments, changes)


def _ls(arguments: argparse.Namespace, changes: list[str]) -> None:
    _nothing_more(changes)
    names = [arguments.dataset] if arguments.dataset else list(DATASETS)
    for name in names:
        entry = DATASETS[name]
        print(name)
        for key in ("what", "obtain", "licence", "size"):
            print(f"  {key:8} {getattr(entry, key)}")
    if not arguments.dataset or not DATASETS[names[0]].prepare:
        return
    print("  options of g2d data prepare:")
    function = _function(DATASETS[names[0]].prepare)
    described = _described(function)
    for option, parameter in inspect.signature(function).parameters.items():
        if option == "progress":
            continue
        given = "" if parameter.default is parameter.empty else f" (default: {parameter.default})"
        print(f"    --{option.replace('_', '-')}{given}\n        {described.get(option, '')}")


def _days(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (days := float(text)) < 1e6:
            return days
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of days, 0 or more")


def _cache(arguments: argparse.Namespace, changes: list[str]) -> None:
    from g2d.data.cache import cache_folder, forget, kept_in

    _nothing_more(changes)
    folder, since = cache_folder(), time.time() - 86400 * arguments.older_than
    found = [kept for kept in kept_in(folder) if kept.made <= since]
    megabytes = sum(kept.size for kept in found) / 1e6
    total = f"{len(found)} folder{'s' * (len(found) != 1)}, {megabytes:.1f} MB"
    if arguments.clear:
        for kept in found:
            forget(kept)
        print(f"removed from {folder}: {total}")
        return
    rows = [
        [
            str(kept.path.relative_to(folder)),
            f"{kept.size / 1e6:.1f}",
            time.strftime("%Y-%m-%d", time.localtime(kept.made)),
        ]
        for kept in found[:_SHOWN]
    ]
    if rows:
        show_table(f"{folder}: the largest", ["folder", "MB", "made"], rows)
    older = f" --older-than {arguments.older_than:g}" if arguments.older_than else ""
    removing = f"; g2d data cache --clear{older} removes them" if found else ""
    print(f"{folder}: {total}{removing}")


def _described(function: Callable[..., Any]) -> dict[str, str]:
    """The first sentence on each argument, from the docstring."""
    _, _, rest = (inspect.getdoc(function) or "").partition("Args:\n")
    found = re.findall(r"^    (\w+): (.+(?:\n      .+)*)", rest.partition("\n\n")[0], re.M)
    return {name: " ".join(text.split()) for name, text in found}


def _prepare(arguments: argparse.Namespace, changes: list[str]) -> None:
    from g2d.recipes.blueprint import build
    from g2d.recipes.recipe import parse_changes

    name = arguments.dataset
    options = {key.replace("-", "_"): value for key, value in parse_changes(_switches(changes))}
    with _following(f"preparing {name}") as progress:
        try:
            function = _function(DATASETS[name].prepare)
            folder = build(function, options, "prepare", progress=progress)
        except UserError as error:
            hint = f"; see g2d data ls {name}" if "must be given" in str(error) else ""
            raise UserError(_as_flags(str(error)) + hint) from None
    recipe = _recipe_for(name, options)
    print(f"prepared {folder}; train on it with: g2d train {recipe} --data.root {folder}")


def _recipe_for(name: str, options: dict[str, Any]) -> str:
    """The shipped recipe whose encoders fit what was prepared."""
    if options.get("second_speaker"):
        return "avmnist3"
    return "iemocap_release" if options.get("features") == "release" else name


def _switches(changes: list[str]) -> list[str]:
    """`--flag` without a value is `--flag=true`."""
    following = [*changes, "--"][1:]
    return [
        f"{word}=true" if word.startswith("--") and "=" not in word and then[:2] == "--" else word
        for word, then in zip(changes, following, strict=True)
    ]


def _as_flags(message: str) -> str:
    """The options of a function as they are typed.

    Example:
        >>> _as_flags("prepare.snr_db: expected a number, got 'loud'")
        "--snr-db: expected a number, got 'loud'"
    """
    flag = re.match(r"prepare\.(\w+): ", message)
    if flag:
        return f"--{flag[1].replace('_', '-')}: {message[flag.end() :]}"
    return message.removeprefix("prepare: ")


@contextmanager
def _following(text: str) -> Iterator[Counted]:
    """A bar that begins where the work does."""
    from g2d.engine.progress import progress_bar

    with ExitStack() as stack:
        state: dict[str, Any] = {}

        def progress(done: int, total: int) -> None:
            if not state:
                state["bar"] = stack.enter_context(progress_bar(total, text, done))
            else:
                for _ in range(done - state["done"]):
                    state["bar"].advance()
            state["done"] = done

        yield progress


def _check(arguments: argparse.Namespace, changes: list[str]) -> None:
    from g2d.recipes.blueprint import build
    from g2d.recipes.recipe import parse_changes

    name, root = arguments.dataset, arguments.root
    entry = DATASETS[name]
    options = {key.replace("-", "_"): value for key, value in parse_changes(_switches(changes))}
    if root is None and (entry.check or entry.prepare):
        raise UserError("--root: give the folder of the original files, or of the prepared store")
    if entry.check and not (root / "manifest.json").exists():
        with _following(f"checking {name}") as progress:
            given = {"root": root, "progress": progress}
            report = build(_function(entry.check), options, "check", **given)
    else:
        from g2d.data.preparation.stored import check_stored

        if root is not None:
            options["root"] = str(root)
        dataset = build(_function(entry.path), options, "data")
        if hasattr(dataset, "verify"):
            dataset.verify()
        splits = dataset.splits()
        report = check_stored(splits, root, getattr(dataset, "shared_inputs", None))
        rows = [[part, str(len(split))] for part, split in splits.named().items()]
        show_table(f"{splits.spec.name}, policy {splits.spec.protocol}", ["split", "samples"], rows)
    for line in report.lines():
        print(line)
    if report.problems:
        count = len(report.problems)
        faults = "a fault" if count == 1 else f"{count} faults"
        raise UserError(f"{root or name} has {faults}, see above")
    print("no fault found")


def _inspect(arguments: argparse.Namespace, changes: list[str]) -> None:
    from g2d.table.inspection.inspect import as_yaml, inspect_table

    _nothing_more(changes)
    recipe, notes = inspect_table(arguments.table, arguments.target, arguments.task)
    print(as_yaml(recipe, notes), end="")


def _function(path: str) -> Callable[..., Any]:
    from g2d.recipes.components import locate

    return locate(path, {}, "data")


def _nothing_more(changes: list[str]) -> None:
    if changes:
        raise UserError(f"unexpected argument {changes[0]!r}; see g2d data --help")


COMMAND = Command(
    name="data",
    summary="Inspect a table of your own; obtain, prepare and check datasets.",
    example=(
        "  g2d data inspect data.csv --target price > recipe.yaml\n"
        "  g2d data ls\n"
        "  g2d data prepare avmnist --images mnist --speech fsdd/recordings --out avmnist\n"
        "  g2d data check avmnist --root avmnist"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
