import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

model = {
    "name": "played", "provider": "openai", "model": "played", "apiBase": f"{MODEL}/v1", "apiKey": "played",
    "roles": ["chat"], "capabilities": ["tool_use", "image_input"],
}  # fmt: skip
server = {"name": "alya", "command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT}
settings = {"name": "host", "version": "1.0.0", "schema": "v1", "models": [model], "mcpServers": [server]}
file = Path.cwd() / "config.yaml"
file.write_text(json.dumps(settings))  # JSON is YAML
os.environ |= {"CONTINUE_GLOBAL_DIR": str(Path.cwd() / "continue"), "CONTINUE_TELEMETRY_ENABLED": "0"}
program = f"{FOLDER}/node_modules/.bin/cn"
os.execv(program, [program, "--config", str(file), "--auto", "-p", PROMPT])
