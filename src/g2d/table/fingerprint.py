"""The fingerprint of the splits of a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.store import Store
from g2d.table.columns.targets import Target
from g2d.table.preprocessing import Preprocessing


def fingerprint_of(
    store: Store,
    target: Target,
    parts: Sequence[NDArray[np.int64]],
    present: Mapping[str, NDArray[np.bool_]],
    preprocessing: Preprocessing,
    asked: Mapping[str, Any],
    weights: NDArray[np.float64] | None,
) -> str:
    """The fingerprint of all that decides the splits; independent of where files are."""
    about = [target.task, target.names, list(present), preprocessing.as_dict(inputs_only=True)]
    digest = hashlib.sha256(store.fingerprint.encode())
    digest.update(json.dumps(about, sort_keys=True).encode())
    if asked:
        digest.update(json.dumps(asked, sort_keys=True).encode())
    if weights is not None:
        digest.update(weights.tobytes())
    for array in (*parts, target.values, *present.values()):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
