"""Protocol in, gate, protocol out: the way of a call, and the only place that knows the MCP SDK.

A line from the client becomes a message, the SDK hands a `tools/call` message to `Dispatcher.call_tool`, that
asks the gate to admit, run and settle the tool, and what comes back becomes a `CallToolResult`.
"""

import base64
import json
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from alya_mcp import __version__
from alya_mcp.catalogue import Catalogue, Context, Image, Link, Output, Reply, Tool, load_catalogue
from alya_mcp.failures import Failure
from alya_mcp.gate import Call, Decision, Refused, StateError, TimedOut, ToolError, UnfitResult
from alya_mcp.hub import LARGEST_RESULT, Hub
from alya_mcp.stdio import Wire

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "alya-mcp gives you tools behind a policy that the person on this machine wrote. A refusal names its "
    "rule and what would help: tell the person rather than trying again. alya_status says what works on "
    "this machine, alya_usage what has been used and what is left. image_gen draws a picture and returns a "
    "URL: show the URL to the person, and pass on `notice` when there is one."
)
_LIST_TTL_MS = 30_000
_EXIT_GRACE = 0.8
_LAST_LOOKS = 20
_UNKNOWN_RULES = frozenset({"(unknown tool)", "(hidden)"})

RequestContext = ServerRequestContext[Any, Any]


class Dispatcher:
    """Answers `tools/list` and `tools/call` for one session."""

    def __init__(self, hub: Hub, load: Callable[[], Catalogue] = load_catalogue) -> None:
        self._hub = hub
        self._load = load
        self._session = secrets.token_hex(8)
        self._grant = "local" if hub.settings.grant is None else None
        self._wrong_policy: str | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        """The tools; imported when the first request needs them, after the handshake."""
        return self._load()

    @cached_property
    def _listing(self) -> Sequence[types.Tool]:
        return [_describe(tool) for tool in self.catalogue.values()]

    async def list_tools(
        self, _ctx: RequestContext, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Answer every tool that the policy doesn't hide, always in the same order.

        Raises:
            MCPError: a page was asked for; there is one alone.
        """
        if params is not None and params.cursor:
            raise MCPError(types.INVALID_PARAMS, "Unknown cursor: the list of tools has one page")
        gate = self._hub.gate
        tools = [tool for tool in self._listing if not gate.hidden(tool.name)]
        self._tell_of_policy()
        return types.ListToolsResult(tools=tools)

    async def call_tool(
        self, ctx: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Take one call through the gate.

        Raises:
            MCPError: the tool is unknown or hidden; both in the same words.
        """
        tool = self.catalogue.get(params.name)

        async def run(arguments: Mapping[str, Any]) -> types.CallToolResult:
            assert tool is not None, "the gate refuses an unknown tool before its handler"  # noqa: S101
            try:
                reply = await tool.run(arguments, self._context(ctx))
            except SystemExit as leaving:
                raise RuntimeError(f"{tool.name} tried to end the process") from leaving
            return _result(reply, self._hub)

        call = Call(
            tool=params.name,
            arguments=params.arguments or {},
            session=self._session,
            request=ctx.request_id,
            grant=self._grant,
            known=tool is not None,
            schema=tool.digest if tool else None,
            price=tool.price if tool else 0.0,
            category=tool.category if tool else None,
            validate=tool.validate if tool else None,
        )
        try:
            return await self._hub.gate.call(call, run)
        except Refused as refusal:
            if refusal.decision.rule in _UNKNOWN_RULES:
                raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:128]}") from None
            return _refusal(refusal.decision, self._hub)
        except (ToolError, TimedOut) as failure:
            return _error(self._hub.clean_text(str(failure)))
        except Exception:  # a bug in a tool costs one call, not the session
            reference = secrets.token_hex(4)
            logger.exception("%s failed (reference %s)", params.name, reference)
            return _error(
                f"{params.name} failed inside alya-mcp (reference {reference}). Nothing was returned. "
                "The particulars are in logs/server.log in the folder of alya-mcp's state."
            )
        finally:
            self._tell_of_policy()

    def _tell_of_policy(self) -> None:
        """Say it once when the policy file turned out wrong, and when it is right again."""
        error = self._hub.gate.policy_error
        wrong = None if error is None else str(error)
        if wrong == self._wrong_policy:
            return
        self._wrong_policy = wrong
        if wrong is None:
            logger.warning("the policy file is in force again")
        else:
            logger.error("the policy file is wrong and not in force:\n%s", wrong)

    def _context(self, ctx: RequestContext) -> Context:
        last = -1.0

        async def progress(done: float, total: float, message: str) -> None:
            nonlocal last
            if done > last:
                last = done
                await ctx.session.report_progress(done, total, message)

        return Context(hub=self._hub, session=self._session, grant=self._grant or "", progress=progress)


