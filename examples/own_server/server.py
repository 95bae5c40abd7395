"""A notes server whose every tool call passes the gate: `python examples/own_server/server.py`.

It keeps notes in memory. `policy.json` beside it limits writing, asks before everything is deleted, and hides
nothing. State and audit log are in the folder `state` beside this file.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp import stdio_server
from mcp.server.lowlevel import Server

from alya_mcp.gate import Audit, Call, Gate, InvalidArguments, PolicyFile, Refused, SqliteState

HERE = Path(__file__).parent
NOTES: dict[str, str] = {}

TEXT = {"type": "string", "maxLength": 1000}


async def write_note(arguments: Mapping[str, Any]) -> str:
    """Keep a note; one of the same name is replaced."""
    NOTES[arguments["name"]] = arguments["text"]
    return f"{len(NOTES)} notes"


async def read_note(arguments: Mapping[str, Any]) -> str:
    """Return the text of a note."""
    return NOTES.get(arguments["name"], "there is no such note")


async def delete_all(_arguments: Mapping[str, Any]) -> str:
    """Delete every note."""
    count = len(NOTES)
    NOTES.clear()
    return f"deleted {count} notes"


TOOLS: dict[str, tuple[Callable[[Mapping[str, Any]], Awaitable[str]], tuple[str, ...]]] = {
    "write_note": (write_note, ("name", "text")),
    "read_note": (read_note, ("name",)),
    "delete_all": (delete_all, ()),
}


def checked(tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """`arguments` if they are the tool's texts; the gate judges and the handler gets what this returns."""
    wanted = TOOLS[tool][1]
    if set(arguments) != set(wanted) or not all(isinstance(value, str) for value in arguments.values()):
        raise InvalidArguments(f"{tool} takes these texts: {', '.join(wanted) or 'none'}")
    return arguments


async def no_handler(_arguments: Mapping[str, Any]) -> str:
    """Stand in for the handler of an unknown tool, whose call the gate always refuses."""
    raise AssertionError("the gate let an unknown tool through")


async def main() -> None:
    """Serve on standard input and output until the client closes."""
    state = SqliteState(HERE / "state" / "state.sqlite")
    gate = Gate(PolicyFile(HERE / "policy.json"), state, Audit(HERE / "state" / "audit", state))

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    input_schema={"type": "object", "properties": dict.fromkeys(wanted, TEXT)},
                )
                for name, (_, wanted) in TOOLS.items()
                if not gate.hidden(name)
            ]
        )

    async def call_tool(context: Any, params: Any) -> types.CallToolResult:
        known = params.name in TOOLS
        handler = TOOLS[params.name][0] if known else no_handler
        call = Call(
            tool=params.name,
            arguments=params.arguments or {},
            session="stdio",
            request=context.request_id,
            known=known,
            validate=(lambda given: checked(params.name, given)) if known else None,
        )
        try:
            text = await gate.call(call, handler, deadline=10)
        except Refused as refusal:
            return types.CallToolResult(
                content=[types.TextContent(type="text", text=str(refusal))],
                is_error=True,
                _meta={"alya/decision": refusal.decision.as_meta()},
            )
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)])

    server = Server("notes", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
    gate.close()


if __name__ == "__main__":
    anyio.run(main)
