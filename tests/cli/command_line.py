"""Runs a command as a person does: a real process, its exit code, what it printed and where."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "alya_mcp")
ALLOW_ALL = {"version": "1", "default": "allow"}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it holds."""
        return json.loads(self.out)


Run = Callable[..., Ended]
WritePolicy = Callable[..., Path]


def run_command(words: tuple[str, ...], env: Mapping[str, str], cwd: Path, seconds: float = 120) -> Ended:
    """Run to the end; no command ever shows a traceback."""
    ended = subprocess.run(
        [*COMMAND, *words],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    assert "Traceback" not in out + err, err
    return Ended(ended.returncode, out, err)
