"""Write a server's first answers, and the tools' outlines; run it after a change of any tool.

Usage: python scripts/first_answers.py
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from alya_mcp.gate import Gate, Policy
from alya_mcp.server.app_extension import EXTENSION, MEDIA_TYPE
from alya_mcp.server.dispatcher import Dispatcher, build_server, greeting
from alya_mcp.server.jsonrpc import encode
from alya_mcp.server.opening import DOCUMENT
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import OUTLINES, load_catalogue


async def ask(*requests: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of a new SDK server, one request after the other."""
    with tempfile.TemporaryDirectory() as home:
        hub = Hub(Settings(home=Path(home)), Gate(Policy.parse({"version": "1", "default": "allow"})))
        server = build_server(Dispatcher(hub, load_catalogue))
        to_server, from_client = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_client, from_server = anyio.create_memory_object_stream[SessionMessage](0)
        results: list[dict[str, Any]] = []
        async with anyio.create_task_group() as group, to_server, from_server:
            group.start_soon(server.run, from_client, to_client, greeting(server))
            for number, (method, params) in enumerate(requests):
                request = types.JSONRPCRequest(jsonrpc="2.0", id=number, method=method, params=params)
                await to_server.send(SessionMessage(request))
                results.append(json.loads(encode((await from_server.receive()).message))["result"])
            group.cancel_scope.cancel()
        await hub.aclose()
    return results


async def opening_of(version: str, capabilities: dict[str, Any]) -> list[dict[str, Any]]:
    """The greeting and the list of tools for a client with `capabilities`, in a version of the protocol."""
    if version in HANDSHAKE_PROTOCOL_VERSIONS:
        client = {"clientInfo": {"name": "x", "version": "1"}, "capabilities": capabilities}
        return await ask(("initialize", {"protocolVersion": version, **client}), ("tools/list", {}))
    keys = {"protocolVersion": version, "clientCapabilities": capabilities}
    envelope = {"_meta": {f"io.modelcontextprotocol/{name}": value for name, value in keys.items()}}
    return await ask(("server/discover", envelope), ("tools/list", envelope))


async def document() -> dict[str, Any]:
    """The first answers in every version of the protocol; listings that several versions share stand once.

    `pages` holds what differs for clients that declare MCP Apps.
    """
    made: dict[str, Any] = {
        "latest": LATEST_HANDSHAKE_VERSION,
        "modern": LATEST_MODERN_VERSION,
        "initialize": {},
        "discover": {},
        "tools/list": {},
        "pages": {"initialize": {}, "tools": {}},
        "listings": [],
    }
    found: dict[str, dict[str, Any]] = {}
    for version in (*HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION):
        met, found[version] = await opening_of(version, {})
        with_pages, listed = await opening_of(
            version, {"extensions": {EXTENSION: {"mimeTypes": [MEDIA_TYPE]}}}
        )
        if version == LATEST_MODERN_VERSION:
            made["discover"], made["pages"]["discover"] = met, with_pages["capabilities"]
        else:
            made["initialize"][version] = met
            made["pages"]["initialize"][version] = with_pages["capabilities"]
        made["pages"]["tools"] |= {
            each["name"]: each["_meta"] for each in listed["tools"] if "ui" in each["_meta"]
        }
    kept: list[str] = []  # as text: equal objects may differ in the order of their members
    for version, listed in found.items():
        tools = json.dumps(listed["tools"])
        if tools not in kept:
            kept.append(tools)
            made["listings"].append(listed["tools"])
        made["tools/list"][version] = {**listed, "tools": kept.index(tools)}
    return made


def text(made: dict[str, Any]) -> str:
    """The document, a tool a line, so that a change of one tool is a change of one line."""
    lines = json.dumps({name: each for name, each in made.items() if name != "listings"}, ensure_ascii=False)
    listings = [
        "[\n" + ",\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools) + "\n]"
        for tools in made["listings"]
    ]
    return f'{lines[:-1]},\n"listings": [\n' + ",\n".join(listings) + "\n]}\n"


def outlines() -> str:
    """What the command line knows of the tools without their modules, a tool a line."""
    members = ("name", "title", "category", "risk", "price", "schema")
    tools = ({name: getattr(tool, name) for name in members} for tool in load_catalogue().values())
    return "[\n" + ",\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools) + "\n]\n"


if __name__ == "__main__":
    OUTLINES.write_text(outlines(), encoding="utf-8")
    DOCUMENT.write_text(text(anyio.run(document)), encoding="utf-8")
