"""Atomic writes, and files and folders that only their owner can read."""

import os
import secrets
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Make `path`, and what is missing above it, with mode 0700; folders that exist stay as they are.

    Raises:
        OSError: a folder can't be made.
    """
    missing: list[Path] = []
    folder = path
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return path


def touch_private(path: Path) -> None:
    """Make `path` with mode 0600 unless it is there, for a library that would open it to others.

    Raises:
        OSError: it can't be made.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def write_private(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write `data` to `path` with mode 0600; see `write_whole`."""
    write_whole(path, data, mode=0o600, synced=synced)


def write_whole(
    path: Path, data: bytes, *, mode: int = 0o666, synced: bool = True, new: bool = False
) -> None:
    """Write `data` to `path` with `mode` less the umask; a reader sees the old content or the new.

    When `synced`, it is on the disk when this returns; otherwise a power failure may lose it. A `new` file
    takes no other one's place: of several that write at once, one comes first.

    Raises:
        FileExistsError: it was to be new.
        OSError: it can't be written; then nothing is left behind.
    """
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(data)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        if new:
            _claim(temporary, path)
        else:
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if synced:
        _sync_folder(path.parent)


def _claim(temporary: Path, path: Path) -> None:
    """Move the file to a path that doesn't exist yet."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: the name is taken first, by an empty file
        with path.open("xb"):
            temporary.replace(path)
    else:
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders can't be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
