"""Commands of child processes, for a frozen binary too, which has no interpreter to call."""

import sys
from pathlib import Path
from typing import Final, Literal

ChildModule = Literal[
    "alya_mcp.app.diagnostics.probe",
    "alya_mcp.images.bench.baseline",
    "alya_mcp.images.weights.child",
    "alya_mcp.images.worker.main",
    "alya_mcp.storage.link_server",
    "alya_mcp.tools.youtube.video.ffmpeg_child",
    "alya_mcp.tools.youtube.video.voices.kokoro_child",
]
"""The modules that run as processes of their own: `alya-mcp --run-module NAME` calls their `main`."""

_BOOT: Final = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "from alya_mcp.__main__ import main; main()"
)


def own_command(*words: str) -> list[str]:
    """The command line of `alya-mcp` with `words`: this copy and this Python, whatever the current folder."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *words]
    return [sys.executable, "-P", "-c", _BOOT, str(Path(__file__).parents[2]), *words]


def module_command(module: ChildModule, *arguments: str) -> list[str]:
    """The command line that calls `main` of `module`, which finds `arguments` in `sys.argv[1:]`."""
    return own_command("--run-module", module, *arguments)
