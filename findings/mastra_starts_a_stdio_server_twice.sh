#!/usr/bin/env bash
# @mastra/mcp 2.0.0, Node 20
#
# MCPClient finds out which protocol a stdio server speaks by a `server/discover` in a process of its own, ends it, and then
# starts the command a second time for the session. A server that takes a lock, a port or seconds to load does so twice. What
# the tool's `execute` returns is the structured content alone: text and pictures beside it are dropped.
#
# Seen: two processes, the first with server/discover as its only message; the result is {"number": 7}, without its text.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm init --yes > /dev/null && npm install --silent @mastra/mcp@2.0.0 > /dev/null)
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
            "outputSchema": {"type": "object", "properties": {"number": {"type": "integer"}}},
        }]}}
    elif method == "tools/call":
        content = [{"type": "text", "text": "drawn"}]
        answer = {"result": {"content": content, "structuredContent": {"number": 7}}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
PYTHON
schema='{"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}'
cat > "$folder/see.mjs" <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { MCPClient } from "@mastra/mcp";

const server = { command: "python3", args: ["server.py", "log.txt", process.argv[2]] };
const client = new MCPClient({ servers: { tiny: server } });
const { tiny_draw: draw } = await client.listTools();
const result = await draw.execute({ prompt: "a cat" }, {});
await client.disconnect();
const processes = readFileSync("log.txt", "utf8").split("started").slice(1);
const methods = processes.map((each) => each.trim().split("\n").map((line) => JSON.parse(line).method));
console.log(JSON.stringify(methods), JSON.stringify(result));
const twice = methods.length === 2 && String(methods[0]) === "server/discover";
process.exit(twice && JSON.stringify(result) === '{"number":7}' ? 0 : 1);
JAVASCRIPT
cd "$folder" && node see.mjs "$schema"
