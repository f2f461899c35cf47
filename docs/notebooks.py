"""Writes the tutorials as notebooks, so that there is one text of each: `python docs/notebooks.py`.

The notebooks are committed without outputs; the slow tests execute them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "examples" / "notebooks"
TUTORIALS = ("own-model", "own-table")
BLOCK = re.compile(r"(?:<!-- not run[^\n]*-->\n)?^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def cells_of(text: str) -> list[tuple[str, str]]:
    """Kind and source of each cell; commands other than pip's become lines that begin with `!`."""
    found, end = [], 0
    for match in BLOCK.finditer(text):
        language, code = match[1], match[2].rstrip()
        command = language == "bash" and code.startswith(("g2d", "head"))
        if language != "python" and (not command or "not run" in match[0]):
            continue
        found.append(("markdown", text[end : match.start()].strip()))
        if language == "bash":
            code = "\n".join(f"!{line}" for line in code.replace("\\\n ", "").splitlines())
        found.append(("code", code))
        end = match.end()
    found.append(("markdown", text[end:].strip()))
    return [(kind, source) for kind, source in found if source]


def notebook(name: str) -> dict[str, Any]:
    """The tutorial in the format of Jupyter, 4.5; links lead to where the pages are."""
    text = (HERE / "tutorials" / f"{name}.md").read_text("utf-8")
    text = text.replace("](../", "](../../docs/")
    cells = []
    for number, (kind, source) in enumerate(cells_of(text)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"{name}-{number}", "metadata": {}}
        cell["source"] = source.splitlines(keepends=True)
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    """Writes both."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for name in TUTORIALS:
        content = json.dumps(notebook(name), indent=1, ensure_ascii=False)
        (NOTEBOOKS / f"{name}.ipynb").write_text(f"{content}\n", "utf-8")


if __name__ == "__main__":
    main()
