"""A table as LaTeX, with booktabs and threeparttable."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from g2d.benchmark.compare.rendering.sheet import PAPER, Entry, Strip, lay_out
from g2d.benchmark.compare.table import Table

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    # After the end of a row, or an item, these two would be read as its options.
    "[": "{[}",
    "*": "{*}",
    "–": "--",
    "…": r"\ldots{}",
    **{
        sign: f"${word}$"
        for sign, word in {
            **{"±": r"\pm", "×": r"\times", "†": r"\dagger", "→": r"\to", "−": "-"},
            **{"≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "∞": r"\infty"},
            **{"·": r"\cdot", "η": r"\eta", "λ": r"\lambda", "Λ": r"\Lambda", "ο": "o"},
        }.items()
    },
}
_CAPITALS = ["Gamma", "Delta", "Theta", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"]


def latex(table: Table) -> str:
    r"""A `table` environment; needs `\usepackage{booktabs,threeparttable}`.

    The best of a column stands in bold where it is best beyond chance, and carries a tilde where it
    is best by chance.
    """
    sheet = lay_out(table)
    strips = sheet.strips
    places = sum(2 if strip.paper else 1 for strip in strips)
    top, rules = _datasets(strips, len(sheet.axes))
    lines = [
        f"% {' '.join(table.command.split())}",
        r"\begin{table}",
        r"\centering",
        r"\begin{threeparttable}",
        rf"\caption{{{escaped(table.title)}}}",
        rf"\label{{tab:{label(table.name)}}}",
        rf"\begin{{tabular}}{{{'l' * len(sheet.axes)}{'r' * places}}}",
        r"\toprule",
        _line(["" for _ in sheet.axes] + top),
        rules,
        _line([*map(escaped, sheet.axes), *_headings(strips)]),
        r"\midrule",
    ]
    for row, labels in enumerate(sheet.labels):
        cells = [escaped(text) for text in labels]
        for strip in strips:
            cells.append(_entry(strip.entries[row]))
            cells += [_entry(strip.paper[row])] if strip.paper else []
        lines.append(_line(cells))
    lines += [r"\bottomrule", r"\end{tabular}", r"\begin{tablenotes}", r"\footnotesize"]
    lines += [rf"\item[{i}] {escaped(note)}" for i, note in enumerate(sheet.footnotes, 1)]
    lines += [rf"\item {escaped(note)}" for note in table.notes]
    if not sheet.footnotes and not table.notes:
        lines = lines[:-2]
    else:
        lines.append(r"\end{tablenotes}")
    lines += [r"\end{threeparttable}", r"\end{table}"]
    return "\n".join(line for line in lines if line) + "\n"


def escaped(text: str) -> str:
    r"""Escapes what LaTeX would take for commands, and replaces what its fonts lack.

    Example:
        >>> print(escaped("G²D_50% & α"))
        G\textsuperscript{2}D\_50\% \& $\alpha$
        >>> print(escaped("[γ ≤ Ω³]"))
        {[}$\gamma$ $\leq$ $\Omega$\textsuperscript{3}]
    """
    return "".join(_SPECIAL.get(sign) or _named(sign) for sign in text)


def _named(sign: str) -> str:
    """Greek letters and raised digits by what they are called, all else as it is."""
    kind, _, point = unicodedata.decomposition(sign).partition(" ")
    if kind == "<super>":
        return rf"\textsuperscript{{{chr(int(point, 16))}}}"
    name = unicodedata.name(sign, "")
    for start, known in (("GREEK SMALL LETTER ", None), ("GREEK CAPITAL LETTER ", _CAPITALS)):
        word = name.removeprefix(start).lower()
        word = word.capitalize() if known else word
        if name.startswith(start) and word.isalpha() and (known is None or word in known):
            return rf"$\{word}$"
    return sign


def label(name: str) -> str:
    """A text as the label of a reference.

    Example:
        >>> label("my grid_2")
        'my-grid-2'
    """
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name)


def _datasets(strips: tuple[Strip, ...], labels: int) -> tuple[list[str], str]:
    """The first line of the head: each dataset over its columns."""
    cells, rules, place = [], [], labels + 1
    for dataset, group in groupby(strips, key=lambda strip: strip.column.dataset):
        width = sum(2 if strip.paper else 1 for strip in group)
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(dataset)}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        place += width
    return cells, " ".join(rules)


def _headings(strips: tuple[Strip, ...]) -> list[str]:
    found = []
    for strip in strips:
        found.append(escaped(strip.label.removeprefix(f"{strip.column.dataset}, ")))
        found += [escaped(PAPER)] if strip.paper else []
    return found


def _entry(entry: Entry) -> str:
    value = escaped(entry.value)
    if entry.best == "*":
        value = rf"\textbf{{{value}}}"
    spread = rf" $\pm$ {escaped(entry.spread)}" if entry.spread else ""
    by_chance = r"\textasciitilde{}" if entry.best == "~" else ""
    marks = rf"\tnote{{{','.join(map(str, entry.marks))}}}" if entry.marks else ""
    return f"{value}{spread}{by_chance}{marks}"


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
