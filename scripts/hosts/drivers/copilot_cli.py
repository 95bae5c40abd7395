import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

server = {"type": "local", "command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT, "tools": ["*"]}
file = Path.cwd() / "servers.json"
file.write_text(json.dumps({"mcpServers": {"alya": server}}))
os.environ |= {
    "COPILOT_PROVIDER_BASE_URL": f"{MODEL}/v1",
    "COPILOT_PROVIDER_API_KEY": "played",
    "COPILOT_MODEL": "played",
    "COPILOT_OFFLINE": "true",
    "COPILOT_HOME": str(Path.cwd() / "copilot"),
}
program = f"{FOLDER}/node_modules/.bin/copilot"
options = ["--allow-all-tools", "--disable-builtin-mcps", "--additional-mcp-config", f"@{file}"]
os.execv(program, [program, "-p", PROMPT, *options])
