"""The kill switch: while it is off, every call is denied."""

import os
from pathlib import Path
from typing import Protocol


class Switch(Protocol):
    """Asked once per call, and again after the user was waited for."""

    def is_stopped(self) -> bool:
        """Whether calls are denied now."""
        ...


class FileSwitch:
    """Stopped while the file `path` exists, or while that can't be determined.

    Every process of a state looks at the same file, at each call, so a change holds from the next call on.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._name = os.fspath(self.path)

    def is_stopped(self) -> bool:
        """Whether the file is there, or can't be looked for."""
        try:
            os.lstat(self._name)
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True
        return True

    def since(self) -> float | None:
        """When calls were stopped, in seconds since 1970; None if they aren't, or if that can't be read."""
        try:
            return self.path.lstat().st_mtime
        except (OSError, ValueError):
            return None
