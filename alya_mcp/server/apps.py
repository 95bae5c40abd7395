"""MCP Apps: pages of tools, offered only to clients that declare the extension.

A page is a resource. Reading it doesn't pass the gate, as it contains only files of the package. Each call
that a page makes is a `tools/call` of its client, and passes the gate like any other.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import anyio
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError

from alya_mcp.errors import Failure
from alya_mcp.server.app_extension import EXTENSION, MEDIA_TYPE, declares_apps
from alya_mcp.server.approvals import RequestContext, is_modern
from alya_mcp.toolkit.listing import visible
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Tool
from alya_mcp.tools import Catalogue

logger = logging.getLogger(__name__)

_NOT_FOUND: Final = -32002
"""The error code of the handshake era; the modern era uses INVALID_PARAMS."""
_STORE_SECONDS: Final = 10.0
_GREETINGS: Final = frozenset({"initialize", "server/discover"})


def shows_apps(ctx: RequestContext) -> bool:
    """Whether the client declared the extension, in this request or in the handshake."""
    declared = ctx.session.client_capabilities
    return declared is not None and declares_apps(declared.extensions)


def with_page(tool: types.Tool, uri: str | None) -> types.Tool:
    """The tool's listing with its page, if it has one, for a client that shows pages."""
    if uri is None:
        return tool
    return tool.model_copy(update={"meta": {**(tool.meta or {}), "ui": {"resourceUri": uri}}})


async def where_declared(ctx: RequestContext, call_next: CallNext) -> HandlerResult:
    """Middleware that hides the extension and its resources from clients that didn't declare it."""
    if ctx.method not in _GREETINGS and not ctx.method.startswith("resources/"):
        return await call_next(ctx)
    if ctx.method == "initialize":
        asked = cast("Mapping[str, Any]", ctx.params or {}).get("capabilities")
        declared = isinstance(asked, Mapping) and declares_apps(
            cast("Mapping[str, object]", asked).get("extensions")
        )
    else:
        declared = shows_apps(ctx)
    if not declared and ctx.method.startswith("resources/"):
        raise MCPError(types.METHOD_NOT_FOUND, "Method not found", ctx.method)
    result = await call_next(ctx)
    if not declared and ctx.method in _GREETINGS and isinstance(result, dict):
        _leave_out(cast("dict[str, Any]", result["capabilities"]))
    return result


def _leave_out(capabilities: dict[str, Any]) -> None:
    """Remove the pages' entries from the server's capabilities."""
    capabilities.pop("resources", None)
    extensions = capabilities.pop("extensions", {})
    extensions.pop(EXTENSION, None)
    if extensions:
        capabilities["extensions"] = extensions


class Apps:
    """The pages of the tools that exist for the caller."""

    def __init__(self, hub: Hub, catalogue: Callable[[], Catalogue]) -> None:
        self._hub = hub
        self._catalogue = catalogue

    async def list_pages(
        self, _ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Answer the pages of the tools that the policy doesn't hide."""
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=tool.page_uri, name=tool.name, title=tool.title, mime_type=MEDIA_TYPE)
                for tool in self._visible().values()
                if tool.page_uri is not None
            ]
        )

    async def list_templates(
        self, _ctx: RequestContext, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Answer that there are none: clients ask for templates if a server has resources."""
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_page(
        self, ctx: RequestContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Answer a page, with the origin that it may load pictures from.

        Raises:
            MCPError: there is no such page, or its tool is hidden; both in the same words.
        """
        tool = next((each for each in self._visible().values() if each.page_uri == params.uri), None)
        if tool is None:
            code = types.INVALID_PARAMS if is_modern(ctx) else _NOT_FOUND
            raise MCPError(code, "Resource not found", {"uri": params.uri[:256]})
        origin = await self._origin()
        page: dict[str, Any] = {
            "csp": {"resourceDomains": [] if origin is None else [origin]},
            "permissions": {"clipboardWrite": {}},
            "prefersBorder": True,
        }
        contents = types.TextResourceContents(
            uri=params.uri, mime_type=MEDIA_TYPE, text=tool.page, _meta={"ui": page}
        )
        return types.ReadResourceResult(contents=[contents])

    def _visible(self) -> Mapping[str, Tool]:
        return visible(self._catalogue(), self._hub.gate, self._hub.caller())

    async def _origin(self) -> str | None:
        """The origin of links to pictures; None if the store can't tell, which its first picture reports."""
        try:
            with anyio.move_on_after(_STORE_SECONDS):
                return await self._hub.store.origin()
        except Failure as failure:
            logger.warning("the page of a picture can't load it from its store: %s", failure)
        return None
