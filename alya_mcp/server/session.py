"""One client on one wire, from its first line to the end of the process."""

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
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from alya_mcp.errors import Failure
from alya_mcp.gate import StateError
from alya_mcp.server.dispatcher import Dispatcher, build_server, greeting
from alya_mcp.server.jsonrpc import decode, encode, request_id
from alya_mcp.server.opening import Opening
from alya_mcp.server.stdio import Wire
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import Catalogue, load_catalogue

logger = logging.getLogger(__name__)

_LOOK = 0.01
"""Seconds between two looks; the end is measured in looks, which take longer where the machine is busy."""
_ANSWER_LOOKS = 300
"""Looks without progress after which requests that are still open at the end of input are given up."""
_WRITE_LOOKS = 100
"""Looks after which a client that closed its side and takes no byte counts as no longer reading."""
_FORCED_LOOKS = 200
"""Looks without progress after which the process ends whatever still runs."""
_CLOSE_SECONDS = 1.0
_PROBE_SECONDS = 0.02


async def serve(
    hub: Hub,
    wire: Wire,
    load: Callable[[], Catalogue] = load_catalogue,
    opening: Opening | None = None,
) -> int:
    """Serve the tools of `load` to one client on `wire` until it closes its side or a signal asks to end.

    What `opening` answered already is made known to the SDK, and the SDK's answers to it are left out.
    Return the process's exit status: 1 when answers were left that the client didn't read, else 0.
    """
    dispatcher = Dispatcher(hub, load)
    server = build_server(dispatcher)
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    requests = _Requests(wire)
    if opening is not None and opening.answered:
        requests.first_answer.set()
    receiving, ending = anyio.CancelScope(), anyio.Event()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_end_on_signal, receiving, ending)
            group.start_soon(_end_with_input, wire, ending)
            group.start_soon(
                _receive, wire, opening, to_server, to_client.clone(), requests, dispatcher, receiving
            )
            group.start_soon(_send, wire, from_server, requests, group.cancel_scope)
            group.start_soon(_give_up_writing, wire, requests, ending, group.cancel_scope)
            group.start_soon(_start_rest, hub, dispatcher, requests)
            await server.run(from_client, to_client, greeting(server))
    finally:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await dispatcher.aclose()
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await hub.aclose()
            except StateError as error:
                logger.error("%s", error)
    return 1 if requests.given_up else 0


