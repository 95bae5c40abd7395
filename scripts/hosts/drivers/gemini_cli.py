import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

home = Path.cwd() / "gemini"
(home / ".gemini").mkdir(parents=True, exist_ok=True)
server = {"command": COMMAND, "args": ARGUMENTS, "env": ENVIRONMENT, "trust": True}
settings = {
    "mcpServers": {"alya": server},
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"disableAutoUpdate": True},
}
(home / ".gemini" / "settings.json").write_text(json.dumps(settings))
os.environ |= {"GEMINI_CLI_HOME": str(home), "GEMINI_API_KEY": "played", "GOOGLE_GEMINI_BASE_URL": MODEL}
program = f"{FOLDER}/node_modules/.bin/gemini"
os.execv(program, [program, "--skip-trust", "--yolo", "-m", "gemini-2.5-pro", "-p", PROMPT])
