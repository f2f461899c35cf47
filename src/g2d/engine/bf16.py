"""Whether the processor has instructions for bfloat16, without which it is slower than float32."""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)

CPU_INFO = Path("/proc/cpuinfo")  # of Linux
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def lacks_bf16(info: str) -> bool:
    """Whether what Linux says of the processor names no instruction for bfloat16.

    Of processors without a line of `flags` (ARM has another one) nothing is claimed.

    Args:
        info: The text of `/proc/cpuinfo`.

    Example:
        >>> lacks_bf16("flags : sse2 avx2"), lacks_bf16("flags : avx2 avx512_bf16"), lacks_bf16("")
        (True, False, False)
    """
    lines = [line.split(":", 1)[1] for line in info.splitlines() if line.startswith("flags")]
    return bool(lines) and not _INSTRUCTIONS & set(lines[0].split())


def warn_of_slow_bf16() -> None:
    """Says in a line that this processor is slower in bfloat16 than in float32, where it is."""
    try:
        info = CPU_INFO.read_text("utf-8", errors="replace")
    except OSError:  # no Linux
        return
    if lacks_bf16(info):
        logger.warning(
            "training.precision is bf16, and this processor has no instructions for it "
            "(avx512_bf16 or amx_bf16): training will be slower than with 32"
        )
