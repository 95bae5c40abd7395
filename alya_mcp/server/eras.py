"""The two eras of the protocol, each served by the SDK. A connection's first request decides which it is.

A client of the handshake era declares its capabilities once, in `initialize`. One of the modern era declares
them in the envelope of each request. The SDK implements both; this module replaces its `serve_dual_era_loop`,
without the streams that it needs.
"""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import mcp_types as types
from mcp.server.connection import Connection, NotifyOnlyOutbound
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.models import InitializationOptions
from mcp.server.runner import ServerRunner, aclose_shielded, modern_error_data, serve_one
from mcp.server.session import ServerSession
from mcp.shared.dispatcher import DispatchContext, Outbound
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp.shared.transport_context import TransportContext
from mcp_types.methods import validate_client_request
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS

from alya_mcp.server.channel import Era, Params
from alya_mcp.server.results import handshake_result

_logger = logging.getLogger(__name__)

_Context = DispatchContext[TransportContext]
_TOOLS_CALL: Final = "tools/call"


def era_of(
    opening: types.JSONRPCRequest,
    server: Server[Any],
    state: Any,
    outbound: Outbound,
    greeting: InitializationOptions,
) -> Era:
    """The era of a connection whose first request is `opening`."""
    if opening.method != "initialize" and _has_envelope(opening.params):
        return Modern(server, state, outbound)
    return Handshake(server, state, outbound, greeting)


class Handshake:
    """A connection of the handshake era; requests with the modern envelope are refused.

    A `tools/call` bypasses the SDK's runner, which copies its result three times. It is validated in the same
    way, and the response is the same byte for byte.
    """

    asks: ClassVar[bool] = True

    def __init__(
        self, server: Server[Any], state: Any, outbound: Outbound, greeting: InitializationOptions
    ) -> None:
        self._connection = Connection.for_loop(outbound)
        self._runner = ServerRunner(server, self._connection, state, init_options=greeting)
        self._state = state
        self._tools_call = server.get_request_handler(_TOOLS_CALL)

    async def on_request(self, ctx: _Context, method: str, params: Params) -> dict[str, Any]:
        """The result of a request."""
        if method != "initialize" and _has_envelope(params):
            raise MCPError(
                types.INVALID_REQUEST,
                "this connection serves the handshake protocol era; "
                "requests carrying the 2026-07-28 envelope are not accepted on it",
            )
        entry = self._tools_call
        if method != _TOOLS_CALL or entry is None or not self._connection.initialize_accepted:
            return await self._runner.on_request(ctx, method, params)
        version = self._connection.protocol_version
        validate_client_request(method, version, params)
        given = types.CallToolRequestParams.model_validate(params, by_name=False)
        request = ServerRequestContext[Any, Any](
            session=ServerSession(ctx, self._connection, request_meta=given.meta),
            lifespan_context=self._state,
            protocol_version=version,
            method=method,
            params=params,
            request_id=ctx.request_id,
            meta=given.meta,
        )
        return handshake_result(await entry.handler(request, given), version)

    async def on_notify(self, ctx: _Context, method: str, params: Params) -> None:
        """Take a notification."""
        await self._runner.on_notify(ctx, method, params)

    def error(self, method: str, error: Exception) -> types.ErrorData:
        """The error response for an exception."""
        told = handler_exception_to_error_data(error)
        if told is None:
            _logger.exception("handling %r failed", method, exc_info=error)
            told = types.ErrorData(code=0, message=str(error))
        return told

    async def aclose(self) -> None:
        """Close the connection's resources."""
        await aclose_shielded(self._connection)


class Modern:
    """A connection of the modern era: requests are independent, and the server sends none."""

    asks: ClassVar[bool] = False

    def __init__(self, server: Server[Any], state: Any, outbound: Outbound) -> None:
        self._server, self._state = server, state
        self._outbound = NotifyOnlyOutbound(outbound)

    async def on_request(self, ctx: _Context, method: str, params: Params) -> dict[str, Any]:
        """The result of a request."""
        if method == "initialize":
            raise MCPError(
                types.UNSUPPORTED_PROTOCOL_VERSION,
                "connection is serving the 2026-07-28 protocol; the initialize handshake is not accepted",
                _served((params or {}).get("protocolVersion")),
            )
        route = classify_inbound_request({"method": method, "params": params})
        if isinstance(route, InboundLadderRejection):
            raise MCPError(route.code, route.message, route.data)
        connection = Connection.from_envelope(
            route.protocol_version, route.client_info, route.client_capabilities, outbound=self._outbound
        )
        return await serve_one(
            self._server, ctx, method, params, connection=connection, lifespan_state=self._state
        )

    async def on_notify(self, ctx: _Context, method: str, params: Params) -> None:
        """Take a notification."""
        connection = Connection.from_envelope(LATEST_MODERN_VERSION, None, None, outbound=self._outbound)
        try:
            await ServerRunner(self._server, connection, self._state).on_notify(ctx, method, params)
        finally:
            await aclose_shielded(connection)

    def error(self, method: str, error: Exception) -> types.ErrorData:  # noqa: ARG002
        """The error response for an exception."""
        return modern_error_data(error)

    async def aclose(self) -> None:
        """Nothing to close: no state outlives a request."""


def _has_envelope(params: Params) -> bool:
    """Whether a request has the modern era's envelope, or a part of it."""
    meta = params.get("_meta") if params else None
    return isinstance(meta, Mapping) and types.PROTOCOL_VERSION_META_KEY in meta


def _served(requested: object) -> dict[str, Any]:
    """The error data that lists the supported versions, for a client that requested `requested`."""
    supported = list(MODERN_PROTOCOL_VERSIONS)
    if not isinstance(requested, str):
        return {"supported": supported}
    return types.UnsupportedProtocolVersionErrorData(supported=supported, requested=requested).model_dump(
        mode="json"
    )
