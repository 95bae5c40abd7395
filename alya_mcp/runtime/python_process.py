"""Commands of child processes, for a frozen binary too, which has no interpreter to call."""

import sys
from pathlib import Path
from typing import Final, Literal

from alya_mcp.runtime.frozen import is_frozen

ChildModule = Literal[
    "alya_mcp.app.diagnostics.probe",
    "alya_mcp.images.bench.baseline",
    "alya_mcp.images.file_process",
    "alya_mcp.images.weights.child",
    "alya_mcp.images.worker.main",
    "alya_mcp.notify.main",
    "alya_mcp.storage.link_server",
    "alya_mcp.tools.youtube.video.ffmpeg_child",
    "alya_mcp.tools.youtube.video.voices.kokoro_child",
]
"""The modules that run as processes of their own: `alya-mcp --run-module NAME` calls their `main`."""

_BOOT: Final = (
    "import importlib.util, sys; folder = sys.argv.pop(1); "
    "spec = importlib.util.spec_from_file_location("
    "'alya_mcp', folder + '/__init__.py', submodule_search_locations=[folder]); "
    "package = sys.modules['alya_mcp'] = importlib.util.module_from_spec(spec); "
    "spec.loader.exec_module(package); from alya_mcp.__main__ import main; main()"
)
"""Takes this package alone from its folder: what else lies beside it may be built for another Python."""


def own_command(*words: str) -> list[str]:
    """The command line of `alya-mcp` with `words`: this copy and this Python, whatever the current folder."""
    return [sys.executable, *words] if is_frozen() else command_of(sys.executable, *words)


def command_of(python: Path | str, *words: str) -> list[str]:
    """The command line of `alya-mcp` with `words`: this copy, run by another `python` with its packages."""
    return [str(python), "-P", "-c", _BOOT, str(Path(__file__).parents[1]), *words]


def module_command(module: ChildModule, *arguments: str) -> list[str]:
    """The command line that calls `main` of `module`, which finds `arguments` in `sys.argv[1:]`."""
    return own_command("--run-module", module, *arguments)
