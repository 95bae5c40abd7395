"""One client on one wire, from its first line to the end of the process."""

import logging
import os
import signal
import threading
from collections.abc import Callable

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from alya_mcp.errors import Failure
from alya_mcp.gate import StateError
from alya_mcp.server.dispatcher import Dispatcher, build_server
from alya_mcp.server.jsonrpc import decode, encode, request_id
from alya_mcp.server.stdio import Wire
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import Catalogue, load_catalogue

logger = logging.getLogger(__name__)

_EXIT_GRACE = 0.8
_LAST_LOOKS = 20


async def serve(hub: Hub, wire: Wire, load: Callable[[], Catalogue] = load_catalogue) -> None:
    """Serve the tools of `load` to one client on `wire` until it closes its side or a signal asks to end."""
    server = build_server(Dispatcher(hub, load))
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    open_requests = _OpenRequests()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_end_on_signal, group.cancel_scope)
            group.start_soon(_end_with_input, wire, group.cancel_scope)
            group.start_soon(_receive, wire, to_server, to_client.clone(), open_requests)
            group.start_soon(_send, wire, from_server, open_requests, group.cancel_scope)
            group.start_soon(_start_rest, hub, open_requests)
            await server.run(from_client, to_client, server.create_initialization_options())
    finally:
        with anyio.move_on_after(_EXIT_GRACE / 2, shield=True):
            try:
                await hub.aclose()
            except StateError as error:
                logger.error("%s", error)


async def _receive(
    wire: Wire,
    to_server: MemoryObjectSendStream[SessionMessage | Exception],
    to_client: MemoryObjectSendStream[SessionMessage],
    open_requests: "_OpenRequests",
) -> None:
    """Pass each message on; answer each line that is none with what is wrong with it."""
    async with to_server, to_client:
        async for line in wire.lines():
            if line.isspace():
                continue
            try:
                message = decode(line)
            except MCPError as refusal:
                open_requests.received()
                answer = types.JSONRPCError(jsonrpc="2.0", id=request_id(line), error=refusal.error)
                await to_client.send(SessionMessage(answer))
                continue
            if isinstance(message, types.JSONRPCRequest):
                open_requests.received()
            await to_server.send(SessionMessage(message))
        for _ in range(_LAST_LOOKS):
            if not open_requests.count:
                break
            await anyio.sleep(0.01)


async def _end_with_input(wire: Wire, scope: anyio.CancelScope) -> None:
    """End the process soon after the client closed its side, even if it reads no more answers."""
    await wire.closed()
    _exit_after(_EXIT_GRACE)
    await anyio.sleep(_EXIT_GRACE / 2)
    scope.cancel()


async def _send(
    wire: Wire,
    from_server: MemoryObjectReceiveStream[SessionMessage],
    open_requests: "_OpenRequests",
    scope: anyio.CancelScope,
) -> None:
    """Write each message as one line; end everything after the last, or when the client no longer reads."""
    try:
        async for item in from_server:
            await wire.write(encode(item.message))
            if not isinstance(item.message, types.JSONRPCNotification):
                open_requests.answered()
    except (BrokenPipeError, ConnectionResetError):
        pass
    scope.cancel()


class _OpenRequests:
    """How many lines of the client still wait for their answer."""

    def __init__(self) -> None:
        self.first_answer = anyio.Event()
        self.count = 0

    def received(self) -> None:
        self.count += 1

    def answered(self) -> None:
        self.count -= 1
        self.first_answer.set()


async def _start_rest(hub: Hub, open_requests: _OpenRequests) -> None:
    """Do the rest of the start once the client has its first answer."""
    await open_requests.first_answer.wait()
    try:
        await hub.start()
    except Failure as failure:
        logger.warning("%s", failure)
    except Exception:  # calls work without it
        logger.exception("a part of the start failed")


async def _end_on_signal(scope: anyio.CancelScope) -> None:
    if os.name != "posix":
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            _exit_after(_EXIT_GRACE)
            scope.cancel()
            return


def _exit_after(seconds: float) -> None:
    """End the process after `seconds` even if a thread or a handler won't."""
    guard = threading.Timer(seconds, os._exit, [0])
    guard.daemon = True
    guard.start()
