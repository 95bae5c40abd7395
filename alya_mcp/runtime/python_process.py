"""How a module of this package is run as a process of its own."""

import sys
from pathlib import Path
from typing import Final

_BOOT: Final = (
    "import sys, importlib; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "importlib.import_module('{module}').main()"
)


def command(module: str) -> list[str]:
    """Runs `main` of this copy's `module` with this Python, whatever the current folder holds.

    Words that are appended become the arguments of `main`, in `sys.argv[1:]`.
    """
    return [sys.executable, "-P", "-c", _BOOT.format(module=module), str(Path(__file__).parents[2])]
