"""Environment variables for a renderer's libraries, set before they are imported."""

import os
from typing import Final

from alya_mcp.settings import tidy

_VARIABLES: Final = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    # Spinning threads make a picture several times slower on busy cores.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def tell_libraries(**more: str) -> None:
    """Set these variables and `more` in this process, except those that the user has set."""
    tidy(os.environ)
    for name, value in {**_VARIABLES, **more}.items():
        os.environ.setdefault(name, value)
