"""The download in a process of its own, which can be stopped at once whatever its library is doing."""

import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from alya_mcp.errors import Unavailable, failure_of
from alya_mcp.images.environment.packages import image_command, require_packages
from alya_mcp.images.weights.refusals import Gated
from alya_mcp.runtime.frozen import for_other_programs
from alya_mcp.runtime.python_process import module_command
from alya_mcp.settings import Settings, environment_of

_POLL: Final = 0.5
_ENDING: Final = 5.0
"""Seconds for a child that has told its result to end by itself."""
_DOWNLOAD_SHARE: Final = 0.9
_GIGABYTE: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """Progress of a pull: bytes `done` of `total`, both 0 until the size is known."""

    phase: Literal["find", "download", "verify"] = "find"
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A complete model on this machine: `size` bytes, of which `downloaded` are new.

    `verified`: every file was compared with a checksum. `notice` is a message for the user.
    """

    folder: Path
    size: int
    downloaded: int
    files: int
    verified: bool
    notice: str | None


def download(repository: str, progress: Callable[[float, str], None]) -> Path:
    """Download `repository` into the cache; `progress` gets a share from 0 to 1, and may raise to stop.

    Raises: as `pull`.
    """

    def report(step: PullProgress) -> None:
        share = step.done / step.total if step.total else 0.0
        checking = step.phase == "verify"
        reached = _DOWNLOAD_SHARE + (1 - _DOWNLOAD_SHARE) * share if checking else _DOWNLOAD_SHARE * share
        progress(reached, describe(step, repository))

    return pull(repository, report).folder


def describe(step: PullProgress, model: str) -> str:
    """Describe `step` in a line."""
    if step.phase == "find":
        return f"Looking for {model}"
    verb = "Downloading" if step.phase == "download" else "Checking"
    unit, size = ("GB", 1e9) if step.total >= _GIGABYTE else ("MB", 1e6)
    return f"{verb} {model}: {step.done / size:.1f} of {step.total / size:.1f} {unit}"


def pull(model: str, report: Callable[[PullProgress], None], errors: TextIO | None = None) -> Pulled:
    """Download `model`, a repository's name, into the cache, and verify every file.

    Resumes an earlier attempt. `report` is called at least twice a second, and may raise to stop; `errors`
    gets the details of errors (standard error when None). A folder's full path is only checked: nothing is
    downloaded or changed.

    Raises:
        Gated: when the hub wants accepted terms, a token, or a better one.
        NotConfigured: when the user has to do something else first: make room, name another model.
        Unavailable: when the hub can't be reached.
        Failure: when a file doesn't fit its checksum; it was removed.
    """
    command = _command(model)
    step = PullProgress()
    report(step)
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        # Ctrl-C is handled by the parent, which ends this process.
        start_new_session=True,
        env=for_other_programs(environment_of("fetcher", os.environ)),
    )
    said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(child, said), daemon=True)
    listener.start()
    try:
        while True:
            with contextlib.suppress(queue.Empty):
                heard = said.get(timeout=_POLL)
                if heard is None or "step" not in heard:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(_ENDING)
                    return _result(heard, model)
                step = PullProgress(phase=heard["step"], done=heard["done"], total=heard["total"])
            report(step)
    finally:
        child.kill()
        child.wait()
        listener.join()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _command(model: str) -> list[str]:
    """The command line, in the environment with the hub's library; checking a folder doesn't need it."""
    if Path(model).is_absolute() or find_spec("huggingface_hub") is not None:
        return module_command("alya_mcp.images.weights.child", model)
    home = Settings.from_environment().home
    require_packages("Downloading a model", home)
    return image_command("alya_mcp.images.weights.child", model, home=home)


def _result(last: dict[str, Any] | None, model: str) -> Pulled:
    if last is None:
        raise Unavailable(f"The download of {model} ended unexpectedly; call again to go on where it stopped")
    if last.get("kind") == "Gated":
        raise Gated(last["repository"], last["why"])
    if "kind" in last:
        raise failure_of(last["kind"], last["message"])
    folder = Path(last.pop("folder"))
    return Pulled(folder=folder, **last)


def _listen(child: "subprocess.Popen[str]", said: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    if child.stdout is not None:
        for line in child.stdout:
            with contextlib.suppress(ValueError):
                said.put(json.loads(line))
    said.put(None)
