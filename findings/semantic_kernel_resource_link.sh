#!/usr/bin/env bash
# semantic-kernel 1.45.0 with mcp 1.30.0, Python 3.11
#
# A tool result that holds a `resource_link` beside its text can't be read by MCPStdioPlugin: it hands the link's AnyUrl to
# BinaryContent, whose `uri` takes a Url or a string. The whole call is reported as failed, the text with it, though the
# tool ran.
#
# Seen: a result of text alone arrives; the same with a link raises FunctionExecutionException, caused by a ValidationError.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet semantic-kernel==1.45.0 mcp==1.30.0
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
        content = [{"type": "text", "text": "drawn"}]
        if sys.argv[-1] == "link":
            content.append({"type": "resource_link", "uri": "https://example.com/a.png", "name": "a.png"})
        answer = {"result": {"content": content}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.py" <<'PYTHON'
import asyncio
import sys

from semantic_kernel.connectors.mcp import MCPStdioPlugin
from semantic_kernel.exceptions import FunctionExecutionException


async def call(link):
    arguments = ["server.py", "log.txt", sys.argv[1], *(["link"] if link else [])]
    async with MCPStdioPlugin(name="tiny", command=sys.executable, args=arguments) as plugin:
        try:
            return str((await plugin.call_tool("draw", prompt="a cat"))[0].text)
        except FunctionExecutionException as error:
            return f"{error} ({type(error.__cause__).__name__})"


text, link = asyncio.run(call(False)), asyncio.run(call(True))
print("text alone:", text)
print("text and a link:", link)
sys.exit(0 if text == "drawn" and "Failed to call tool" in link and "ValidationError" in link else 1)
PYTHON
cd "$folder" && "$folder/env/bin/python" see.py "$schema"
