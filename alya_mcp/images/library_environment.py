"""Environment variables for the libraries below a renderer, set before any of them is imported."""

import os
from typing import Final

from alya_mcp.settings import tidy

_VARIABLES: Final = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    # Threads that spin while they wait make a picture several times slower where cores are busy.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def tell_libraries(**more: str) -> None:
    """Set these variables and `more` in this process, unless the user has set them to something."""
    tidy(os.environ)
    for name, value in {**_VARIABLES, **more}.items():
        os.environ.setdefault(name, value)
