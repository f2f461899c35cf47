"""The critical difference diagram of Demšar (2006), as SVG that follows the page's colours."""

from __future__ import annotations

from html import escape

from g2d.benchmark.compare.table import Ranking

_WIDTH, _LINE, _SIDE, _TOP = 720, 22, 230, 46


def ranking_svg(ranking: Ranking) -> str:
    """Draws mean ranks on an axis, best on the left; a bar joins those equal within chance.

    Args:
        ranking: Of the rows of a table.
    """
    count = len(ranking.rows)
    half = (count + 1) // 2
    bars = len(ranking.groups)
    first = _TOP + 12 + 9 * bars
    height = first + _LINE * half + 6

    def x(rank: float) -> float:
        return _SIDE + (_WIDTH - 2 * _SIDE) * (rank - 1) / max(1, count - 1)

    parts = [_line(x(1), _TOP, x(count), _TOP)]
    step = max(1, round(count / 10))
    for rank in sorted({*range(1, count + 1, step), count}):
        parts.append(_line(x(rank), _TOP - 5, x(rank), _TOP))
        parts.append(_text(x(rank), _TOP - 9, str(rank), "middle"))
    if count > 1:
        wide = min(x(1 + ranking.critical_difference), x(count))
        parts.append(_line(x(1), 12, wide, 12, width=2))
        label = f"critical difference {ranking.critical_difference:.2f}"
        parts.append(_text(wide + 6, 16, label, "start"))
    for place, (labels, rank) in enumerate(zip(ranking.rows, ranking.ranks, strict=True)):
        left = place < half
        y = first + _LINE * (place if left else count - 1 - place) + 8
        edge = _SIDE - 12 if left else _WIDTH - _SIDE + 12
        parts.append(
            f'<path fill="none" stroke="currentColor" d="M{x(rank):.1f} {_TOP}V{y}H{edge}"/>'
        )
        anchor, at = ("end", edge - 5) if left else ("start", edge + 5)
        parts.append(_text(at, y + 4, f"{_short(' · '.join(labels))}  {rank:.2f}", anchor))
    for place, (start, end) in enumerate(ranking.groups):
        y = _TOP + 10 + 9 * place
        left_end, right_end = x(ranking.ranks[start]) - 4, x(ranking.ranks[end]) + 4
        parts.append(_line(left_end, y, right_end, y, width=4))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" font-size="12" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, width: int = 1) -> str:
    return (
        f'<path stroke="currentColor" stroke-width="{width}" d="M{x1:.1f} {y1:g}L{x2:.1f} {y2:g}"/>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text fill="currentColor" x="{x:.1f}" y="{y:g}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _short(words: str) -> str:
    return words if len(words) <= 26 else f"{words[:25]}…"
