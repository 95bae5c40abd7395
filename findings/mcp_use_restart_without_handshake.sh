#!/usr/bin/env bash
# mcp-use 1.7.1 with mcp 1.30.0, Python 3.11
#
# When a stdio server's process has ended between two calls, the session starts the command again for the next call and
# sends `tools/call` as the first message: no `initialize`, no `notifications/initialized`. A server that holds clients to the
# protocol's order refuses every call from then on.
#
# Seen: the second process gets tools/call as its first message.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mcp-use==1.7.1 mcp==1.30.0
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
        if message["params"]["arguments"]["prompt"] == "leave":
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
            sys.exit()
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import json
import os
import sys

os.environ["MCP_USE_ANONYMIZED_TELEMETRY"] = "false"
from mcp_use import MCPClient


async def main():
    tiny = {"command": sys.executable, "args": ["server.py", "log.txt", sys.argv[1]]}
    client = MCPClient({"mcpServers": {"tiny": tiny}})
    session = await client.create_session("tiny")
    for prompt in ("leave", "a dog"):
        await session.call_tool("draw", {"prompt": prompt})
        await asyncio.sleep(1)
    await client.close_all_sessions()


asyncio.run(main())
first, second = (part.strip().splitlines() for part in open("log.txt").read().split("started")[1:])
print("first process:", [json.loads(line)["method"] for line in first])
print("second process:", [json.loads(line)["method"] for line in second])
sys.exit(0 if '"initialize"' in first[0] and '"tools/call"' in second[0] else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
