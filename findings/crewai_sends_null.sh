#!/usr/bin/env bash
# crewai-tools 1.15.30 (mcpadapt 0.1.19) with mcp 1.30.0, Python 3.11
#
# MCPServerAdapter makes a pydantic model of a tool's input schema, in which each optional parameter has the default None.
# What the language model leaves out is then sent as null, although the tool's schema says integer: a server that
# validates its arguments refuses the call.
#
# Seen: run(prompt="a cat") sends {"prompt": "a cat", "seed": null}.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "crewai-tools[mcp]==1.15.30" crewai==1.15.30 mcpadapt==0.1.19 mcp==1.30.0
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
schema='{"type": "object", "properties": {"prompt": {"type": "string"}, "seed": {"type": "integer"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import json
import os
import sys

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
from crewai_tools import MCPServerAdapter
from mcp import StdioServerParameters

server = StdioServerParameters(command=sys.executable, args=["server.py", "log.txt", sys.argv[1]])
with MCPServerAdapter(server) as tools:
    tools[0].run(prompt="a cat")
(sent,) = [json.loads(line)["params"]["arguments"] for line in open("log.txt") if '"tools/call"' in line]
print("sent", sent)
sys.exit(0 if sent == {"prompt": "a cat", "seed": None} else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
