"""Which bytes of a resumable upload go next, and which are kept."""

import re
from typing import Final

UNIT: Final = 256 * 1024
"""Bytes; every part but the last is a multiple of it (YouTube's guide to its resumable uploads, 2026-11)."""

PART: Final = 16 * UNIT
"""Bytes of a part, 4 MiB: what a cut costs at most, at 35 kB/s less than two minutes."""

_KEPT: Final = re.compile(r"bytes=0-([0-9]{1,18})")


def next_part(offset: int, size: int) -> int:
    """How many bytes to send from `offset` on.

    The last part is sent by itself, at most `UNIT` bytes: only while that is under way is it unknown whether
    the video is there.
    """
    left = size - offset
    if left <= UNIT:
        return left
    return min(PART, (left - 1) // UNIT * UNIT)


def kept(header: str | None, size: int) -> int:
    """How many bytes a `Range` header of a 308 answer says are kept; without one nothing is.

    Raises:
        ValueError: it says something else, or more than there is.
    """
    if header is None:
        return 0
    found = _KEPT.fullmatch(header.strip())
    if found is None or int(found[1]) >= size:
        raise ValueError(f"the range {header[:40]!r} is none of {size} bytes")
    return int(found[1]) + 1
