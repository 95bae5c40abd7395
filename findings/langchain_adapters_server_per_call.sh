#!/usr/bin/env bash
# langchain-mcp-adapters 0.3.2 with mcp 1.30.0, Python 3.11
#
# The tools of `MultiServerMCPClient.get_tools()` start the configured command anew for each call and end it afterwards. What
# a server keeps in memory (a loaded model, a session's counters, a connection) is gone between two calls. A
# `resource_link` to a picture reaches the chat model as an image block with that address, which a provider fetches itself.
#
# Seen: get_tools() and two calls start three processes; the link of the result is a block of type "image" with its url.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet langchain-mcp-adapters==0.3.2 mcp==1.30.0
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
        link = {"uri": "https://example.com/a.png", "name": "a.png", "mimeType": "image/png"}
        content = [{"type": "text", "text": "drawn"}, {"type": "resource_link", **link}]
        answer = {"result": {"content": content}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main():
    arguments = ["server.py", "log.txt", sys.argv[1]]
    tiny = {"transport": "stdio", "command": sys.executable, "args": arguments}
    (tool,) = await MultiServerMCPClient({"tiny": tiny}).get_tools()
    await tool.ainvoke({"prompt": "a cat"})
    return await tool.ainvoke({"prompt": "a dog"})


blocks = asyncio.run(main())
starts = open("log.txt").read().count("started")
print(starts, "processes; blocks:", [(each["type"], each.get("url")) for each in blocks])
sys.exit(0 if starts == 3 and blocks[1]["type"] == "image" and blocks[1]["url"] == "https://example.com/a.png" else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