def build_server(dispatcher: Dispatcher) -> Server[Any]:
    """The SDK's server around one dispatcher."""
    server: Server[Any] = Server(
        "alya-mcp",
        version=__version__,
        title="Alya",
        description="Tools behind a policy gate; images by FLUX.1-schnell on this machine's GPU.",
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": CacheHint(ttl_ms=_LIST_TTL_MS, scope="private")},
        on_list_tools=dispatcher.list_tools,
        on_call_tool=dispatcher.call_tool,
    )
    server.middleware.clear()  # tracing that nothing here exports; see docs/performance.md
    return server


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
                message = _decode(line)
            except MCPError as refusal:
                open_requests.received()
                answer = types.JSONRPCError(jsonrpc="2.0", id=_request_id(line), error=refusal.error)
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
            await wire.write(_encode(item.message))
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


def _encode(message: types.JSONRPCMessage) -> bytes:
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except ValueError:
        logger.exception("a message could not be written as JSON")
        error = types.ErrorData(code=types.INTERNAL_ERROR, message="The answer could not be written as JSON")
        broken = types.JSONRPCError(jsonrpc="2.0", id=_writable(getattr(message, "id", None)), error=error)
        return broken.model_dump_json(by_alias=True).encode()


def _decode(line: bytes) -> types.JSONRPCMessage:
    """The message in `line`.

    Raises:
        MCPError: saying why the line holds no request, notification or response.
    """
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if problem["type"] == "json_invalid":
            why = problem.get("ctx", {}).get("error", "the line is not JSON")
            raise MCPError(types.PARSE_ERROR, f"Parse error: {why}") from None
        if line.lstrip().startswith(b"["):
            why = "batches are not part of MCP; send one message a line"
        else:
            why = "not a JSON-RPC 2.0 message"
        raise MCPError(types.INVALID_REQUEST, f"Invalid request: {why}") from None
    if isinstance(message, types.JSONRPCNotification) and b'"id"' in line and "id" in json.loads(line):
        raise MCPError(types.INVALID_REQUEST, "Invalid request: the id must be a string or a whole number")
    return message


def _request_id(line: bytes) -> str | int | None:
    """The id to answer a line under that is no message, None where none can be told."""
    try:
        value: Any = json.loads(line.decode())
        return None if "result" in value or "error" in value else _writable(value["id"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _writable(given: object) -> str | int | None:
    """`given` if it is a request id that can be written as JSON, else None."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        return None
    try:
        str(given).encode()
    except ValueError:
        return None
    return given


def _describe(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations.model_validate({"title": tool.title, **tool.annotations}),
        _meta={"alya/category": tool.category, "alya/risk": tool.risk, "alya/priceUsd": tool.price},
    )


def _result(reply: Reply[Output], hub: Hub) -> types.CallToolResult:
    """What the client gets of a reply.

    Raises:
        UnfitResult: when it is larger than clients take.
    """
    data = hub.clean(reply.data.model_dump(mode="json", by_alias=True))
    text = json.dumps(data, ensure_ascii=False)
    content: list[types.ContentBlock] = [
        types.TextContent(type="text", text=text),
        *(_block(each) for each in reply.attachments),
    ]
    result = types.CallToolResult(content=content, structured_content=data)
    if reply.attachments or 3 * len(text) > LARGEST_RESULT:  # as data, and escaped once more as text
        size = len(result.model_dump_json(by_alias=True))
        if size > LARGEST_RESULT:
            raise UnfitResult(
                f"the result has {size:,} characters; at most {LARGEST_RESULT:,} can be sent, so ask for less"
            )
    return result


def _block(attachment: Link | Image) -> types.ContentBlock:
    if isinstance(attachment, Link):
        return types.ResourceLink(
            type="resource_link",
            uri=attachment.url,
            name=attachment.name,
            title=attachment.title,
            mime_type=attachment.content_type,
            size=attachment.size,
        )
    data = base64.b64encode(attachment.data).decode("ascii")
    return types.ImageContent(type="image", data=data, mime_type=attachment.content_type)


def _refusal(decision: Decision, hub: Hub) -> types.CallToolResult:
    text = decision.message
    if hub.gate.policy_error is not None:
        wrong = hub.gate.policy_error.problems[0]
        text += f" (The policy file is wrong and not in force: {wrong}. `alya-mcp policy check` shows all.)"
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=hub.clean_text(text))],
        is_error=True,
        _meta={"alya/decision": decision.as_meta()},
    )


def _error(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)
