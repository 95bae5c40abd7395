"""The session of one client, from its first line to the end of the process."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from alya_mcp.errors import Failure
from alya_mcp.gate import StateError
from alya_mcp.server.channel import Channel, Era
from alya_mcp.server.dispatcher import Dispatcher, build_server, greeting
from alya_mcp.server.eras import era_of
from alya_mcp.server.jsonrpc import decode, request_id
from alya_mcp.server.opening import Opening
from alya_mcp.server.stdio import Wire
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import Catalogue, load_catalogue

logger = logging.getLogger(__name__)

_LOOK = 0.01
"""Seconds between two checks. The limits below count checks, which take longer on a busy machine."""
_ANSWER_LOOKS = 300
"""Checks without progress after which requests still in flight at the end of input are abandoned."""
_WRITE_LOOKS = 100
"""Checks after which a client that closed its side and takes no byte counts as no longer reading."""
_FORCED_LOOKS = 200
"""Checks without progress after which the process is ended."""
_CLOSE_SECONDS = 1.0
_PROBE_SECONDS = 0.02


async def serve(
    hub: Hub,
    wire: Wire,
    load: Callable[[], Catalogue] = load_catalogue,
    opening: Opening | None = None,
) -> int:
    """Serve the tools of `load` to one client on `wire` until it closes its side or a signal asks to end.

    Messages that `opening` answered are processed by the SDK too, without a second response.
    Return the process's exit status: 1 when answers were left that the client didn't read, else 0.
    """
    dispatcher = Dispatcher(hub, load)
    server = build_server(dispatcher)
    receiving, ending = anyio.CancelScope(), _Ending()
    try:
        async with server.lifespan(server) as state, anyio.create_task_group() as group:

            def begin(channel: Channel, request: types.JSONRPCRequest) -> Era:
                return era_of(request, server, state, channel, greeting(server))

            channel = Channel(wire, begin, dispatcher.cancelled, group.cancel_scope.cancel)
            if opening is not None and opening.answered:
                channel.first_answer.set()
            group.start_soon(_end_on_signal, receiving, ending)
            group.start_soon(_end_with_input, wire, ending)
            group.start_soon(_give_up_writing, wire, ending, group.cancel_scope)
            group.start_soon(_start_rest, hub, dispatcher, channel)
            try:
                with receiving:
                    await _receive(wire, opening, channel)
                _force_end(channel.progress)
            finally:
                dispatcher.end()
                await channel.aclose()
            group.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await dispatcher.aclose()
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await hub.aclose()
            except StateError as error:
                logger.error("%s", error)
    return 1 if ending.given_up else 0


class _Ending:
    """The end of a session: `begun` once it ends, `given_up` if the client left responses unread."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.given_up = False


async def _receive(wire: Wire, opening: Opening | None, channel: Channel) -> None:
    """Handle each message, and answer each malformed line with an error.

    Returns when every request is answered, or none will be because there is no progress or no client.
    """
    for line in opening.replay if opening else ():
        await channel.take(decode(line), replayed=True)
    begun = opening is not None and opening.answered
    lines = wire.lines() if begun else _without_abandoned_probe(wire.lines())
    probe = opening.probe if opening else None
    async with aclosing(lines):
        async for line in lines:
            if line.isspace():
                continue
            if probe is not None:
                if _method(line) == "notifications/cancelled":
                    continue  # the probe itself, which is answered already
                if _method(line) != "initialize":
                    await channel.take(decode(probe), replayed=True)
                probe = None
            try:
                message = decode(line)
            except MCPError as refusal:
                await channel.refuse(request_id(line), refusal.error)
            else:
                await channel.take(message)
    await _settled(wire, channel)


async def _settled(wire: Wire, channel: Channel) -> None:
    seen, left = channel.progress(), _ANSWER_LOOKS
    while left and not channel.is_settled and not wire.abandoned:
        await anyio.sleep(_LOOK)
        now = channel.progress()
        seen, left = now, left - 1 if now == seen else _ANSWER_LOOKS


async def _without_abandoned_probe(lines: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The lines without a first `server/discover` that `initialize` follows at once.

    A client that probes for the modern era and got no answer in time, because this process was still
    starting, has returned to the handshake by then; the era of the connection must not follow the probe.
    """
    first = await anext(lines, None)
    if first is None:
        return
    following: asyncio.Future[bytes | None] | None = None
    if _method(first) == "server/discover":
        following = asyncio.ensure_future(anext(lines, None))
        try:
            done, _ = await asyncio.wait({following}, timeout=_PROBE_SECONDS)
            if not done or (second := following.result()) is None or _method(second) != "initialize":
                yield first
            second = await following
        finally:
            following.cancel()
        if second is None:
            return
        yield second
    else:
        yield first
    async for line in lines:
        yield line


def _method(line: bytes) -> str | None:
    """The method of the message in `line`, if it is one."""
    try:
        return getattr(decode(line), "method", None)
    except MCPError:
        return None


async def _give_up_writing(wire: Wire, ending: _Ending, scope: anyio.CancelScope) -> None:
    """Cancel the session when it is ending and the client no longer reads the responses."""
    await ending.begun.wait()
    left, seen = _WRITE_LOOKS, wire.sent
    while left:
        await anyio.sleep(_LOOK)
        left = left - 1 if wire.unsent and wire.sent == seen else _WRITE_LOOKS
        seen = wire.sent
    ending.given_up = True
    scope.cancel()


def _force_end(progress: Callable[[], object]) -> None:
    """End the process with status 1 if a thread or a handler still runs and there is no more progress."""

    def watch() -> None:
        seen, left = progress(), _FORCED_LOOKS
        while left:
            time.sleep(_LOOK)
            now = progress()
            seen, left = now, left - 1 if now == seen else _FORCED_LOOKS
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


async def _start_rest(hub: Hub, dispatcher: Dispatcher, channel: Channel) -> None:
    """Finish the start once the client has its first answer."""
    await channel.first_answer.wait()
    dispatcher.log_policy()
    try:
        await hub.start()
    except Failure as failure:
        logger.warning("%s", failure)
    except Exception:  # calls work without it
        logger.exception("a part of the start failed")


async def _end_with_input(wire: Wire, ending: _Ending) -> None:
    await wire.closed()
    ending.begun.set()


async def _end_on_signal(receiving: anyio.CancelScope, ending: _Ending) -> None:
    """Stop receiving when a signal asks to end: the calls that run are cancelled, answered and settled."""
    if os.name != "posix":
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            ending.begun.set()
            receiving.cancel()
            return
