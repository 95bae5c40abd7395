#!/usr/bin/env bash
# autogen-ext 0.7.5 with mcp 1.30.0, Python 3.11
#
# McpWorkbench gives a call up after `read_timeout_seconds`, 5 s by default. The model is told of a time-out, the server of
# nothing: no `notifications/cancelled` follows. The tool goes on with work (and cost) whose result nobody takes, and a model
# that tries again starts it once more.
#
# Seen: is_error after 5 s; the server's last message two seconds later is still tools/call.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "autogen-ext[mcp]==0.7.5" autogen-core==0.7.5 mcp==1.30.0
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
        continue  # a tool that takes its time
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import json
import sys

from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams


async def main():
    server = StdioServerParams(command=sys.executable, args=["server.py", "log.txt", sys.argv[1]])
    async with McpWorkbench(server) as workbench:
        result = await workbench.call_tool("draw", {"prompt": "a cat"})
        await asyncio.sleep(2)
        return result.is_error, open("log.txt").read().splitlines()[-1]


error, last = asyncio.run(main())
print("is_error", error, "and the last message is", json.loads(last)["method"])
sys.exit(0 if error and json.loads(last)["method"] == "tools/call" else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
