"""Runs a command as a person does: its exit code, what it printed and where."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forking_server import forked
from raw_client import PATIENCE

from alya_mcp.__main__ import main
from alya_mcp.cli import client
from alya_mcp.cli.client import server_command

COMMAND = (sys.executable, "-m", "alya_mcp")
_HIDE_EXTRAS = """\
import sys
from importlib.machinery import PathFinder

class WithoutExtras(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = {"torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "PIL", "boto3"}
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutExtras
"""

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


def hide_extras(folder: Path) -> dict[str, str]:
    """Variables under which Python finds none of the packages that come as extras; `folder` is made."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_HIDE_EXTRAS)
    return {"PYTHONPATH": str(folder)}


def run_command(words: tuple[str, ...], env: Mapping[str, str], cwd: Path, seconds: float = 120) -> Ended:
    """Run to the end in a process of its own; no command ever shows a traceback.

    The process is forked (see `forking_server`) where it finds the same modules as this one.
    """
    same_modules = env.get("PYTHONPATH") == os.environ.get("PYTHONPATH")
    ended = subprocess.run(
        [*(forked(*COMMAND[1:]) if same_modules else COMMAND), *words],
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


def run_here(words: tuple[str, ...], env: Mapping[str, str], cwd: Path) -> Ended:
    """As `run_command`, but in this process, which has imported already what a command needs.

    A server that it starts is forked (see `forking_server`); what else it starts is a process as ever.
    """
    with (
        tempfile.TemporaryFile("a+b") as out,
        tempfile.TemporaryFile("a+b") as err,
        Path(os.devnull).open() as nothing,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in os.environ.keys() - env.keys():
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["alya-mcp", *words])
        patch.setattr(client, "server_command", _forked_server)
        patch.setattr(sys, "stdin", nothing)
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8"))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err, "utf-8", line_buffering=True))
        with pytest.raises(SystemExit) as ended:
            main()
        texts: list[str] = []
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            file = stream.detach()
            file.seek(0)
            texts.append(file.read().decode())
    return Ended(int(ended.value.code or 0), *texts)


def _forked_server(policy: Path | None) -> list[str]:
    words = server_command(policy)
    return [*forked("-m", "alya_mcp", *words[words.index("serve") :])]


def run_on_terminal(words: tuple[str, ...], env: Mapping[str, str], cwd: Path, columns: int) -> str:
    """What a terminal of so many columns gets of a command's output and errors, without its colours."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], env={**env, "TERM": "xterm", "COLUMNS": str(columns)}, cwd=cwd,
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    process.wait(PATIENCE)
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n")
