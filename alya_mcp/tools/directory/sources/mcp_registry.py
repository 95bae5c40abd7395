"""The MCP Registry: servers that anybody can run or connect to.

https://github.com/modelcontextprotocol/registry, docs/reference/api; it searches in names alone.
"""

from typing import Final, Literal
from urllib.parse import quote

from pydantic import Field

from alya_mcp.net import urls as links
from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.directory.logic.agents import Agent, Endpoint

MCP_REGISTRY: Final = SOURCES["mcp_registry"]
SLUG: Final = "mcp/"
MOST: Final = 100
_FRESH: Final = 3600.0
_STALE: Final = 30 * 86_400.0
_OFFICIAL: Final = "io.modelcontextprotocol.registry/official"


class _Remote(Shape):
    type: str
    url: str


class _Package(Shape):
    registry_type: str = Field(alias="registryType")
    identifier: str
    version: str | None = None


class _Server(Shape):
    name: str
    title: str | None = None
    description: str = ""
    version: str | None = None
    website: str | None = Field(None, alias="websiteUrl")
    packages: Records[_Package] = Field(default_factory=list[_Package])
    remotes: Records[_Remote] = Field(default_factory=list[_Remote])


class _Official(Shape):
    status: Literal["active", "deprecated", "deleted"] = "active"


class _Meta(Shape):
    official: _Official | None = Field(None, alias=_OFFICIAL)


class _Entry(Shape):
    server: _Server
    meta: _Meta | None = Field(None, alias="_meta")


class _Metadata(Shape):
    next_cursor: str | None = Field(None, alias="nextCursor")


class _Page(Shape):
    servers: Records[_Entry]
    metadata: _Metadata


async def page(
    http: Http, *, limit: int, cursor: str | None = None, search: str | None = None
) -> Fetched[tuple[list[Agent], str | None]]:
    """The newest versions of at most `limit` servers, by name, and the cursor of the page after."""
    params: dict[str, str | int] = {"limit": min(limit, MOST), "version": "latest"}
    if cursor:
        params["cursor"] = cursor
    if search:
        params["search"] = search
    return await http.get(
        MCP_REGISTRY, "/v0.1/servers", params, read=_page, fresh_for=_FRESH, stale_for=_STALE
    )


async def server(http: Http, name: str) -> Fetched[Agent | None]:
    """The newest version of a server by its name; None when it was deleted.

    Raises:
        SourceRefused: with status 404 when there is none of that name.
    """
    return await http.get(
        MCP_REGISTRY,
        f"/v0.1/servers/{quote(name, safe='')}/versions/latest",
        read=_one,
        fresh_for=_FRESH,
        stale_for=_STALE,
    )


def _page(body: Body) -> tuple[list[Agent], str | None]:
    answer = body.json(_Page)
    found = [agent for entry in answer.servers if (agent := _agent(entry)) is not None]
    return found, answer.metadata.next_cursor or None


def _one(body: Body) -> Agent | None:
    return _agent(body.json(_Entry))


def _agent(entry: _Entry) -> Agent | None:
    official = (entry.meta and entry.meta.official) or _Official()
    if official.status == "deleted":
        return None
    server = entry.server
    return Agent(
        slug=f"{SLUG}{server.name}",
        name=server.title or server.name,
        description=server.description,
        version=server.version,
        endpoints=tuple(
            Endpoint(url=url, protocol=f"MCP, {remote.type}")
            for remote in server.remotes
            if (url := links.shown(remote.url)) is not None
        ),
        packages=tuple(
            f"{package.registry_type}:{package.identifier}"
            + (f"@{package.version}" if package.version else "")
            for package in server.packages
        ),
        homepage=links.shown(server.website or ""),
        state=official.status,
        source=MCP_REGISTRY.title,
    )
