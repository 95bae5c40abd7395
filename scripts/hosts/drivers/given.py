"""What the rig gives a driver: where the model answers, how the server is started, and what to ask."""

import json
import os

_RUN = json.loads(os.environ["HOST_RUN"])

MODEL: str = _RUN["model"]
"""Address of the played model, without a path; every name of a model will do."""
COMMAND: str = _RUN["command"]
ARGUMENTS: list[str] = _RUN["arguments"]
ENVIRONMENT: dict[str, str] = _RUN["environment"]
"""How the server is started; `ENVIRONMENT` holds what it needs beside PATH."""
PROMPT: str = _RUN["prompt"]
STEPS = 60
"""As many turns as the story may have."""
FOLDER: str = _RUN["folder"]
"""Where the host is installed."""
