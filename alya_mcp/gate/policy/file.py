"""A policy file as bytes, and what is said when a document is no policy."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from alya_mcp.gate.documents.document import LARGEST, Problem, quoted

_SUFFIXES = (".json", ".yaml", ".yml")
NAMES = "a policy file's name ends in .json, .yaml or .yml"


class PolicyError(ValueError):
    """A document is no policy. `problems` holds everything that is wrong with it; the text lists them all."""

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


def read_policy_file(path: Path) -> bytes:
    """The bytes of a policy file, at most one more than a policy may have.

    Raises:
        PolicyError: when there is no such ordinary file, or it can't be read.
    """
    if not is_policy_name(path):
        raise PolicyError([Problem("", NAMES)], str(path))
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            ordinary = stat.S_ISREG(os.fstat(file).st_mode)
            data = _read(file) if ordinary else b""
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        name = str(path) if str(path).isprintable() else quoted(str(path))
        raise PolicyError([Problem("", f"can't read the file: {why}")], name) from None
    if not ordinary:
        raise PolicyError([Problem("", "this is a folder or device; a policy is a file")], str(path))
    return data


def _read(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        return stream.read(LARGEST + 1)
