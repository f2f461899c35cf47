"""`g2d data`: how to obtain datasets, prepare them, check them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ls|prepare|check", required=True)
    ls = _action(actions, "ls", "datasets, how to obtain them, their licences", "  g2d data ls")
    ls.set_defaults(action=_ls)
    prepare = _action(
        actions,
        "prepare",
        "make a prepared store from original files",
        "  g2d data prepare avmnist --images mnist --speech fsdd/recordings --out avmnist",
    )
    prepare.add_argument("dataset", choices=("avmnist",))
    prepare.add_argument("--images", type=Path, required=True, help="folder of MNIST's IDX files")
    prepare.add_argument("--speech", type=Path, required=True, help="folder of FSDD's WAV files")
    prepare.add_argument("--noise", type=Path, help="folder of WAV files to mix in (ESC-50)")
    prepare.add_argument("--out", type=Path, required=True, help="folder to make")
    prepare.add_argument("--snr-db", type=float, help="signal-to-noise ratio (default: -5)")
    prepare.add_argument("--image-energy", type=float, help="share of variance to keep (0.25)")
    prepare.add_argument("--train-pairs", type=int, help="rows of train (default: 3000)")
    prepare.add_argument("--val-pairs", type=int, help="rows of val (default: 1000)")
    prepare.add_argument("--test-pairs", type=int, help="rows of test (default: 2000)")
    prepare.add_argument("--seed", type=int, help="seed of every draw (default: 999)")
    prepare.add_argument(
        "--speaker-disjoint",
        action="store_true",
        default=None,
        help="no speaker in two splits (default: no recording in two)",
    )
    prepare.add_argument(
        "--second-speaker",
        action="store_true",
        default=None,
        help="a third modality: the digit by another speaker (recipe avmnist3)",
    )
    prepare.set_defaults(action=_prepare)
    check = _action(
        actions,
        "check",
        "look for what is wrong with a dataset",
        "  g2d data check avmnist --root avmnist",
    )
    check.add_argument("dataset", choices=("avdigits", "avmnist", "avmnist_archive"))
    check.add_argument("--root", type=Path, help="where it is")
    check.set_defaults(action=_check)


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
    """Does what is asked."""
    action: Callable[[argparse.Namespace], None] = arguments.action
    action(arguments)


def _ls(arguments: argparse.Namespace) -> None:
    for name, facts in _DATASETS.items():
        print(name)
        for key, text in facts.items():
            print(f"  {key:8} {text}")


# Longer than a table has room for in a terminal of 80 columns.
_DATASETS = {
    "avdigits": {
        "what": "1,797 handwritten digits, each spoken by eSpeak NG in noise",
        "obtain": "nothing to do: made at the first use, in seconds",
        "licence": "digits CC BY 4.0, eSpeak NG GPL-3.0",
    },
    "avmnist": {
        "what": "MNIST reduced by PCA, with recordings of spoken digits in noise",
        "obtain": "MNIST's IDX files, the Free Spoken Digit Dataset; g2d data prepare",
        "licence": "MNIST CC BY-SA 3.0, FSDD CC BY-SA 4.0",
    },
    "avmnist_archive": {
        "what": "the avmnist.tar.gz of many papers; sound and label may disagree",
        "obtain": "link in the readme of MultiBench; then g2d data check",
        "licence": "none stated",
    },
}


def _prepare(arguments: argparse.Namespace) -> None:
    from g2d.data.datasets.avmnist.prepare import prepare
    from g2d.engine.progress import progress_bar

    names = (
        "snr_db",
        "image_energy",
        "train_pairs",
        "val_pairs",
        "test_pairs",
        "seed",
        "speaker_disjoint",
        "second_speaker",
    )
    options: dict[str, Any] = {
        name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None
    }
    total = sum(
        options.get(name, default)
        for name, default in (("train_pairs", 3000), ("val_pairs", 1000), ("test_pairs", 2000))
    )
    with progress_bar(total, "preparing avmnist") as bar:
        folder = prepare(
            arguments.images,
            arguments.speech,
            arguments.out,
            arguments.noise,
            progress=_follow(bar),
            **options,
        )
    recipe = "avmnist3" if options.get("second_speaker") else "avmnist"
    print(f"prepared {folder}; train on it with: g2d train {recipe} --data.root {folder}")


def _follow(bar: Any) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        bar.advance()

    return progress


def _check(arguments: argparse.Namespace) -> None:
    from g2d.catalog import DATASETS
    from g2d.data.checks import check_splits
    from g2d.experiment.components import build, locate

    if arguments.dataset == "avmnist_archive":
        from g2d.data.datasets.avmnist import check

        if arguments.root is None:
            raise UserError("--root: give the folder of the archive")
        found = check(arguments.root)
        for line in found.lines():
            print(line)
        if found.problems:
            raise UserError(
                f"{arguments.root} has the faults listed above; `g2d data prepare avmnist` makes a "
                "set without them"
            )
        return
    if arguments.dataset == "avmnist" and arguments.root is None:
        raise UserError("--root: give the folder that `g2d data prepare` made")
    options = {"root": str(arguments.root)} if arguments.root is not None else {}
    dataset = build(locate(arguments.dataset, DATASETS, "data"), options, "data")
    if hasattr(dataset, "verify"):
        dataset.verify()
    splits = dataset.splits()
    check_splits(splits)
    rows = [[name, str(len(split))] for name, split in splits.named().items()]
    show_table(f"{splits.spec.name}, policy {splits.spec.protocol}", ["split", "samples"], rows)
    print("no fault found")


COMMAND = Command(
    name="data",
    summary="Datasets: how to obtain, prepare and check them.",
    example=(
        "  g2d data ls\n"
        "  g2d data prepare avmnist --images mnist --speech fsdd/recordings --out avmnist\n"
        "  g2d data check avmnist --root avmnist"
    ),
    configure=configure,
    run=run,
)