class _Requests:
    """The requests that still wait for their answer, and how far the answers are."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.first_answer = anyio.Event()
        self.given_up = False
        self.writing = False
        self.count = 0
        self._replayed: list[types.RequestId] = []

    def received(self) -> None:
        self.count += 1

    def answered(self) -> None:
        self.count -= 1
        self.first_answer.set()

    def replayed(self, request: types.RequestId) -> None:
        """The SDK will answer a request that was answered before it was there."""
        self._replayed.append(request)

    def was_answered(self, request: types.RequestId | None) -> bool:
        """Whether an answer is to a replayed request; true once for each."""
        if request not in self._replayed:
            return False
        self._replayed.remove(request)
        return True

    async def unanswered(self) -> None:
        """The SDK will not answer a request: its client cancelled it."""
        self.count -= 1

    def progress(self) -> tuple[int, int]:
        """Differs from an earlier value when anything was answered since, or more of an answer was sent."""
        return self.count, self._wire.sent if self.writing else 0

    async def no_progress(self, looks: int, until: Callable[[], bool] = lambda: False) -> None:
        """Return after `looks` looks in a row without progress, or when `until` is true."""
        seen, left = self.progress(), looks
        while left and not until():
            await anyio.sleep(_LOOK)
            now = self.progress()
            seen, left = now, left - 1 if now == seen else looks

    async def settled(self) -> None:
        """Return when every request is answered, or none will be: nothing moves, or the client is gone."""
        await self.no_progress(_ANSWER_LOOKS, lambda: not self.count or self._wire.abandoned)


async def _receive(
    wire: Wire,
    opening: Opening | None,
    to_server: MemoryObjectSendStream[SessionMessage | Exception],
    to_client: MemoryObjectSendStream[SessionMessage],
    requests: _Requests,
    dispatcher: Dispatcher,
    receiving: anyio.CancelScope,
) -> None:
    """Pass each message on; answer each line that isn't one with what is wrong with it.

    Closing `to_server` at the end makes the SDK cancel the calls that still run, and answer them.
    """
    async with to_server, to_client:
        with receiving:
            for line in opening.replay if opening else ():
                await _replay(line, to_server, requests)
            begun = opening is not None and opening.answered
            lines = wire.lines() if begun else _without_abandoned_probe(wire.lines())
            probe = opening.probe if opening else None
            async with aclosing(lines):
                async for line in lines:
                    if line.isspace():
                        continue
                    if probe is not None:
                        if _method(line) == "notifications/cancelled":
                            continue  # the probe itself, which was answered
                        if _method(line) != "initialize":
                            await _replay(probe, to_server, requests)
                        probe = None
                    await _pass_on(line, to_server, to_client, requests, dispatcher)
            await requests.settled()
        _force_end(requests.progress)


async def _replay(
    line: bytes, to_server: MemoryObjectSendStream[SessionMessage | Exception], requests: _Requests
) -> None:
    """Make a message known to the SDK that was answered before."""
    message = decode(line)
    if isinstance(message, types.JSONRPCRequest):
        requests.replayed(message.id)
    await to_server.send(SessionMessage(message))


async def _pass_on(
    line: bytes,
    to_server: MemoryObjectSendStream[SessionMessage | Exception],
    to_client: MemoryObjectSendStream[SessionMessage],
    requests: _Requests,
    dispatcher: Dispatcher,
) -> None:
    try:
        message = decode(line)
    except MCPError as refusal:
        requests.received()
        answer = types.JSONRPCError(jsonrpc="2.0", id=request_id(line), error=refusal.error)
        await to_client.send(SessionMessage(answer))
        return
    if isinstance(message, types.JSONRPCRequest):
        requests.received()
        await to_server.send(
            SessionMessage(message, ServerMessageMetadata(on_request_unanswered=requests.unanswered))
        )
    else:
        if isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            params = message.params or {}
            dispatcher.cancelled(params.get("requestId"), params.get("reason"))
        await to_server.send(SessionMessage(message))


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


async def _send(
    wire: Wire,
    from_server: MemoryObjectReceiveStream[SessionMessage],
    requests: _Requests,
    scope: anyio.CancelScope,
) -> None:
    """Write each message as one line; end everything after the last, or when the client no longer reads."""
    try:
        async for item in from_server:
            message = item.message
            if not isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
                await wire.write(encode(message))
            elif not requests.was_answered(message.id):
                requests.writing = True
                await wire.write(encode(message))
                requests.writing = False
                requests.answered()
    except (BrokenPipeError, ConnectionResetError):
        pass
    scope.cancel()


async def _give_up_writing(
    wire: Wire, requests: _Requests, ending: anyio.Event, scope: anyio.CancelScope
) -> None:
    """End everything when the session is ending and the client takes no more of the answers."""
    await ending.wait()
    left, seen = _WRITE_LOOKS, wire.sent
    while left:
        await anyio.sleep(_LOOK)
        left = left - 1 if wire.unsent and wire.sent == seen else _WRITE_LOOKS
        seen = wire.sent
    requests.given_up = True
    scope.cancel()


def _force_end(progress: Callable[[], object]) -> None:
    """End the process, with status 1, if a thread or a handler still holds it when nothing moves any more."""

    def watch() -> None:
        seen, left = progress(), _FORCED_LOOKS
        while left:
            time.sleep(_LOOK)
            now = progress()
            seen, left = now, left - 1 if now == seen else _FORCED_LOOKS
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


async def _start_rest(hub: Hub, dispatcher: Dispatcher, requests: _Requests) -> None:
    """Do the rest of the start once the client has its first answer."""
    await requests.first_answer.wait()
    dispatcher.tell_of_policy()
    try:
        await hub.start()
    except Failure as failure:
        logger.warning("%s", failure)
    except Exception:  # calls work without it
        logger.exception("a part of the start failed")


async def _end_with_input(wire: Wire, ending: anyio.Event) -> None:
    await wire.closed()
    ending.set()


async def _end_on_signal(receiving: anyio.CancelScope, ending: anyio.Event) -> None:
    """Stop receiving when a signal asks to end: the calls that run are cancelled, answered and settled."""
    if os.name != "posix":
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            ending.set()
            receiving.cancel()
            return
