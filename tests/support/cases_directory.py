"""Directories of agents and applications, for the tests that every source has to pass."""

from typing import Any

import directory_answers as answers
from source_case import SourceCase

from alya_mcp.llm import a2a
from alya_mcp.net.client import Http
from alya_mcp.tools.directory.logic.agents import Agent
from alya_mcp.tools.directory.logic.apps import App
from alya_mcp.tools.directory.sources import itunes, mcp_registry, snapcraft


def are_servers(value: tuple[list[Agent], str | None]) -> None:
    assert value[0]
    assert all(agent.slug.startswith("mcp/") for agent in value[0])


def is_server(value: Agent | None) -> None:
    assert value is not None
    assert value.slug == "mcp/io.github.someone/weather"


def are_apps(value: list[App]) -> None:
    assert value
    assert all(app.name and app.url.startswith("https://") for app in value)


def is_said(value: str) -> None:
    assert value == "Yes."


async def registry_page(http: Http) -> Any:
    return await mcp_registry.page(http, limit=5)


async def registry_server(http: Http) -> Any:
    return await mcp_registry.server(http, "io.github.someone/weather")


async def itunes_search(http: Http) -> Any:
    return await itunes.search(http, "payroll", platform="ios", country="us")


async def snap_search(http: Http) -> Any:
    return await snapcraft.search(http, "invoice")


async def a2a_ask(http: Http) -> Any:
    return await a2a.ask(http, "Is it?", key=None)


ANSWER = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {"message": {"role": "ROLE_AGENT", "parts": [{"text": "Yes."}]}},
}

CASES = [
    SourceCase(
        name="MCP Registry",
        source=mcp_registry.MCP_REGISTRY,
        ask=registry_page,
        answers={"/v0.1/servers": answers.servers(answers.server())},
        right=are_servers,
        records="servers",
    ),
    SourceCase(
        name="MCP Registry, one",
        source=mcp_registry.MCP_REGISTRY,
        ask=registry_server,
        answers={"/v0.1/servers/*": answers.server()},
        right=is_server,
        live=False,
    ),
    SourceCase(
        name="App Store",
        source=itunes.ITUNES,
        ask=itunes_search,
        answers={"/search": answers.itunes(answers.app())},
        right=are_apps,
        records="results",
        old=86_400.0,
    ),
    SourceCase(
        name="Snap Store",
        source=snapcraft.SNAPCRAFT,
        ask=snap_search,
        answers={"/v2/snaps/find": answers.snaps(answers.snap())},
        right=are_apps,
        records="results",
        old=86_400.0,
    ),
    SourceCase(
        name="A2A",
        source=a2a.A2A,
        ask=a2a_ask,
        answers={"": ANSWER, "/": ANSWER},
        right=is_said,
        kept=False,
        live=False,
    ),
]
