"""A client that speaks bytes: starts the server on real pipes and sees every byte it writes."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar

from forking_server import forked

T = TypeVar("T")

PATIENCE = 180.0
"""Seconds after which a test gives up on a busy machine; reached only by a failure."""

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
SERVER = (sys.executable, "-m", "alya_mcp")
_STORE_PROCESS = "alya_mcp.storage.link_server"
_FOREIGN = ("ALYA_", "AWS_", "HF_", "HUGGING_FACE_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a server whose state is `home`: none of the user's own settings, no model hub."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return own | {"ALYA_HOME": str(home), "HF_HUB_OFFLINE": "1", "ALYA_IMAGE_LINGER": "0"} | extra


def eventually(look: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Return the first true value of `look`; fails after `patience` seconds, saying `what` never came."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.01)
    return found


def processes_of(home: Path) -> dict[int, str]:
    """Processes whose environment names `home` as their state: pid and command line (Linux only)."""
    needle = b"ALYA_HOME=" + os.fsencode(home) + b"\0"
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (entry / "environ").read_bytes() + b"\0":
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:
                    found[int(entry.name)] = command
        except OSError:
            continue
    return found


def envelope(version: str = MODERN) -> dict[str, Any]:
    """The `_meta` that every request of the modern era carries."""
    return {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "raw-client", "version": "1"},
    }


class RawClient:
    """One server process and its three streams.

    A `command` of this Python is forked (see `forking_server`), unless it is to start `apart` or finds other
    modules. Standard error goes to the file `errors`, so that it never blocks, unless another stream is
    given. Every line of standard output must be a JSON-RPC message; leaving the context checks it.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        errors: Path,
        command: Sequence[str] = SERVER,
        *,
        stderr: int | IO[bytes] | None = None,
        reading: bool = True,
        cwd: Path | None = None,
        apart: bool = False,
    ) -> None:
        own_modules = env.get("PYTHONPATH") != os.environ.get("PYTHONPATH")
        if command[0] == sys.executable and not apart and not own_modules:
            command = forked(*command[1:])
        self.errors = errors
        self._errors_file = errors.open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(env), cwd=cwd,
            stderr=self._errors_file if stderr is None else stderr,
        )  # fmt: skip
        self.messages: list[dict[str, Any]] = []
        self.impure: list[bytes] = []
        self._fresh: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._next = 1000
        self._reader: threading.Thread | None = None
        if reading:
            self.read()

    def read(self) -> None:
        """Start to read standard output."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict) and message.get("jsonrpc") == "2.0" and line.endswith(b"\n"):
                self.messages.append(message)
                self._fresh.put(message)
            else:
                self.impure.append(line)
        self._fresh.put(None)

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send_message(self, message: object) -> None:
        """Write one JSON line."""
        self.send(json.dumps(message).encode() + b"\n")

    def post(self, method: str, params: Mapping[str, Any] | None = None, request_id: Any = None) -> Any:
        """Send a request without waiting; returns its id."""
        if request_id is None:
            self._next += 1
            request_id = self._next
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
        self.send_message(message if params is None else {**message, "params": dict(params)})
        return request_id

    def request(
        self, method: str, params: Mapping[str, Any] | None = None, request_id: Any = None
    ) -> dict[str, Any]:
        """Send a request and return its answer."""
        return self.answer(self.post(method, params, request_id))

    def answer(self, request_id: Any, patience: float = PATIENCE) -> dict[str, Any]:
        """The answer to request `request_id`, whenever it came or comes."""
        return self.wait(
            lambda m: "method" not in m and m.get("id") == request_id and type(m["id"]) is type(request_id),
            f"an answer to request {str(request_id)[:80]!r}",
            patience,
        )

    def wait(
        self, wanted: Callable[[dict[str, Any]], bool], what: str, patience: float = PATIENCE
    ) -> dict[str, Any]:
        """The first message, seen or to come, that is `wanted`."""
        for message in list(self.messages):
            if wanted(message):
                return message
        deadline = time.monotonic() + patience
        while True:
            try:
                message = self._fresh.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{what}: not within {patience} s; {self.stderr_tail()}") from None
            assert message is not None, f"{what}: the server closed its output; {self.stderr_tail()}"
            if wanted(message):
                return message

    def initialize(
        self, version: str = LEGACY, capabilities: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The legacy handshake; returns the answer's result."""
        answer = self.request(
            "initialize",
            {
                "protocolVersion": version,
                "capabilities": dict(capabilities or {}),
                "clientInfo": {"name": "raw-client", "version": "1"},
            },
        )
        self.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer["result"]

    def call(self, tool: str, arguments: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """Call a tool; returns the whole answer. `params` go beside name and arguments."""
        return self.request("tools/call", {"name": tool, "arguments": dict(arguments or {}), **params})

    def alive(self) -> bool:
        """Whether the process runs and answers."""
        return self.process.poll() is None and self.request("ping").get("result") == {}

    def close_stdin(self) -> float:
        """Close standard input; returns the moment (monotonic)."""
        assert self.process.stdin
        self.process.stdin.close()
        return time.monotonic()

    def exit_code(self, patience: float = PATIENCE) -> int:
        """Wait for the process to end by itself; returns its exit code."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server still runs after {patience} s; {self.stderr_tail()}") from None

    def check_purity(self) -> None:
        """Fail when anything but protocol was written to standard output."""
        assert self.impure == [], f"not protocol on stdout: {self.impure[:3]}"

    def stderr(self) -> str:
        """What the process wrote to standard error (when that is the file)."""
        return self.errors.read_text(errors="replace")

    def stderr_tail(self) -> str:
        return f"exit code {self.process.poll()}, stderr ends: {self.stderr()[-600:]!r}"

    def close(self) -> None:
        """End the process whatever its state, and release everything."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(PATIENCE)
        if self._reader is not None:
            self._reader.join(PATIENCE)
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()
        self._errors_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is None:
            self.check_purity()


class Servers:
    """Starts servers that use one home; they end when `running` is left."""

    def __init__(self, home: Path, folder: Path, running: ExitStack) -> None:
        self._home, self._folder, self._running, self._count = home, folder, running, 0

    def __call__(
        self,
        *arguments: str,
        command: Sequence[str] = SERVER,
        extra: Mapping[str, str] | None = None,
        stderr: int | IO[bytes] | None = None,
        reading: bool = True,
        apart: bool = False,
    ) -> RawClient:
        self._count += 1
        errors = self._folder / f"server-{self._count}.stderr"
        env = environment(self._home, **(extra or {}))
        return self._running.enter_context(
            RawClient(env, errors, (*command, *arguments), stderr=stderr, reading=reading, apart=apart)
        )


def expect_nothing_running(home: Path) -> None:
    """Fail when a process that uses `home` is left; the store process outlives its server and is ended here.

    Looks at /proc, so it sees nothing on systems without one.
    """

    def strays() -> dict[int, str]:
        found = processes_of(home)
        for pid in [pid for pid, command in found.items() if _STORE_PROCESS in command]:
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(pid, signal.SIGTERM)
            del found[pid]
        return found

    try:
        eventually(lambda: not strays(), "the end of every process")
    except AssertionError:
        left = strays()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"left running: {left}"
