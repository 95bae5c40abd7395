"""Starts this package's programs by forking a process that has imported already what they need.

`forked` gives the words of a command that starts one; see `forked_program.py`, which is what they run. The
process that forks is one per test process and ends with it.
"""

import atexit
import marshal
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_PROGRAM = Path(__file__).with_name("forked_program.py")
_STREAMS = 3
_FOREIGN = ("ALYA_", "PYTHONDONTWRITEBYTECODE")


def forked(*words: str) -> tuple[str, ...]:
    """A command that does what Python does with `words`: a script or `-m alya_mcp`, and arguments."""
    return (sys.executable, "-I", "-S", str(_PROGRAM), str(_forking()), *words)


@cache
def _forking() -> Path:
    """The address of the process that forks, which is started."""
    folder = Path(tempfile.mkdtemp(prefix="forking-"))
    address = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen(64)
        process = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno())],
            env={name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)},
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[listening.fileno()],
        )  # fmt: skip

    def end() -> None:
        assert process.stdin
        process.stdin.close()
        process.wait()

    atexit.register(end)
    return address


def main(listening: socket.socket) -> None:
    """Fork for everyone who connects, until standard input ends. Returns in a child too, when it is done."""
    import gc

    import anyio._backends._asyncio  # noqa: F401
    import odd_tools  # noqa: F401

    import alya_mcp.app.gate
    import alya_mcp.cli.main
    import alya_mcp.cli.serve
    import alya_mcp.server.opening
    import alya_mcp.server.session
    import alya_mcp.storage.local  # noqa: F401
    from alya_mcp.tools import load_catalogue

    for tool in dict(load_catalogue()).values():
        _ = tool.schema, tool.digest  # made when they are first asked for
    gc.freeze()
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([0, woken, listening, *running.values()], [], [])
        if 0 in ready:  # the end of the test process, however it came
            shutil.rmtree(Path.cwd())
            return
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(running)
        for pid in [pid for pid, asking in running.items() if asking in ready]:
            os.kill(pid, signal.SIGKILL)  # who asked for it was killed
            asking = running[pid]
            asking.close()
            running[pid] = socket.socket(socket.AF_UNIX)
        if listening in ready:
            asking, _ = listening.accept()
            length, streams, _, _ = socket.recv_fds(asking, 4, _STREAMS)
            asked = asking.recv(int.from_bytes(length), socket.MSG_WAITALL)
            pid = os.fork()
            if pid == 0:
                for each in (listening, asking, *running.values()):
                    each.close()
                os.close(woken)
                _be(streams, *marshal.loads(asked))
                return
            for stream in streams:
                os.close(stream)
            asking.sendall(pid.to_bytes(4))
            running[pid] = asking


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as asking:
            try:
                asking.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            except OSError:
                pass  # nobody is there any more


def _be(streams: Sequence[int], folder: str, words: Sequence[str], variables: dict[str, str]) -> None:
    """Be the program that was asked for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Those that Python has opened know of the streams of before whether they can be read again.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    if words[0] == "-m":
        from alya_mcp.__main__ import main as alya_mcp_main

        sys.argv = ["alya-mcp", *words[2:]]
        alya_mcp_main()
    else:
        sys.argv = list(words)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
