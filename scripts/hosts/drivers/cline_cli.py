import json
import os
import subprocess
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

home = Path.cwd() / "cline"
program = f"{FOLDER}/node_modules/.bin/cline"
places = ["--config", str(home), "--data-dir", str(home / "data")]
(home / "data" / "settings").mkdir(parents=True, exist_ok=True)
server = {"command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT, "type": "stdio"}
(home / "data" / "settings" / "cline_mcp_settings.json").write_text(
    json.dumps({"mcpServers": {"alya": server}})
)
os.environ["CLINE_NO_AUTO_UPDATE"] = "1"
signing = [
    "auth",
    "--provider",
    "openai",
    "--apikey",
    "played",
    "--baseurl",
    f"{MODEL}/v1",
    "--modelid",
    "played",
]
subprocess.run([program, *places, *signing], check=True)
os.execv(program, [program, *places, PROMPT])
