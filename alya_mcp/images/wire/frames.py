"""Frames: a JSON object and the bytes that belong to it."""

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import Any, Final, cast

_LENGTHS: Final = struct.Struct("!II")
_MAX_HEAD: Final = 1 << 20
_MAX_PAYLOAD: Final = 64 << 20


class WireError(ConnectionError):
    """The peer violated the protocol. The text doesn't quote what it sent."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    head: dict[str, Any]
    payload: bytes = b""


def pack(head: dict[str, Any], payload: bytes = b"") -> bytes:
    """The bytes of one frame."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload))


def unpack(data: bytes) -> Frame:
    """Decode one frame.

    Raises:
        WireError: it isn't exactly one frame.
    """
    if len(data) < _LENGTHS.size:
        raise WireError("not a frame")
    head_size, payload_size = _LENGTHS.unpack_from(data)
    if len(data) != _LENGTHS.size + head_size + payload_size:
        raise WireError("a frame of another length than it says")
    end = _LENGTHS.size + head_size
    return Frame(_head(data[_LENGTHS.size : end]), data[end:])


async def read(
    reader: asyncio.StreamReader, *, max_head: int = _MAX_HEAD, max_payload: int = _MAX_PAYLOAD
) -> Frame:
    """The next frame.

    Raises:
        EOFError: the peer closed the connection.
        ConnectionError: the connection broke, or the data isn't a frame.
    """
    head_size, payload_size = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if head_size > max_head or payload_size > max_payload:
        raise WireError(f"a frame of {head_size} and {payload_size} bytes is too large")
    text = await reader.readexactly(head_size)
    payload = await reader.readexactly(payload_size) if payload_size else b""
    return Frame(_head(text), payload)


def _head(text: bytes) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("a frame's head is not JSON") from error
    if not isinstance(head, dict):
        raise WireError("a frame's head is not an object")
    return cast("dict[str, Any]", head)
