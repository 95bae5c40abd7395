"""The handshake between a server and the image worker, authenticated by a shared key."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any, Final

from alya_mcp.images.wire.frames import WireError, pack, read
from alya_mcp.runtime.daemon import proof, proves

_MAX_GREETING: Final = 4096
_NONCE: Final = 32
_PURPOSE: Final = "alya-mcp image worker"


class RefusedError(ConnectionError):
    """The peer doesn't have the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """A peer: the versions of alya-mcp and of the protocol, the process, and whether it is leaving."""

    version: str
    protocol: int
    pid: int
    leaving: bool = False


async def welcome(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes, own: Hello
) -> Hello:
    """The worker's side: only the handshake is read before the client has proved that it has the key.

    Raises:
        RefusedError: the client doesn't have the key.
        EOFError, ConnectionError: it left, or used another protocol.
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
    """The client's side; the worker has to prove that it has the key as well.

    Raises:
        RefusedError: the worker doesn't accept our key, or doesn't have it.
        EOFError, ConnectionError: it left, or used another protocol.
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
