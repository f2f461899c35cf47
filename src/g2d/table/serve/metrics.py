"""What the server has done, in the text format of Prometheus.

A few numbers in a format of one line each: a library for it would be one more for every server to
install.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the classes of the histogram, in seconds.
_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts requests by path and status, rows, and seconds by path.

    Args:
        paths: Those that are counted apart; strangers choose the others, so they are one.
        labels: Of the model that predicts.
    """

    def __init__(self, paths: Iterable[str], labels: Mapping[str, str]) -> None:
        self._paths, self._labels = set(paths), dict(labels)
        self._requests: Counter[tuple[str, int]] = Counter()
        self._classes: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._at_once = 0
        self.rows = 0

    def around(self, app: ASGIApp) -> ASGIApp:
        """An application whose requests are counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            path = scope["path"] if scope["path"] in self._paths else "other"
            begun, status = time.perf_counter(), 500

            async def heard(message: Message) -> None:
                nonlocal status
                status = message.get("status", status)
                await send(message)

            self._at_once += 1
            try:
                await app(scope, receive, heard)
            finally:
                self._at_once -= 1
                self._count(path, status, time.perf_counter() - begun)

        return counted

    def _count(self, path: str, status: int, seconds: float) -> None:
        self._requests[path, status] += 1
        self._classes[path, bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[path] += seconds

    def text(self) -> str:
        """All metrics as text."""
        lines = [
            *_head("g2d_model_info", "gauge", "The model that answers."),
            f"g2d_model_info{_labels(self._labels)} 1",
            *_head("g2d_requests_total", "counter", "Requests that were answered."),
            *(
                f"g2d_requests_total{_labels({'path': path, 'status': str(status)})} {count}"
                for (path, status), count in sorted(self._requests.items())
            ),
            *_head("g2d_requests_at_once", "gauge", "Requests that arrive, wait or are answered."),
            f"g2d_requests_at_once {self._at_once}",
            *_head("g2d_rows_total", "counter", "Rows that were predicted."),
            f"g2d_rows_total {self.rows}",
            *_head("g2d_request_seconds", "histogram", "From the header to the answer."),
            *(line for path in sorted(self._seconds) for line in self._histogram(path)),
        ]
        return "\n".join(lines) + "\n"

    def _histogram(self, path: str) -> list[str]:
        lines, below = [], 0
        for place, bound in enumerate([*map(str, _BOUNDS), "+Inf"]):
            below += self._classes[path, place]
            labels = _labels({"path": path, "le": bound})
            lines.append(f"g2d_request_seconds_bucket{labels} {below}")
        of = _labels({"path": path})
        return [
            *lines,
            f"g2d_request_seconds_sum{of} {self._seconds[path]}",
            f"g2d_request_seconds_count{of} {below}",
        ]


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    r"""As they stand behind a name.

    Example:
        >>> _labels({"run": 'a "b"'})
        '{run="a \\"b\\""}'
    """
    table = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    return (
        "{" + ",".join(f'{name}="{text.translate(table)}"' for name, text in labels.items()) + "}"
    )
