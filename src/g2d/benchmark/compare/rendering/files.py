"""The files of a table: Markdown, LaTeX, JSON."""

from __future__ import annotations

import json
from pathlib import Path

from g2d.benchmark.compare.rendering.latex import latex
from g2d.benchmark.compare.rendering.markdown import markdown
from g2d.benchmark.compare.table import Table
from g2d.files import write_whole


def write_table(table: Table, out: Path) -> list[Path]:
    """Writes `tables/<name>.md`, `.tex` and `.json` under a folder of runs.

    Args:
        table: To be written.
        out: The folder of runs.

    Returns:
        Their paths.
    """
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(table.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    texts = {".md": markdown(table), ".tex": latex(table), ".json": content + "\n"}
    for ending, text in texts.items():
        write_whole(folder / f"{table.name}{ending}", text)
    return [folder / f"{table.name}{ending}" for ending in texts]
