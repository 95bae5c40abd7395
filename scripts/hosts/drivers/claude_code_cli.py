import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

home = Path.cwd() / "claude"
home.mkdir(exist_ok=True)
server = {"type": "stdio", "command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}
servers = home / "servers.json"
servers.write_text(json.dumps({"mcpServers": {"alya": server}}))
os.environ |= {
    "ANTHROPIC_BASE_URL": MODEL,
    "ANTHROPIC_API_KEY": "played",
    "CLAUDE_CONFIG_DIR": str(home),
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
program = f"{FOLDER}/node_modules/.bin/claude"
options = ["--mcp-config", str(servers), "--strict-mcp-config", "--allowedTools", "mcp__alya"]
os.execv(program, [program, "-p", PROMPT, *options])
