"""Pictures drawn from the dashboard: calls of `image_gen` through the gate, like any other."""

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from alya_mcp.runtime.python_process import own_command
from alya_mcp.settings import Settings

MOST_AT_ONCE: Final = 2
_KEPT_SECONDS: Final = 120
_PATIENCE_SECONDS: Final = 1800


@dataclass(frozen=True, slots=True)
class DrawingJob:
    """A picture that is drawn, or was a moment ago; `began` in seconds since 1970, `why` it failed."""

    number: int
    seed: int
    began: float
    state: Literal["drawing", "done", "failed"] = "drawing"
    why: str = ""
    ended: float | None = None


class DrawingRuns:
    """Starts `alya-mcp call image_gen`, which asks the policy as every call does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._jobs: dict[int, DrawingJob] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._number = 0
        self._closed = False

    def jobs(self) -> list[DrawingJob]:
        """What is drawn now, and what ended in the last two minutes, the newest first."""
        now = time.time()
        with self._lock:
            self._jobs = {
                number: job
                for number, job in self._jobs.items()
                if job.ended is None or now - job.ended < _KEPT_SECONDS
            }
            return list(self._jobs.values())[::-1]

    def begin(self, prompt: str, seed: int) -> bool:
        """Draw a picture; False when `MOST_AT_ONCE` are drawn already."""
        with self._lock:
            if sum(job.state == "drawing" for job in self._jobs.values()) >= MOST_AT_ONCE:
                return False
            self._number += 1
            number = self._number
            self._jobs[number] = DrawingJob(number, seed, time.time())
        thread = threading.Thread(
            target=self._draw, args=(number, prompt, seed), name="alya-drawing", daemon=True
        )
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return True

    def close(self) -> None:
        """End what is drawn."""
        with self._lock:
            self._closed = True
            for process in self._processes.values():
                process.terminate()
        for thread in self._threads:
            thread.join()

    def _draw(self, number: int, prompt: str, seed: int) -> None:
        arguments = json.dumps({"prompt": prompt, "seed": seed}).encode()
        command = own_command("call", "image_gen", "--args", "-", "--output", "json")
        environment = {**os.environ, "ALYA_HOME": str(self._settings.home)}
        environment.pop("ALYA_GRANT", None)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            with self._lock:
                self._processes[number] = process
                if self._closed:  # while it started
                    process.terminate()
            out, _ = process.communicate(arguments, timeout=_PATIENCE_SECONDS)
            why = "" if process.returncode == 0 else _why(out)
        except subprocess.TimeoutExpired:
            self._processes[number].kill()
            self._processes[number].communicate()
            why = "It took more than half an hour and was ended."
        except OSError as error:
            why = f"The command can't be started: {error.strerror or error}"
        with self._lock:
            self._processes.pop(number, None)
            state: Literal["done", "failed"] = "failed" if why else "done"
            self._jobs[number] = replace(self._jobs[number], state=state, why=why, ended=time.time())


def _why(out: bytes) -> str:
    """The text of a result that is an error."""
    try:
        result = cast("dict[str, Any]", json.loads(out))
        return str(result["content"][0]["text"])[:500]
    except (ValueError, LookupError, TypeError):
        return "The call was not answered; alya-mcp doctor may say why."
