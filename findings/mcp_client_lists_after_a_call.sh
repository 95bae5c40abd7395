#!/usr/bin/env bash
# mcp 2.3.0 (and 1.30.0), Python 3.11
#
# `ClientSession.call_tool` checks a result's `structuredContent` against the tool's output schema. In a session that
# hasn't listed the tools it sends `tools/list` for that, after the call was answered. If this list fails, `call_tool`
# raises the list's error: the caller learns that the call failed, although the tool ran and its result had arrived. A
# caller that tries again runs the tool twice.
#
# Seen: with both versions the server gets initialize, tools/call, tools/list, answers the call, refuses the list, and
# call_tool raises "busy".
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
for version in 2.3.0 1.30.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet "mcp==$version"
done
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
        answer = {"error": {"code": -32603, "message": "busy"}}
    elif method == "tools/call":
        content = [{"type": "text", "text": "drawn"}]
        answer = {"result": {"content": content, "structuredContent": {"number": 7}}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main():
    server = StdioServerParameters(command=sys.executable, args=["server.py", "log.txt"])
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        try:
            print("call_tool returned", await session.call_tool("draw", {"prompt": "a cat"}))
        except Exception as error:
            return str(error)


raised = asyncio.run(main())
methods = [json.loads(line)["method"] for line in open("log.txt") if line.startswith("{")]
print("call_tool raised", repr(raised), "after", methods)
sys.exit(0 if raised == "busy" and methods[-2:] == ["tools/call", "tools/list"] else 1)
PYTHON
cd "$folder"
for version in 2.3.0 1.30.0; do
  rm -f log.txt
  "$folder/$version/bin/python" see.py
done
