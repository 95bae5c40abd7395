import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

home = Path.cwd() / "codex"
home.mkdir(exist_ok=True)
variables = ", ".join(f"{name} = {json.dumps(value)}" for name, value in ENVIRONMENT.items())
(home / "config.toml").write_text(
    f"""
model = "gpt-5"
model_provider = "played"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.played]
name = "played"
base_url = "{MODEL}/v1"
wire_api = "responses"
env_key = "PLAYED_KEY"

[mcp_servers.alya]
command = {json.dumps(COMMAND)}
args = {json.dumps(ARGUMENTS)}
env = {{ {variables} }}
"""
)
os.environ |= {"CODEX_HOME": str(home), "PLAYED_KEY": "played"}
program = f"{FOLDER}/node_modules/.bin/codex"
os.execv(program, [program, "exec", "--skip-git-repo-check", PROMPT])
