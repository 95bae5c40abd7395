#!/usr/bin/env bash
# llama-index-tools-mcp 0.6.0 with mcp 2.3.0, Python 3.11
#
# McpToolSpec turns a tool's input schema into a pydantic model and gives the model's schema to the language model. Types,
# enumerations and descriptions survive; `minimum`, `maximum` and `maxLength` don't, and an optional integer becomes one that
# may be null. The language model can't know a bound that the server refuses by.
#
# Seen: of maxLength 200, minimum 1 and maximum 9 none is left; `seed` is integer or null.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet llama-index-tools-mcp==0.6.0 mcp==2.3.0
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
        answer = {"result": {"tools": [{"name": "draw", "description": "Draw.", "inputSchema": json.loads(sys.argv[2])}]}}
    elif method == "tools/call":
        answer = {"result": {"content": [{"type": "text", "text": "drawn"}]}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string", "maxLength": 200}, "seed": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import json
import sys

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main():
    client = BasicMCPClient(sys.executable, args=["server.py", "log.txt", sys.argv[1]])
    (tool,) = await McpToolSpec(client=client).to_tool_list_async()
    return tool.metadata.get_parameters_dict()


shown = asyncio.run(main())
print(json.dumps(shown))
nullable = {"type": "null"} in shown["properties"]["seed"]["anyOf"]
lost = not any(word in json.dumps(shown) for word in ("minimum", "maximum", "maxLength"))
sys.exit(0 if nullable and lost else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
