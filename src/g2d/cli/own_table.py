"""A table where a recipe is expected: the recipe is made, written and trained."""

from __future__ import annotations

import sys
from pathlib import Path

from g2d.errors import UserError

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")


def is_table(name: str) -> bool:
    """Whether a name is that of a table.

    Example:
        >>> is_table("prices.csv"), is_table("avdigits"), is_table("own.yaml")
        (True, False, False)
    """
    return name.lower().endswith(TABLES)


def recipe_file(name: str, target: str | None, out: Path) -> str:
    """The recipe to train: the one that is named, or one that is made of a table.

    The recipe of a table is written to `out`, under the table's name and that of the column.

    Args:
        name: A recipe, or a table.
        target: The column to predict, for a table.
        out: Folder of run folders.

    Returns:
        What `load_recipe` takes.

    Raises:
        UserError: A table without a target, a recipe with one, a table that cannot be read, or a
            recipe that was edited since it was made.
    """
    if not is_table(name):
        from g2d.table.reading.formats import other_table, unread_format

        if other_table(name):
            raise UserError(unread_format(Path(name)))
        if target is not None:
            raise UserError(f"--target: {name} is a recipe, which names its target; leave it out")
        return name
    if target is None:
        raise UserError(
            f"{name} is a table; give the column to be predicted: g2d train {name} --target COLUMN"
        )
    from g2d.files import write_whole
    from g2d.ranks import first_process
    from g2d.table.declared import name_of
    from g2d.table.inspection.inspect import as_yaml, inspect_table
    from g2d.table.inspection.looks import Shortened

    recipe, notes = inspect_table(name, target)
    text, file = as_yaml(recipe, notes), out / f"{name_of(name)}-{name_of(target)}.yaml"
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise UserError(
            f"{file} is there and is not what {name} suggests today; train it as it is (g2d train "
            f"{file}), or remove it"
        )
    write_whole(file, text)
    if first_process():
        for note in notes:
            if not isinstance(note, Shortened):
                print(f"{name}: {note}", file=sys.stderr)
        print(
            f"The recipe is in {file}. If a column was guessed wrong, edit it there.",
            file=sys.stderr,
        )
    return str(file)
