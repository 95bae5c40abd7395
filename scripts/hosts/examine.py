"""One host in front of the server: its stories, what the model heard, and what went over the wire."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import stories
from catalogue import Host
from install import folder_of, node_path, python_of
from played_model import PlayedModel, Story, serving
from stories import Seen
from wire_log import read_wire

from alya_mcp import __version__

_HERE: Final = Path(__file__).resolve().parent
_PATIENCE: Final = {"usual": 180.0, "slow": 300.0, "limit": 240.0}
_LINGER: Final = 60
_STOP: Final = 8.0
_MOMENT: Final = 0.04
"""Seconds of computing between two stops: enough to say that it is alive, too little to draw."""
_PROMPT: Final = "Do what the user of these tools would want."
_FOREIGN: Final = ("ALYA_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "AWS_", "CLAUDE", "PYTHONPATH")


def examine(host: Host, version: str, scratch: Path, names: list[str]) -> dict[str, Any]:
    """Run the stories with one state folder, so that the worker of the first draws for the others."""
    home = scratch / "home"
    home.mkdir(mode=0o700)
    (home / "policy.json").write_text(json.dumps(stories.POLICY))
    found: dict[str, Any] = {
        "host": host.name,
        "version": version,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "server": __version__,
    }
    try:
        for name in names:
            found[name] = _Run(host, scratch, home, name).result()
    finally:
        _end_all(home)
    return found


class _Run:
    """One story."""

    def __init__(self, host: Host, scratch: Path, home: Path, name: str) -> None:
        self._host, self._home, self._name = host, home, name
        self._folder = scratch / name
        self._wire = self._folder / "wire"
        self._wire.mkdir(parents=True)
        self._environment = {
            "ALYA_HOME": str(home),
            "ALYA_IMAGE_MODEL": "sketch",
            "ALYA_IMAGE_LINGER": str(_LINGER),
            "HF_HUB_OFFLINE": "1",
        }

    def result(self) -> dict[str, Any]:
        """Play the story to its end, or for as long as it may take."""
        seen = Seen()
        model = PlayedModel(self._story(seen), stories.TOOLS)
        with serving(model) as address:
            driver = self._start(address)
            deadline = time.monotonic() + _PATIENCE[self._name]
            while driver.poll() is None and not model.is_over and time.monotonic() < deadline:
                time.sleep(0.1)
            timed_out = driver.poll() is None and not model.is_over
            try:
                code = driver.wait(3)
            except subprocess.TimeoutExpired:
                code = None
            _end_group(driver)
        (self._folder / "requests.json").write_text(json.dumps(model.requests, indent=1))
        said = (self._folder / "driver.log").read_text(errors="replace")
        return {
            **seen.as_json(),
            "tools_at_once": model.first is not None
            and (model.searched or model.first.find("image_gen") is not None),
            "searched": model.searched,
            "asides": model.asides,
            "exit": code,
            "timed_out": timed_out,
            "words": "" if seen.over else said[-1500:],
            "wire": read_wire(self._wire),
        }

    def _story(self, seen: Seen) -> Story:
        if self._name == "usual":
            return stories.usual(seen, self._approve)
        story = stories.slow if self._name == "slow" else stories.limit
        return story(seen, self._hold)

    def _start(self, address: str) -> subprocess.Popen[bytes]:
        host = self._host
        given = {
            "model": address,
            "command": sys.executable,
            "arguments": [str(_HERE / "tap.py"), str(self._wire), sys.executable, "-m", "alya_mcp"],
            "environment": self._environment,
            "prompt": _PROMPT,
            "folder": str(folder_of(host)),
        }
        user = self._folder / "user"
        user.mkdir()
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        own |= {
            "HOST_RUN": json.dumps(given),
            "HOME": str(user),
            "PATH": node_path() if host.registry == "npm" else os.environ["PATH"],
            "OPENAI_API_KEY": "played",
            "NO_PROXY": "127.0.0.1",
            "PYTHONWARNINGS": "ignore",
        }
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            own[name] = str(user / name.lower())
        with (self._folder / "driver.log").open("wb") as log:
            return subprocess.Popen(
                self._command(), cwd=self._folder, env=own, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _command(self) -> list[str]:
        """How the driver is started; node looks for packages beside the file, so its copy lies there."""
        driver = _HERE / "drivers" / self._host.driver
        if driver.suffix == ".mjs":
            folder = folder_of(self._host)
            for each in (driver, driver.with_name("given.mjs")):
                (folder / each.name).write_bytes(each.read_bytes())
            return ["node", str(folder / driver.name)]
        python = python_of(self._host) if self._host.registry == "pypi" else Path(sys.executable)
        return [str(python), str(driver)]

    def _approve(self, question: str) -> None:
        """Say yes as the user would."""
        command = [sys.executable, "-m", "alya_mcp", "approvals", "approve", question]
        subprocess.run(command, env={**os.environ, **self._environment}, check=False, capture_output=True)

    def _hold(self, seconds: float) -> None:
        """Have the image worker stand still for `seconds`, but for a moment every two for signs of life."""
        threading.Thread(target=_hold, args=(self._home, seconds), daemon=True).start()


def _hold(home: Path, seconds: float) -> None:
    """Stop the image worker for some seconds at a time, and let it compute for a moment in between."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        workers = [pid for pid, command in processes_of(home).items() if "images.worker.main" in command]
        _signal(workers, signal.SIGSTOP)
        time.sleep(min(_STOP, max(end - time.monotonic(), 0)))
        before = sum(map(_computed, workers))
        _signal(workers, signal.SIGCONT)
        patience = time.monotonic() + 2
        while sum(map(_computed, workers)) - before < _MOMENT and time.monotonic() < patience:
            time.sleep(0.01)


def _computed(process: int) -> float:
    """Seconds of processor time that a process has had."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _signal(processes: list[int], sign: signal.Signals) -> None:
    for each in processes:
        try:
            os.kill(each, sign)
        except ProcessLookupError:
            pass


def processes_of(home: Path) -> Mapping[int, str]:
    """The processes whose state is `home`, with their command lines."""
    needle = b"ALYA_HOME=" + os.fsencode(home) + b"\0"
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (entry / "environ").read_bytes() + b"\0":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def _end_group(driver: subprocess.Popen[bytes]) -> None:
    """End a driver and what it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(driver.pid, sign)
        except ProcessLookupError:
            break
        time.sleep(0.5)
    driver.wait()


def _end_all(home: Path) -> None:
    """End the servers, the worker and the store process of a state."""
    for sign in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        left = [pid for pid, command in processes_of(home).items() if command]
        _signal(left, sign)
        if left:
            time.sleep(0.5)
