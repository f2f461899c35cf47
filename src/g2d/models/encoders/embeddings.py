"""Embeddings of frozen backbones, computed once for each row while something trains.

A frozen backbone gives the same embedding of a row in every epoch, in the teacher and in the
student. A row is known by its contents, whatever split it is from; an augmented row is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from g2d import checksums

Embed = Callable[[Tensor], Tensor]

# Of all embeddings that are kept; further ones are computed anew.
LIMIT = 512 * 1024**2  # bytes


@dataclass
class _Kept:
    """The embeddings of one training.

    Attributes:
        rows: By backbone and contents of the row.
        size: Their bytes.
        marks: Of every backbone how often its weights were written to, and their checksum then.
    """

    rows: dict[bytes, Tensor] = field(default_factory=dict)
    size: int = 0
    marks: WeakKeyDictionary[nn.Module, tuple[int, str]] = field(default_factory=WeakKeyDictionary)

    def embeddings(self, backbone: nn.Module, embed: Embed, inputs: Tensor) -> Tensor:
        """Those that are known, and the others, row by row."""
        precision = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        about = f"{self._fingerprint(backbone)} {precision} {inputs.dtype} {inputs.shape[1:]}"
        secret = hashlib.blake2b(about.encode(), digest_size=32).digest()
        found = []
        for row in inputs.split(1):
            contents = row.contiguous().flatten().view(torch.uint8).numpy()
            key = hashlib.blake2b(contents, digest_size=16, key=secret).digest()
            if (known := self.rows.get(key)) is None:
                known = embed(row)
                self._add(key, known)
            found.append(known)
        return torch.cat(found)

    def _add(self, key: bytes, row: Tensor) -> None:
        size = row.numel() * row.element_size()
        if self.size + size <= LIMIT:
            self.rows[key] = row
            self.size += size

    def _fingerprint(self, backbone: nn.Module) -> str:
        state = backbone.state_dict()
        written = sum(tensor._version for tensor in state.values())
        known = self.marks.get(backbone)
        if known is None or known[0] != written:
            kind = f"{type(backbone).__module__}.{type(backbone).__qualname__}"
            known = self.marks[backbone] = written, f"{kind} {checksums.of_tensors(state)}"
        return known[1]


_kept: _Kept | None = None


@contextmanager
def keep_embeddings() -> Iterator[None]:
    """Within this context the embedding of a row is computed once for each frozen backbone.

    A context within another one shares its embeddings, which are dropped at the end of the
    outermost one.

    Example:
        >>> class Backbone(nn.Module):
        ...     def forward(self, inputs):
        ...         print("asked for", inputs.tolist())
        ...         return 2 * inputs
        >>> backbone = Backbone().eval()
        >>> with keep_embeddings():
        ...     for rows in ([[1.0], [2.0]], [[2.0], [1.0]]):
        ...         print(frozen_embeddings(backbone, backbone, torch.tensor(rows)).tolist())
        asked for [[1.0]]
        asked for [[2.0]]
        [[2.0], [4.0]]
        [[4.0], [2.0]]
    """
    global _kept
    outer = _kept
    _kept = outer or _Kept()
    try:
        yield
    finally:
        _kept = outer


@torch.no_grad()
def frozen_embeddings(backbone: nn.Module, embed: Embed, inputs: Tensor) -> Tensor:
    """Embeddings of a batch by a frozen backbone, without a graph.

    Where embeddings are kept (`keep_embeddings`; on the CPU, and not in a compiled graph), each
    row is computed by itself, so that its embedding does not depend, not even in its last digits,
    on the batch in which it came first.

    Args:
        backbone: In eval mode.
        embed: Asks it, `(B, ...)` of `(B, ...)`; no row of the result depends on another row.
        inputs: `(B, ...)`.
    """
    if _kept is None or inputs.device.type != "cpu" or torch.compiler.is_compiling():
        return embed(inputs)
    return _kept.embeddings(backbone, embed, inputs)
