"""The frozen binary: its file, where it was unpacked, and the environment for other programs.

packaging/binary/launcher.c unpacks the program once and runs it from there; PyInstaller's bootloader then
leads the dynamic linker to the libraries that came along, where another program mustn't look for its own.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_STARTED: Final = "_ALYA_MCP_BINARY"
"""The variable in which the launcher names its own file."""
_IN_USE: Final = "in-use"
"""The file beside the program whose shared lock keeps a start of another version from removing it."""
_BOOTLOADERS: Final = "_PYI_"
_SEARCHED: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
"""Where dynamic linkers look; the bootloader keeps what it replaced in a variable with _ORIG behind."""


def is_frozen() -> bool:
    """Whether this process is the binary."""
    return bool(getattr(sys, "frozen", False))


def started_file() -> Path:
    """The binary as the user has it, not the program that it unpacked."""
    return Path(os.environ.get(_STARTED) or sys.executable)


def for_other_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` as it was before the binary started: for programs that bring their own libraries."""
    outer = {name: value for name, value in environment.items() if not name.startswith(_BOOTLOADERS)}
    if not is_frozen():
        return outer
    for name in _SEARCHED:
        before = outer.pop(f"{name}_ORIG", None)
        outer.pop(name, None)
        if before is not None:
            outer[name] = before
    return outer


def hold_unpacked() -> None:
    """Keep the folder that this process's code is in, if the binary unpacked it, until the process ends."""
    if sys.platform == "win32":
        return  # a folder with a running program in it can't be removed there
    import fcntl

    lock = Path(__file__).parents[3] / _IN_USE
    try:
        descriptor = os.open(lock, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass  # an ordinary installation
