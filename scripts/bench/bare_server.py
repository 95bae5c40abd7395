"""The baseline: 32 tools on the SDK's low-level server and its own stdio transport, no gate, no log."""

import json

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

TOOLS = [
    types.Tool(
        name=f"tool_{number:02}",
        title=f"Tool {number}",
        description="Report one number of this server. "
        + "It says what it is for and what it returns. " * 12,
        input_schema={
            "type": "object",
            "properties": {
                "window": {
                    "type": "string",
                    "enum": ["session", "day", "month"],
                    "description": "Span to sum up.",
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "Rows at most."},
            },
        },
        output_schema={
            "type": "object",
            "properties": {"value": {"type": "number", "description": "The number."}},
        },
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )
    for number in range(32)
]


async def list_tools(_ctx: object, _params: object) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(_ctx: object, params: types.CallToolRequestParams) -> types.CallToolResult:
    data = {"value": 1.0, "tool": params.name}
    text = types.TextContent(type="text", text=json.dumps(data))
    return types.CallToolResult(content=[text], structured_content=data)


async def main() -> None:
    server = Server("bare", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
