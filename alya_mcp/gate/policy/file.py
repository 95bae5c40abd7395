"""Reading a policy file, and the error that lists what is invalid in it."""

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from alya_mcp.gate.documents.document import LARGEST, Problem, quoted

_SUFFIXES = (".json", ".yaml", ".yml")
NAMES = "a policy file's name ends in .json, .yaml or .yml"


class PolicyError(ValueError):
    """A document is not a policy. `problems` lists everything that is wrong with it, and so does the text."""

    def __init__(self, problems: Iterable[Problem], name: str = "policy") -> None:
        self.problems = tuple(problems)
        self.name = name
        super().__init__("\n".join(f"{name}: {problem}" for problem in self.problems))


def is_policy_name(path: Path) -> bool:
    """Whether a file of this name can be a policy."""
    return path.suffix.lower() in _SUFFIXES


def is_yaml(name: str) -> bool:
    """Whether a document of this name is YAML; others are JSON."""
    return name.lower().endswith((".yaml", ".yml"))


def shows_its_end(data: bytes, name: str) -> bool:
    """Whether no beginning of the text passes for all of it: JSON, and YAML that ends with the line `...`."""
    return not is_yaml(name) or data.rstrip(b" \t\r\n").endswith((b"\n...", b"\r..."))


class Mark(NamedTuple):
    """What tells a file and its content from another one's. `changed_ns` is when it was changed last."""

    device: int
    file: int
    size: int
    modified_ns: int
    changed_ns: int


class Seen(NamedTuple):
    """A policy file's bytes, at most one more than a policy may have, and whether it changed meanwhile."""

    data: bytes
    mark: Mark
    is_steady: bool


def mark_of(path: Path) -> Mark | None:
    """The file's mark; None when it can't be had."""
    try:
        return _mark(path.stat())
    except (OSError, ValueError):
        return None


def look_at(path: Path) -> Seen:
    """Read a policy file.

    Raises:
        PolicyError: when there is no such ordinary file, or it can't be read.
    """
    if not is_policy_name(path):
        raise PolicyError([Problem("", NAMES)], str(path))
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            before = os.fstat(file)
            ordinary = stat.S_ISREG(before.st_mode)
            data = _read(file) if ordinary else b""
            mark, after = _mark(before), _mark(os.fstat(file))
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        name = str(path) if str(path).isprintable() else quoted(str(path))
        raise PolicyError([Problem("", f"can't read the file: {why}")], name) from None
    if not ordinary:
        raise PolicyError([Problem("", "this is a folder or device; a policy is a file")], str(path))
    return Seen(data, mark, mark == after)


def read_policy_file(path: Path) -> bytes:
    """The bytes of a policy file; errors as in `look_at`."""
    return look_at(path).data


def _read(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        return stream.read(LARGEST + 1)


def _mark(found: os.stat_result) -> Mark:
    # What Windows calls ctime is when the file was made.
    changed = found.st_mtime_ns if sys.platform == "win32" else found.st_ctime_ns
    return Mark(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, changed)
