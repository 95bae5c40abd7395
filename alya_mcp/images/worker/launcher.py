"""Finds the image worker of this ALYA_HOME, or starts it exactly once."""

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alya_mcp import __version__
from alya_mcp.errors import Unavailable
from alya_mcp.images.environment.packages import image_command
from alya_mcp.images.wire.messages import ALIVE, PROTOCOL, LeaveRequest, StatusRequest
from alya_mcp.images.worker.connection import WorkerConnection, WorkerGoneError
from alya_mcp.images.worker.greeting import Hello, RefusedError
from alya_mcp.images.worker.log import open_log
from alya_mcp.images.worker.run_folder import RunFolder, kept_in_home
from alya_mcp.runtime.daemon import EndedError, LateError, Starter, is_newer, spawn
from alya_mcp.runtime.locks import FileLock
from alya_mcp.settings import environment_of

_POLL: Final = 0.05
_GREETING_LIMIT: Final = 60.0
"""Seconds for the handshake before a job: a worker that imports large libraries may block for a while."""
_REFUSAL_LIMIT: Final = 10.0
_START_LIMIT: Final = 120.0
_MAX_STARTS: Final = 3
_STARTING: Final = "Starting the image worker"


class Launcher:
    """Connects to the worker at `run_folder`; `command` gets the home folder as its last argument.

    Without `command` the worker runs in the environment that has the packages. A worker that is asked to
    leave has `patience` seconds to finish its pictures. `doing` describes what `join` is doing.
    """

    def __init__(
        self,
        home: Path,
        command: Sequence[str] | None,
        version: str = __version__,
        *,
        patience: float = 600.0,
    ) -> None:
        self._patience = patience
        self.doing = _STARTING
        self._home = home
        self._command = command
        self._own = Hello(version=version, protocol=PROTOCOL, pid=os.getpid())
        self.run_folder = RunFolder(home)

    async def find(self, limit: float) -> WorkerConnection | None:
        """A connection to the running worker, which has `limit` seconds to answer, or None.

        Raises:
            RefusedError: it has another key.
            Unavailable: it doesn't answer.
        """
        address = self.run_folder.read_address()
        key = None if address is None else self.run_folder.read_key()
        if address is None or key is None:
            return None
        try:
            async with asyncio.timeout(limit):
                return await WorkerConnection.open(address, key, self._own)
        except TimeoutError:
            raise Unavailable(
                f"The image worker (process {address.pid}) doesn't answer within {limit:g} s. "
                "The user can end that process; the next call starts a fresh one"
            ) from None
        except RefusedError:
            raise
        except (OSError, EOFError):
            return None

    async def join(self) -> WorkerConnection:
        """A connection to the worker, started if need be. One older than this server is asked to leave first.

        Raises:
            Unavailable: it can't be started or doesn't answer.
            NotConfigured: its files can't be stored in ALYA_HOME.
        """
        self.run_folder.prepare()
        lock = FileLock(self.run_folder.start_lock)
        starter = Starter(self._spawn, seconds=_START_LIMIT, most=_MAX_STARTS)
        holding = False
        began = since = time.monotonic()
        connection: WorkerConnection | None = None
        try:
            while True:
                with kept_in_home():
                    holding = lock.acquire()
                if holding:
                    self.run_folder.ensure_key()
                connection = await self._find_patiently(since)
                if connection is not None:
                    if await self._suits(connection, began + self._patience):
                        return connection
                    await asyncio.sleep(_POLL)
                    since = time.monotonic()
                    starter.wait_anew()
                    continue
                starter.ensure(may_start=holding)
                await asyncio.sleep(_POLL)
        except EndedError as error:
            raise Unavailable(
                f"The image worker ended while starting ({error}). "
                "The user finds the reason in logs/image-worker.log of ALYA_HOME"
            ) from None
        except LateError:
            raise Unavailable(
                f"The image worker didn't start within {_START_LIMIT:.0f} s. {_late(holding)}"
            ) from None
        except BaseException:
            if connection is not None:
                await connection.close()
            raise
        finally:
            lock.release()
            # A worker that already listens may serve others, and ends by itself otherwise.
            if connection is not None or self._listens(starter.pid):
                starter.let_go()
            starter.end()

    def _listens(self, pid: int | None) -> bool:
        address = None if pid is None else self.run_folder.read_address()
        return address is not None and address.pid == pid

    async def _find_patiently(self, since: float) -> WorkerConnection | None:
        try:
            return await self.find(_GREETING_LIMIT)
        except RefusedError:
            # A worker whose key file was replaced notices that within a second and ends.
            if time.monotonic() - since < _REFUSAL_LIMIT:
                return None
            address = self.run_folder.read_address()
            raise Unavailable(
                "The running image worker doesn't hold this server's key"
                + (f" (process {address.pid})" if address else "")
                + ". The user can end that process; the next call starts a fresh one"
            ) from None

    async def _suits(self, connection: WorkerConnection, until: float) -> bool:
        if connection.hello.leaving or is_newer(self._own.version, connection.hello.version):
            connection.tell(LeaveRequest())
            self.doing = f"Waiting for the {_named(connection)} to finish its pictures"
            try:
                await self._outlast(connection, until)
            finally:
                self.doing = _STARTING
            return False
        if connection.hello.protocol != PROTOCOL:
            raise Unavailable(
                f"The running image worker belongs to alya-mcp {connection.hello.version}, this server is "
                f"{self._own.version} and can't talk to it. Restart this client, and others that still run "
                "another version"
            )
        return True

    async def _outlast(self, connection: WorkerConnection, until: float) -> None:
        """Wait until a worker that was asked to leave has ended, as long as it answers."""
        while (left := until - time.monotonic()) > 0:
            try:
                asked = connection.call(StatusRequest())
                try:
                    await asked.heard()
                finally:
                    asked.end(cancel=False)
            except WorkerGoneError:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(ALIVE, left)):
                    await connection.ended()
        raise Unavailable(
            f"The {_named(connection)} has to make room and still has pictures to finish after "
            f"{self._patience:.0f} s. Call again later, or the user can end that process; the next call "
            "starts a fresh one"
        )

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self._command or image_command("alya_mcp.images.worker.main", home=self._home)
        with kept_in_home():
            log = open_log(self.run_folder.log)
        with log:
            try:
                return spawn(
                    [*command, str(self._home)],
                    self._home,
                    cwd=self.run_folder.folder,
                    environment=environment_of("image worker", os.environ),
                    held=True,
                    log=log,
                )
            except OSError as error:
                raise Unavailable(f"The image worker can't be started ({error.strerror})") from error


def _late(holding: bool) -> str:
    """The error for a start that takes too long; `holding` the lock, it is our own start."""
    if holding:
        return (
            "The one before it may be stuck: the user can look for a process that runs "
            "alya_mcp.images.worker and end it"
        )
    return (
        "Another server was about to start it and may be stuck or stopped: the user can end that client, or "
        "let it go on"
    )


def _named(connection: WorkerConnection) -> str:
    return f"image worker of alya-mcp {connection.hello.version} (process {connection.hello.pid})"
