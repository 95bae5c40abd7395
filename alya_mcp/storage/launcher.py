"""Finds, starts, replaces and ends the store process of one ALYA_HOME; callers hold its lock."""

import http.client
import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from alya_mcp import __version__
from alya_mcp.errors import Unavailable
from alya_mcp.runtime.daemon import EndedError, LateError, Starter, is_newer, proof, proves, spawn
from alya_mcp.runtime.python_process import module_command
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.handshake import StoreHealth, health_words, stop_words
from alya_mcp.storage.link_server import PORT_TAKEN
from alya_mcp.storage.signed_links import HOST

_ANSWER_SECONDS = 2.0
_START_SECONDS = 20.0
_POLL = 0.01
_KEPT_VARIABLES = frozenset(
    {"PATH", "HOME", "LANG", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LOCALAPPDATA", "APPDATA", "USERPROFILE"}
)
_KEPT_PREFIXES = ("PYTHON", "LC_", "LD_", "DYLD_")
_log = logging.getLogger(__name__)


def command(home: Path, port: int, instance: str, moved_from: int | None) -> list[str]:
    """The command line of a store process."""
    moved = "" if moved_from is None else str(moved_from)
    return module_command("alya_mcp.storage.link_server", str(home), str(port), instance, moved)


def ask(secret: bytes, port: int) -> StoreHealth | None:
    """The identity of the store process on `port`; None if nothing or something else answers."""
    nonce = secrets.token_hex(16)
    answer = _request("GET", port, f"/health?nonce={nonce}")
    try:
        said = cast("dict[str, object]", json.loads(answer or b""))
        health = StoreHealth(
            port=int(str(said["port"])),
            instance=str(said["instance"]),
            version=str(said["version"]),
            pid=int(str(said["pid"])),
        )
        proven = proves(str(said["proof"]), secret, *health_words(nonce, health))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # another program's answer
    return health if health.port == port and proven else None


def stop(secret: bytes, running: StoreHealth) -> bool:
    """Make a store process stop listening. True if it did; unfinished answers are still sent."""
    shown = proof(secret, *stop_words(running.instance))
    return _request("POST", running.port, f"/stop?proof={shown}") is not None


class _PortTakenError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class StoreLauncher:
    """Keeps a store process of `version` or newer running, which `command` starts and `stop` ends."""

    version: str = __version__
    command: Callable[[Path, int, str, int | None], list[str]] = command
    stop: Callable[[bytes, StoreHealth], bool] = stop

    def ensure(self, folder: StoreFolder, secret: bytes) -> int:
        """The port of a running store process; starts one if there is none.

        It listens where it did before, so that links stay good, unless another program has taken that port.

        Raises:
            Unavailable: none could be started.
        """
        noted = folder.listener()
        running = noted and ask(secret, noted.port)
        if running and not is_newer(self.version, running.version):
            return running.port
        if running and not self.stop(secret, running):
            return running.port  # older, but it works
        if noted is None:
            return self._start(folder, secret, port=0, moved_from=None)
        try:
            return self._start(folder, secret, port=noted.port, moved_from=noted.moved_from)
        except _PortTakenError:
            _log.warning(
                "Port %d is used by another program. Links to local images now use another port; "
                "links made before will not open.",
                noted.port,
            )
            return self._start(folder, secret, port=0, moved_from=noted.port)

    def _start(self, folder: StoreFolder, secret: bytes, *, port: int, moved_from: int | None) -> int:
        instance = secrets.token_hex(8)
        words = self.command(folder.home, port, instance, moved_from)
        starter = Starter(
            lambda: spawn(words, folder.home, cwd=folder.home, environment=_environment()),
            seconds=_START_SECONDS,
        )
        try:
            while True:
                starter.ensure()
                time.sleep(_POLL)
                noted = folder.listener()
                if noted and noted.instance == instance and ask(secret, noted.port):
                    starter.let_go()
                    return noted.port
        except EndedError as error:
            if error.status == PORT_TAKEN:
                raise _PortTakenError from None
            raise Unavailable(
                f"The process that serves local images ended at once ({error}). "
                "Try again; `alya-mcp doctor` tells more."
            ) from None
        except LateError:
            raise Unavailable(
                f"The process that serves local images didn't start within {_START_SECONDS:.0f} s. "
                "The machine may be very busy; try again."
            ) from None
        finally:
            starter.end()


def _request(method: str, port: int, target: str) -> bytes | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        return response.read(10_000) if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _environment() -> dict[str, str]:
    """The variables that an interpreter may need, without credentials: the process lives for days."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
