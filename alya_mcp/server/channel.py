"""JSON-RPC on a wire: each request of the client runs as a task, its response is one line.

The SDK's own dispatcher passes every message through three in-memory streams; this one reads and writes the
wire itself. `alya_mcp.server.eras` handles the messages.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol

import anyio
import anyio.lowlevel
import mcp_types as types
from mcp.shared.dispatcher import CallOptions, DispatchContext, as_request_id, coerce_request_id
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp.shared.transport_context import TransportContext

from alya_mcp.server.jsonrpc import encode, encode_result
from alya_mcp.server.stdio import Wire

_logger = logging.getLogger(__name__)

_CLOSED: Final = types.ErrorData(code=types.CONNECTION_CLOSED, message="Connection closed")
_LAST_WRITE_SECONDS: Final = 1.0
_CANCEL_SECONDS: Final = 5.0
_MOST_EARLY: Final = 8
"""Messages before the first request that are kept for it, as many as the SDK keeps."""

Params = Mapping[str, Any] | None


class Era(Protocol):
    """The handler of a connection's messages, for one era of the protocol."""

    asks: ClassVar[bool]
    """Whether the server may send requests."""

    async def on_request(
        self, ctx: DispatchContext[TransportContext], method: str, params: Params
    ) -> dict[str, Any]:
        """The result of a request."""
        ...

    async def on_notify(self, ctx: DispatchContext[TransportContext], method: str, params: Params) -> None:
        """Take a notification."""
        ...

    def error(self, method: str, error: Exception) -> types.ErrorData:
        """The error response for an exception that `on_request` raised."""
        ...

    async def aclose(self) -> None:
        """Close the connection's resources."""
        ...


