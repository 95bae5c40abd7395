"""The bytes between a server and the image worker: frames of JSON and pixels, a greeting by shared key."""

import asyncio
import json
import secrets
import struct
from dataclasses import dataclass
from typing import Any, Final, cast

from alya_mcp.runtime.daemon import proof, proves

PROTOCOL: Final = 2
"""Raised when a server and a worker of different numbers can't understand each other."""

LEAVING: Final = "leaving"
"""The kind of a failure that the next worker can do better: this one takes no more work."""
DEVICE_LOST: Final = "device lost"
"""The kind of a failure that ends the worker, because only a new process clears its device."""

ALIVE: Final = 5.0
"""Seconds between two signs of life of a worker with work in hand."""

_LENGTHS: Final = struct.Struct("!II")
_MAX_HEAD: Final = 1 << 20
_MAX_PAYLOAD: Final = 64 << 20
_MAX_GREETING: Final = 4096
_NONCE: Final = 32
_PURPOSE: Final = "alya-mcp image worker"


class WireError(ConnectionError):
    """The other side sent something that isn't a frame of this protocol."""


class RefusedError(ConnectionError):
    """The other side doesn't hold the same key."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a JSON object and the bytes that belong to it."""

    head: dict[str, Any]
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who is at one end: the version of alya-mcp, the protocol's number, the process, if it is leaving."""

    version: str
    protocol: int
    pid: int
    leaving: bool = False


def pack(head: dict[str, Any], payload: bytes = b"") -> bytes:
    """The bytes of one frame."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload))


async def read(
    reader: asyncio.StreamReader, *, max_head: int = _MAX_HEAD, max_payload: int = _MAX_PAYLOAD
) -> Frame:
    """The next frame.

    Raises:
        EOFError: when the other side has gone.
        ConnectionError: when the connection broke or what came isn't a frame.
    """
    head_size, payload_size = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if head_size > max_head or payload_size > max_payload:
        raise WireError(f"a frame of {head_size} and {payload_size} bytes is too large")
    text = await reader.readexactly(head_size)
    payload = await reader.readexactly(payload_size) if payload_size else b""
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("a frame's head is not JSON") from error
    if not isinstance(head, dict):
        raise WireError("a frame's head is not an object")
    return Frame(cast("dict[str, Any]", head), payload)


async def welcome(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes, own: Hello
) -> Hello:
    """Greet a client as the worker: nothing but the greeting is read before it has shown the key.

    Raises:
        RefusedError: when it doesn't hold the key.
        EOFError, ConnectionError: when it left or spoke something else.
    """
    nonce = secrets.token_hex(_NONCE)
    writer.write(pack({"nonce": nonce}))
    await writer.drain()
    head = await _greeting(reader)
    other = _text(head, "nonce")
    if not proves(_text(head, "proof"), key, _PURPOSE, "client", nonce, other):
        writer.write(pack({"refused": True}))
        await writer.drain()
        raise RefusedError("a client showed a wrong key")
    writer.write(pack({"proof": proof(key, _PURPOSE, "worker", nonce, other), **_fields(own)}))
    await writer.drain()
    return _hello(head)


async def introduce(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes, own: Hello
) -> Hello:
    """Greet the worker as a client, and see that it holds the key as well.

    Raises:
        RefusedError: when it doesn't accept our key, or doesn't hold it.
        EOFError, ConnectionError: when it left or spoke something else.
    """
    nonce = _text(await _greeting(reader), "nonce")
    mine = secrets.token_hex(_NONCE)
    shown = proof(key, _PURPOSE, "client", nonce, mine)
    writer.write(pack({"nonce": mine, "proof": shown, **_fields(own)}))
    await writer.drain()
    head = await _greeting(reader)
    if head.get("refused"):
        raise RefusedError("the worker refused the key")
    if not proves(_text(head, "proof"), key, _PURPOSE, "worker", nonce, mine):
        raise RefusedError("the worker doesn't hold the key")
    return _hello(head)


async def _greeting(reader: asyncio.StreamReader) -> dict[str, Any]:
    return (await read(reader, max_head=_MAX_GREETING, max_payload=0)).head


def _fields(hello: Hello) -> dict[str, Any]:
    return {
        "version": hello.version,
        "protocol": hello.protocol,
        "pid": hello.pid,
        "leaving": hello.leaving,
    }


def _hello(head: dict[str, Any]) -> Hello:
    protocol, pid = head.get("protocol"), head.get("pid")
    if not isinstance(protocol, int) or not isinstance(pid, int):
        raise WireError("a greeting without protocol or pid")
    return Hello(
        version=_text(head, "version"), protocol=protocol, pid=pid, leaving=head.get("leaving") is True
    )


def _text(head: dict[str, Any], field: str) -> str:
    value = head.get(field)
    if not isinstance(value, str) or not value.isascii():
        raise WireError(f"a greeting without {field}")
    return value
