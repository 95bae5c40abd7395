"""Tells an absent file from one that can't be reached."""

import os
from pathlib import Path


def is_absent(path: Path) -> bool:
    """Whether there is no such file. False if that can't be determined, and for a dangling link."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        if path.parent == path:
            return True
        try:
            path.parent.stat()
        except FileNotFoundError:
            return is_absent(path.parent)
        except OSError:
            return False
        return True
    except (OSError, ValueError):
        return False
    return False
