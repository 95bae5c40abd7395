import json
import os
from pathlib import Path

from given import ARGUMENTS, COMMAND, ENVIRONMENT, FOLDER, MODEL, PROMPT

played = {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": f"{MODEL}/v1", "apiKey": "played"},
    "models": {
        "played": {
            "tool_call": True,
            "attachment": True,
            "modalities": {"input": ["text", "image"], "output": ["text"]},
        }
    },
}
settings = {
    "provider": {"played": played},
    "model": "played/played",
    "small_model": "played/played",
    "autoupdate": False,
    "share": "disabled",
    "mcp": {"alya": {"type": "local", "command": [COMMAND, *ARGUMENTS], "environment": ENVIRONMENT}},
}
file = Path.cwd() / "opencode.json"
file.write_text(json.dumps(settings))
os.environ["OPENCODE_CONFIG"] = str(file)
program = f"{FOLDER}/node_modules/.bin/opencode"
os.execv(program, [program, "run", "--model", "played/played", PROMPT])