class Inbound:
    """A request or notification while it is handled, with the methods that send to its client.

    With `replayed` the client already has the response.
    """

    __slots__ = ("_channel", "_event", "_is_closed", "is_cancelled", "message", "replayed", "scope", "task")

    def __init__(
        self,
        channel: "Channel",
        message: types.JSONRPCRequest | types.JSONRPCNotification,
        replayed: bool = False,
    ) -> None:
        self._channel = channel
        self._event: anyio.Event | None = None
        self._is_closed = False
        self.is_cancelled = False
        self.message = message
        self.replayed = replayed
        self.scope = anyio.CancelScope()
        self.task: asyncio.Task[None] | None = None

    @property
    def request_id(self) -> types.RequestId | None:
        """The request's id; None for a notification."""
        return self.message.id if isinstance(self.message, types.JSONRPCRequest) else None

    @property
    def can_send_request(self) -> bool:
        """Whether a request can be sent to the client now."""
        return self._channel.asks and not self._is_closed

    @property
    def message_metadata(self) -> None:
        """None: the wire attaches no metadata."""

    @property
    def transport(self) -> TransportContext:
        """The kind of channel."""
        return TransportContext(kind="jsonrpc", can_send_request=self._channel.asks)

    @property
    def cancel_requested(self) -> anyio.Event:
        """Set when the client cancels the request."""
        if self._event is None:
            self._event = anyio.Event()
            if self.is_cancelled:
                self._event.set()
        return self._event

    def cancel(self) -> None:
        """Cancel the request for the client: stop the handler, send no response."""
        self.is_cancelled = True
        if self._event is not None:
            self._event.set()
        self.scope.cancel()

    def close(self) -> None:
        """The handler has returned."""
        self._is_closed = True

    async def send_raw_request(
        self, method: str, params: Params, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Send a request to the client, see `Channel.send_raw_request`."""
        if not self.can_send_request:
            raise NoBackChannelError(method)
        return await self._channel.send_raw_request(method, params, opts)

    async def notify(self, method: str, params: Params, opts: CallOptions | None = None) -> None:
        """Send a notification while the request is handled."""
        if not self._is_closed:
            await self._channel.notify(method, params, opts)

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Report progress if the client asked for it."""
        token = progress_token_from_params(self.message.params)
        if token is not None:
            told = {"progressToken": token, "progress": progress, "total": total, "message": message}
            given = {name: value for name, value in told.items() if value is not None}
            await self.notify("notifications/progress", given)


class Channel:
    """The messages of one client.

    `begin` gives the era that the first request opens. `cancelled` is told the request and the reason of
    every cancellation, `lost` that the client no longer reads.
    """

    def __init__(
        self,
        wire: Wire,
        begin: Callable[["Channel", types.JSONRPCRequest], Era],
        cancelled: Callable[[object, object], None],
        lost: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._begin = begin
        self._tell_cancelled = cancelled
        self._lost = wire.lost = lost
        self._era: Era | None = None
        self._early: list[types.JSONRPCMessage] = []
        self._handled: set[Inbound] = set()
        self._by_id: dict[types.RequestId, Inbound] = {}
        self._asked = 0
        self._questions: dict[
            types.RequestId, asyncio.Future[types.JSONRPCResponse | types.JSONRPCError]
        ] = {}
        self._closed = False
        self._writing = 0
        self.unanswered = 0
        self.first_answer = anyio.Event()

    @property
    def asks(self) -> bool:
        """Whether the client may be sent requests."""
        return self._era is not None and self._era.asks

    def progress(self) -> tuple[int, int]:
        """A value that changes whenever a request is answered or more bytes of a response are sent."""
        return self.unanswered, self._wire.sent if self._writing or not self.unanswered else 0

    async def take(self, message: types.JSONRPCMessage, *, replayed: bool = False) -> None:
        """Begin to handle a message. What `replayed` asks for was answered, and is made known to the era."""
        if self._era is None:
            if not isinstance(message, types.JSONRPCRequest):
                if len(self._early) < _MOST_EARLY:
                    self._early.append(message)
                return
            self._era = self._begin(self, message)
            for each in self._early:
                await self.take(each)
        if isinstance(message, types.JSONRPCRequest):
            request = Inbound(self, message, replayed)
            self._by_id[coerce_request_id(message.id)] = request
            self._handled.add(request)
            if not replayed:
                self.unanswered += 1
            request.task = asyncio.create_task(self._handle(self._era, request, message))
            if message.method == "initialize":  # later messages depend on it
                await asyncio.wait([request.task])
        elif isinstance(message, types.JSONRPCNotification):
            if message.method == "notifications/cancelled":
                self._cancel(message.params or {})
            told = Inbound(self, message)
            self._handled.add(told)
            told.task = asyncio.create_task(self._notice(self._era, told, message))
        elif message.id is not None:
            question = self._questions.get(coerce_request_id(message.id))
            if question is not None and not question.done():
                question.set_result(message)

    async def refuse(self, request: types.RequestId | None, error: types.ErrorData) -> None:
        """Answer a line that isn't a message with an error."""
        self.unanswered += 1
        await self._answer(_refusal(request, error))

    async def send_raw_request(
        self,
        method: str,
        params: Params,
        opts: CallOptions | None = None,  # noqa: ARG002 - nothing here sets any
    ) -> dict[str, Any]:
        """Send a request to the client and wait for the response.

        Raises:
            MCPError: the client answered with an error, or the channel is closed.
        """
        if self._closed:
            raise MCPError.from_error_data(_CLOSED)
        self._asked += 1
        number = self._asked
        given = {"params": dict(params)} if params else {}
        question = types.JSONRPCRequest(jsonrpc="2.0", id=number, method=method, **given)
        answer = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            try:
                await self._write(encode(question))
                outcome = await answer
            except anyio.get_cancelled_exc_class():
                with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
                    told = {"requestId": number, "reason": "caller cancelled"}
                    await self.notify("notifications/cancelled", told)
                raise
        finally:
            del self._questions[number]
        if isinstance(outcome, types.JSONRPCError):
            raise MCPError.from_error_data(outcome.error)
        return outcome.result

    async def notify(self, method: str, params: Params, opts: CallOptions | None = None) -> None:  # noqa: ARG002
        """Send a notification; dropped once the channel is closed."""
        if not self._closed:
            given = {} if params is None else {"params": dict(params)}
            await self._write(encode(types.JSONRPCNotification(jsonrpc="2.0", method=method, **given)))

    @property
    def is_settled(self) -> bool:
        """Whether every request is answered, and the operating system has taken the responses."""
        return not self.unanswered and not self._wire.unsent

    async def aclose(self) -> None:
        """Cancel all requests, answer them as cancelled, and return when everything is settled."""
        self._closed = True
        for question in self._questions.values():
            if not question.done():
                question.set_exception(MCPError.from_error_data(_CLOSED))
        with anyio.CancelScope(shield=True):
            for each in tuple(self._handled):
                each.scope.cancel()
            while tasks := [each.task for each in self._handled if each.task is not None]:
                await asyncio.wait(tasks)
            if self._era is not None:
                await self._era.aclose()

    def _cancel(self, params: Mapping[str, Any]) -> None:
        named = params.get("requestId")
        self._tell_cancelled(named, params.get("reason"))
        request = as_request_id(named)
        if request is not None and (found := self._by_id.get(coerce_request_id(request))) is not None:
            found.cancel()

    async def _handle(self, era: Era, request: Inbound, message: types.JSONRPCRequest) -> None:
        """Handle a request and answer it, unless its client cancelled it."""
        answers = False
        try:
            with request.scope:
                try:
                    result = await era.on_request(request, message.method, message.params)
                    answer = encode_result(message.id, result)
                except Exception as error:  # noqa: BLE001 - whatever goes wrong costs one request
                    told = era.error(message.method, error)
                    answer = _refusal(message.id, told)
                finally:
                    self._done(request, message)
                if not request.is_cancelled and not request.replayed:
                    answers = True
                    await self._answer(answer)
            if request.replayed or answers:
                return
            if request.is_cancelled:
                self.unanswered -= 1
                return
            with anyio.move_on_after(_LAST_WRITE_SECONDS, shield=True):  # the channel closes
                await self._answer(_refusal(message.id, _CLOSED))
        finally:
            self._handled.discard(request)

    def _done(self, request: Inbound, message: types.JSONRPCRequest) -> None:
        request.close()
        name = coerce_request_id(message.id)
        if self._by_id.get(name) is request:  # its id may be in use again
            del self._by_id[name]

    async def _notice(self, era: Era, told: Inbound, message: types.JSONRPCNotification) -> None:
        try:
            with told.scope:
                await era.on_notify(told, message.method, message.params)
        except Exception:
            _logger.exception("taking %r failed", message.method)
        finally:
            self._handled.discard(told)

    async def _answer(self, answer: bytes) -> None:
        self._writing += 1
        try:
            # Another response may follow in this turn of the loop; each write wakes the client.
            await self._write(answer, soon=len(self._handled) > 1)
        finally:
            self._writing -= 1
        self.unanswered -= 1
        self.first_answer.set()

    async def _write(self, line: bytes, *, soon: bool = False) -> None:
        try:
            await self._wire.write(line, soon=soon)
        except (BrokenPipeError, ConnectionResetError):
            self._lost()


def _refusal(request: types.RequestId | None, error: types.ErrorData) -> bytes:
    return encode(types.JSONRPCError(jsonrpc="2.0", id=request, error=error))
