"""The process that owns the GPU: takes jobs from every server of the user, ends a while after the last one.

The event loop answers at once, whatever the render thread is doing.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from alya_mcp import __version__
from alya_mcp.errors import InvalidInput
from alya_mcp.gate import FileSwitch, Switch
from alya_mcp.gate.sanitizer import hidden
from alya_mcp.images.engine import EngineStatus
from alya_mcp.images.library_environment import tell_libraries
from alya_mcp.images.renderer import Renderer
from alya_mcp.images.wire.frames import Frame, WireError, read
from alya_mcp.images.wire.messages import (
    ALIVE,
    MAX_FILES,
    PROTOCOL,
    CancelRequest,
    CollectRequest,
    DrawRequest,
    Failed,
    LeaveRequest,
    LoadRequest,
    Sign,
    StatusRequest,
    number_of,
    pack_answer,
    read_request,
)
from alya_mcp.images.worker.client import Client
from alya_mcp.images.worker.greeting import Hello, welcome
from alya_mcp.images.worker.log import LogStream, rotate, say
from alya_mcp.images.worker.run_folder import RunFolder, WorkerAddress
from alya_mcp.images.worker.scheduler import Scheduler
from alya_mcp.runtime.daemon import Sentinel
from alya_mcp.runtime.locks import FileLock
from alya_mcp.settings import Settings, secret_words

_FAREWELL: Final = pack_answer(Sign("farewell"))
_GREETING_LIMIT: Final = 5.0
_FIRST_CLIENT_LIMIT: Final = 30.0
_LOCK_LIMIT: Final = 120.0
_FAREWELL_LIMIT: Final = 5.0
_WATCH: Final = 1.0


class WorkerServer:
    """Serves the worker's connections, and ends the process when no server needs it."""

    def __init__(
        self,
        folder: RunFolder,
        key: bytes,
        create: Callable[[], Renderer],
        version: str,
        starter_gone: threading.Event,
        stopped: Switch,
    ) -> None:
        self._stopped = stopped
        self._folder = folder
        self._starter_gone = starter_gone
        self._key = key
        self._version = version
        self._loop = asyncio.get_running_loop()
        self._clients: set[Client] = set()
        self._held = True
        self._lingers_until = 0.0
        self._lingering: asyncio.TimerHandle | None = None
        self._alone = asyncio.Event()
        self._ended = asyncio.Event()
        self._scheduler = Scheduler(create, self._loop, self._ended.set, folder.read_ending())
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until no server needs this process."""
        self._folder.clear_address()
        self._folder.clear_ending()
        server, address = await self._listen()
        self._folder.write_address(address)
        watched = [self._folder.key, self._folder.lock, self._folder.address]
        if address.unix is not None:
            watched.append(Path(address.unix))
        self._spawn(self._watch(Sentinel(watched)))
        self._spawn(self._say_alive())
        self._loop.call_later(_FIRST_CLIENT_LIMIT, self._let_go)
        threading.Thread(target=self._watch_starter, name="held", daemon=True).start()
        if sys.platform != "win32":
            self._loop.add_signal_handler(signal.SIGTERM, self._scheduler.finish)
        try:
            await self._ended.wait()
            self._folder.write_ending(self._scheduler.ending())
        finally:
            self._folder.clear_address()
            server.close()
        await self._part()

    async def _part(self) -> None:
        """Send all connected clients their last frames and a farewell, and close the connections."""
        for client in self._clients:
            client.say(_FAREWELL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_LIMIT):
                while self._clients:
                    self._alone.clear()
                    await self._alone.wait()

    async def _listen(self) -> tuple[asyncio.Server, WorkerAddress]:
        if sys.platform == "win32":
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            return server, WorkerAddress(pid=os.getpid(), port=server.sockets[0].getsockname()[1])
        path = self._folder.new_socket_path()
        return await asyncio.start_unix_server(self._connected, path), WorkerAddress(
            pid=os.getpid(), unix=str(path)
        )

    # -- who is here

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await self._admitted(reader, writer):
                await self._attend(reader, writer)
        finally:
            writer.close()

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        own = Hello(
            version=self._version, protocol=PROTOCOL, pid=os.getpid(), leaving=self._scheduler.leaving
        )
        try:
            async with asyncio.timeout(_GREETING_LIMIT):
                await welcome(reader, writer, self._key, own)
        except (OSError, EOFError) as error:
            say(f"a connection was not accepted ({type(error).__name__})")
            return False
        return True

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        if self._ended.is_set():
            client.say(_FAREWELL)
            return
        self._clients.add(client)
        try:
            while True:
                self._handle(client, await read(reader, max_payload=MAX_FILES))
        except WireError as error:
            say(f"a client sent nonsense: {error}")
        except (OSError, EOFError):
            pass
        finally:
            self._gone(client)

    def _gone(self, client: Client) -> None:
        self._clients.discard(client)
        if not self._clients:
            self._alone.set()
        self._scheduler.drop(client)
        if client.works:
            self._lingers_until = self._loop.time() + self._scheduler.linger
        self._leave_if_alone()

    def _leave_if_alone(self) -> None:
        """End when no server needs this process; with a model loaded, only after the linger time."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._clients or self._held:
            return
        lingers, keeps = self._lingers_until - self._loop.time(), self._scheduler.keeps_for
        left = max(lingers, keeps)
        if left <= 0 or (not keeps and self._scheduler.unloaded):
            self._scheduler.finish()
        else:
            self._lingering = self._loop.call_later(left, self._leave_if_alone)

    def _let_go(self) -> None:
        self._held = False
        self._leave_if_alone()

    def _watch_starter(self) -> None:
        """Keep running until the server that started this process has connected or died."""
        self._starter_gone.wait()
        self._loop.call_soon_threadsafe(self._let_go)

    # -- what they say

    def _handle(self, client: Client, frame: Frame) -> None:
        """Handle a client's request.

        Raises:
            WireError: the request is invalid.
        """
        number = 0 if frame.head.get("type") == "leave" else number_of(frame)
        try:
            request = read_request(frame)
        except InvalidInput as error:
            client.say(pack_answer(Failed.of(error), number))
            return
        match request:
            case DrawRequest() | LoadRequest():
                client.works = True
                self._scheduler.take(client, number, request)
            case CollectRequest():
                client.works = True
                self._scheduler.collect(client, number, request.key)
            case CancelRequest():
                self._scheduler.cancel(client, number)
            case StatusRequest():
                self._tell_status(client, number)
            case LeaveRequest():
                self._scheduler.leave()

    def _tell_status(self, client: Client, number: int) -> None:
        def tell(status: EngineStatus) -> None:
            client.say(pack_answer(status, number))

        used = any(each.works for each in self._clients)
        left = max(self._scheduler.keeps_for, self._lingers_until - self._loop.time())
        leaves_in = None if used or self._held else left
        self._scheduler.report(len(self._clients), leaves_in, tell)

    # -- what happens beside it

    async def _say_alive(self) -> None:
        while True:
            await asyncio.sleep(ALIVE)
            self._scheduler.say_alive()

    async def _watch(self, sentinel: Sentinel) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            rotate(self._folder.log)
            if not self._scheduler.leaving and not sentinel.intact():
                say("files of this worker were removed or replaced; leaving")
                self._scheduler.leave()
            if self._scheduler.left and self._stopped.is_stopped():
                say("the user stopped all calls; drawings without a server end")
                self._scheduler.forget_left()
            if self._lingering is not None:
                self._leave_if_alone()
                self._scheduler.give_way()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _watch_pipe(gone: threading.Event) -> None:
    """Set `gone` once the server that started this process has closed its end of the pipe or died."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    gone.set()


def _take_lock(lock: FileLock, gone: threading.Event) -> bool:
    """Wait for the previous worker to end, as long as the server that started this one waits too."""
    deadline = time.monotonic() + _LOCK_LIMIT
    while not lock.acquire():
        if time.monotonic() > deadline or gone.wait(0.05):
            return False
    return True


def _flux() -> Renderer:
    from alya_mcp.images.flux.renderer import FluxRenderer

    return FluxRenderer(Settings.from_environment().image_memory)


def main(create: Callable[[], Renderer] = _flux, version: str = __version__) -> None:
    """Run the worker of the ALYA_HOME named by the only argument until no server needs it. Doesn't return."""
    sys.stdout = sys.stderr = LogStream(hidden(secret_words()))
    folder = RunFolder(Path(sys.argv[1]))
    gone = threading.Event()
    threading.Thread(target=_watch_pipe, args=(gone,), name="starter", daemon=True).start()
    lock = FileLock(folder.lock)
    if not _take_lock(lock, gone):
        sys.exit("another image worker runs and does not end, or nobody waits for this one")
    key = folder.read_key()
    if key is None:
        sys.exit("there is no key to share with servers; the worker is started by a server, which makes one")
    tell_libraries(TORCHINDUCTOR_CACHE_DIR=str(folder.kernels))

    stopped = FileSwitch(Settings(home=Path(sys.argv[1])).stop_file)

    async def serve() -> None:
        await WorkerServer(folder, key, create, version, gone, stopped).run()

    say(f"version {version} starts")
    status = 0
    try:
        asyncio.run(serve())
    except Exception:  # noqa: BLE001 - the process ends here, and its log says why
        traceback.print_exc()
        status = 1
    say("ends")
    # The render thread may be in a call that can't be interrupted; don't wait for it.
    os._exit(status)
