"""A client of either era that declares MCP Apps, or doesn't."""

from typing import Any

from raw_client import LEGACY, RawClient, envelope

URI = "ui://alya-mcp/image_gen"
MEDIA_TYPE = "text/html;profile=mcp-app"
DECLARED = {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": [MEDIA_TYPE]}}}


class Peer:
    """A client of one era, which may declare the extension."""

    def __init__(self, client: RawClient, era: str, capabilities: dict[str, Any]) -> None:
        self._client = client
        self._meta = {}
        if era == "legacy":
            self.greeting = client.initialize(LEGACY, capabilities)
        else:
            declared = {"io.modelcontextprotocol/clientCapabilities": capabilities}
            self._meta = {"_meta": envelope() | declared}
            self.greeting = self.ask("server/discover")["result"]

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._client.request(method, {**params, **self._meta})

    def about(self, tool: str) -> dict[str, Any]:
        tools = self.ask("tools/list")["result"]["tools"]
        return next(each["_meta"] for each in tools if each["name"] == tool)
