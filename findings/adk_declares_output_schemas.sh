#!/usr/bin/env bash
# google-adk 2.13.0 with mcp 2.3.0, Python 3.11
#
# A tool's output schema, which is for checking results, becomes part of the function declaration that goes to the language
# model with every request. A server with long output schemas costs its users those tokens in each turn.
#
# Seen: of a declaration of 2,202 characters the output schema's description is 2,000.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet google-adk==2.13.0 mcp==2.3.0
cat > "$folder/server.py" <<'PYTHON'
import json
import sys

log = open(sys.argv[1], "a", buffering=1)
print("started", file=log)
for line in sys.stdin:
    log.write(line)
    message = json.loads(line)
    method = message.get("method")
    if "id" not in message:
        continue
    answer = {"error": {"code": -32601, "message": "Method not found"}}
    if method == "initialize":
        info = {"name": "tiny", "version": "1"}
        answer = {"result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}}
    elif method == "tools/list":
        answer = {"result": {"tools": [{
            "name": "draw",
            "description": "Draw.",
            "inputSchema": json.loads(sys.argv[2]),
            "outputSchema": {"type": "object", "description": "w" * 2_000},
        }]}}
    elif method == "tools/call":
        answer = {"result": {"content": [{"type": "text", "text": "drawn"}]}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import sys

from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from mcp import StdioServerParameters


async def main():
    server = StdioServerParameters(command=sys.executable, args=["server.py", "log.txt", sys.argv[1]])
    toolset = McpToolset(connection_params=StdioConnectionParams(server_params=server))
    (tool,) = await toolset.get_tools()
    declared = tool._get_declaration().model_dump_json(exclude_none=True)
    await toolset.close()
    return declared


declared = asyncio.run(main())
print(len(declared), "characters;", declared.count("w"), "of the output schema's 2,000")
sys.exit(0 if "response_json_schema" in declared and declared.count("w") >= 2_000 else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
