"""The process that owns the GPU: takes jobs from every server of the user and ends with the last one.

An event loop in front answers at once, whatever the render thread behind it is busy with.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alya_mcp import __version__
from alya_mcp.failures import InvalidInput, Unavailable
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.fair import FairQueue
from alya_mcp.images.place import Address, FileLock, Place, Sentinel
from alya_mcp.images.rendering import Renderer, RendererStatus, RenderPhase, Request
from alya_mcp.images.thread import Cancelled, Failed, Order, Outcome, RenderThread
from alya_mcp.images.wire import PROTOCOL, Hello, WireError, pack, read, welcome

MAX_WAITING: Final = 16

_GREETING_LIMIT: Final = 5.0
_FIRST_CLIENT_LIMIT: Final = 30.0
_LOCK_LIMIT: Final = 120.0
_FAREWELL_LIMIT: Final = 5.0
_ALIVE: Final = 5.0
_WATCH: Final = 1.0
_MAX_LOG: Final = 2 << 20


class Client:
    """One connected server. What is said to it goes out in order, however slowly it reads."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        # With no slack in the transport, what was drained is with the system and survives this process.
        writer.transport.set_write_buffer_limits(high=0)
        self._writer = writer
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._unsent = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def say(self, frame: bytes) -> None:
        """Queue a frame for sending."""
        self._unsent += 1
        self._idle.clear()
        self._outbox.put_nowait(frame)

    async def send(self) -> None:
        """Send what is said, until the connection breaks."""
        try:
            while True:
                self._writer.write(await self._outbox.get())
                await self._writer.drain()
                self._unsent -= 1
                if not self._unsent:
                    self._idle.set()
        except OSError:
            pass
        finally:
            self._idle.set()

    async def flushed(self) -> None:
        """Wait until everything said is sent, or can't be any more."""
        await self._idle.wait()


@dataclass(eq=False, slots=True, kw_only=True)
class Work:
    """A job of a client, waiting or running."""

    client: Client
    number: int
    request: Request
    since: float
    order: Order | None = None


class Front:
    """All state of the worker; touched by the event loop only."""

    def __init__(self, place: Place, key: bytes, create: Callable[[], Renderer], version: str) -> None:
        self._place = place
        self._key = key
        self._version = version
        self._loop = asyncio.get_running_loop()
        self._thread = RenderThread(create, self._loop)
        self._clients: set[Client] = set()
        self._waiting: FairQueue[Client, Work] = FairQueue()
        self._running: Work | None = None
        self._renderer = RendererStatus()
        self._since = time.time()
        self._seconds_per_job = 0.0
        self._last_error: str | None = None
        self._leaving = False
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until nobody needs this process any more."""
        self._place.clear_address()
        server, address = await self._listen()
        self._place.write_address(address)
        watched = [self._place.key, self._place.lock, self._place.address]
        if address.unix is not None:
            watched.append(Path(address.unix))
        self._spawn(self._watch(Sentinel(watched)))
        self._spawn(self._say_alive())
        self._loop.call_later(_FIRST_CLIENT_LIMIT, self._leave_if_alone)
        threading.Thread(target=self._watch_starter, name="starter", daemon=True).start()
        if sys.platform != "win32":
            self._loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        try:
            await self._ended.wait()
            # Whoever is connected learns the end by the closed connection; what was said before arrives.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_LIMIT):
                    for client in list(self._clients):
                        await client.flushed()
        finally:
            self._place.clear_address()
            server.close()

    async def _listen(self) -> tuple[asyncio.Server, Address]:
        if sys.platform == "win32":
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            return server, Address(pid=os.getpid(), port=server.sockets[0].getsockname()[1])
        path = self._place.new_socket_path()
        return await asyncio.start_unix_server(self._connected, path), Address(
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
        own = Hello(version=self._version, protocol=PROTOCOL, pid=os.getpid(), leaving=self._leaving)
        try:
            async with asyncio.timeout(_GREETING_LIMIT):
                await welcome(reader, writer, self._key, own)
        except (OSError, EOFError) as error:
            _log(f"a connection was not accepted ({type(error).__name__})")
            return False
        return True

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        self._clients.add(client)
        sender = self._spawn(client.send())
        try:
            while True:
                self._handle(client, (await read(reader)).head)
        except WireError as error:
            _log(f"a client sent nonsense: {error}")
        except (OSError, EOFError):
            pass
        finally:
            sender.cancel()
            self._gone(client)

    def _gone(self, client: Client) -> None:
        self._clients.discard(client)
        self._waiting.clear(client)
        if self._running is not None and self._running.client is client:
            self._stop_running()
        self._leave_if_alone()

    def _leave_if_alone(self) -> None:
        if not self._clients:
            self._ended.set()

    def _watch_starter(self) -> None:
        """End with the server that started this process when it dies before anyone has connected."""
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        self._loop.call_soon_threadsafe(self._leave_if_alone)

    # -- what they say

    def _handle(self, client: Client, head: dict[str, Any]) -> None:
        try:
            match head["type"]:
                case "render" | "warm":
                    self._take(client, int(head["id"]), head)
                case "cancel":
                    self._cancel(client, int(head["id"]))
                case "status":
                    client.say(pack({"type": "status", "id": int(head["id"]), **self._status()}))
                case "leave":
                    self._leave()
                case other:
                    raise WireError(f"an unknown message {other!r:.40}")
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"a message with a missing or wrong field ({type(error).__name__})") from None

    def _take(self, client: Client, number: int, head: dict[str, Any]) -> None:
        try:
            job = Job(**head["job"]) if head["type"] == "render" else None
        except InvalidInput as error:
            self._fail(client, number, InvalidInput.__name__, str(error))
            return
        if self._leaving:
            self._fail(client, number, "leaving", "the image worker takes no more work")
            return
        if len(self._waiting) >= MAX_WAITING:
            wait = self._seconds_per_job * (len(self._waiting) + 1)
            self._fail(
                client,
                number,
                Unavailable.__name__,
                f"The image queue is full: {len(self._waiting)} images wait"
                + (f", about {wait:.0f} s of work" if wait >= 1 else "")
                + ". Call again later",
            )
            return
        request = Request(model=str(head["model"]), precision=str(head["precision"]), job=job)
        work = Work(client=client, number=number, request=request, since=time.monotonic())
        self._waiting.push(client, work)
        self._next()
        self._tell_positions()

    def _cancel(self, client: Client, number: int) -> None:
        for work in self._waiting:
            if work.client is client and work.number == number:
                self._waiting.remove(client, work)
                self._tell_positions()
                return
        if self._running is not None and self._running.client is client and self._running.number == number:
            self._stop_running()

    def _leave(self) -> None:
        self._leaving = True
        if self._running is None and not len(self._waiting):
            self._ended.set()

    # -- the work

    def _next(self) -> None:
        if self._running is not None:
            return
        work = self._waiting.pop()
        if work is None:
            if self._leaving:
                self._ended.set()
            return
        began = time.monotonic()

        def on_step(phase: RenderPhase, at: float, until: float, message: str) -> None:
            self._step(work, phase, at, until, message)

        def on_end(outcome: Outcome, renderer: RendererStatus) -> None:
            self._renderer = renderer
            self._running = None
            self._since = time.time()
            self._finish(work, began, outcome)
            self._next()
            self._tell_positions()

        work.order = Order(request=work.request, on_step=on_step, on_end=on_end)
        self._running = work
        self._since = time.time()
        self._thread.submit(work.order)

    def _stop_running(self) -> None:
        if self._running is not None and self._running.order is not None:
            self._running.order.cancelled.set()

    def _finish(self, work: Work, began: float, outcome: Outcome) -> None:
        match outcome:
            case Picture():
                took = time.monotonic() - began
                self._seconds_per_job = (self._seconds_per_job + took) / 2 if self._seconds_per_job else took
                work.client.say(_picture_frame(work, began, outcome))
            case Failed():
                self._last_error = outcome.message
                self._fail(work.client, work.number, outcome.kind, outcome.message)
                if outcome.fatal:
                    self._leaving = True
                    self._ended.set()
            case Cancelled():
                pass
            case None:
                work.client.say(pack({"type": "done", "id": work.number}))

    def _step(self, work: Work, phase: str, at: float, until: float, message: str) -> None:
        head = {
            "type": "step",
            "id": work.number,
            "phase": phase,
            "at": at,
            "until": until,
            "message": message,
        }
        work.client.say(pack(head))

    def _fail(self, client: Client, number: int, kind: str, message: str) -> None:
        client.say(pack({"type": "failure", "id": number, "kind": kind, "message": message}))

    def _tell_positions(self) -> None:
        for before, work in enumerate(self._waiting, start=1):
            ahead = f"{before} images" if before > 1 else "1 image"
            self._step(work, "queue", 1 / (before + 1), 1 / before, f"Waiting: {ahead} first")

    # -- how it is

    def _status(self) -> dict[str, Any]:
        waiting = len(self._waiting)
        state = "leaving" if self._leaving else "idle" if self._running is None else "busy"
        model = self._renderer.model
        detail = {
            "leaving": "The image worker finishes its work and makes room for a newer version",
            "idle": f"{model} is loaded and ready"
            if model
            else "The image worker runs; nothing is loaded yet",
            "busy": f"An image is being drawn, {waiting} more wait" if waiting else "An image is being drawn",
        }[state]
        memory = dict(self._renderer.memory)
        resident = _resident()
        if resident is not None:
            memory["resident"] = resident
        return {
            "state": state,
            "detail": detail,
            "since": self._since,
            "pid": os.getpid(),
            "model": model,
            "device": self._renderer.device,
            "waiting": waiting,
            "clients": len(self._clients),
            "memory": memory,
            "last_error": self._last_error,
        }

    async def _say_alive(self) -> None:
        while True:
            await asyncio.sleep(_ALIVE)
            for work in self._all_work():
                work.client.say(pack({"type": "alive", "id": work.number}))

    def _all_work(self) -> Iterator[Work]:
        running = () if self._running is None else (self._running,)
        return itertools.chain(running, self._waiting)

    async def _watch(self, sentinel: Sentinel) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            _rotate(self._place.log)
            if not self._leaving and not sentinel.intact():
                _log("files of this worker were removed or replaced; leaving")
                self._leave()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _picture_frame(work: Work, began: float, picture: Picture) -> bytes:
    head = {
        "type": "done",
        "id": work.number,
        "width": picture.width,
        "height": picture.height,
        "model": picture.model,
        "notice": picture.notice,
        "timings": {"queue": round((began - work.since) * 1000, 1), **picture.timings},
        "truncated": picture.truncated,
        "ignored": picture.ignored,
    }
    return pack(head, picture.pixels)


def _resident() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _rotate(log: Path) -> None:
    try:
        if log.stat().st_size > _MAX_LOG:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
    except OSError:
        pass


def _log(message: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    sys.stderr.write(f"{stamp} image worker {os.getpid()}: {message}\n")
    sys.stderr.flush()


def _take_lock(lock: FileLock) -> bool:
    """Wait for the worker before this one to end, as long as the process that started this one lives."""
    parent = os.getppid()
    deadline = time.monotonic() + _LOCK_LIMIT
    while not lock.acquire():
        if time.monotonic() > deadline or os.getppid() != parent:
            return False
        time.sleep(0.05)
    return True


def _flux() -> Renderer:
    from alya_mcp.images.flux import FluxRenderer

    return FluxRenderer()


def main(create: Callable[[], Renderer] = _flux, version: str = __version__) -> None:
    """Be the worker of the ALYA_HOME named by the one argument, until nobody needs it. Doesn't return."""
    place = Place(Path(sys.argv[1]))
    lock = FileLock(place.lock)
    if not _take_lock(lock):
        sys.exit("another image worker runs and doesn't end")
    key = place.read_key()
    if key is None:
        sys.exit("there is no key to share with servers; the worker is started by a server, which makes one")
    for name, value in (
        ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("PYTORCH_ALLOC_CONF", "expandable_segments:True"),
    ):
        os.environ.setdefault(name, value)

    async def serve() -> None:
        await Front(place, key, create, version).run()

    _log(f"version {version} starts")
    status = 0
    try:
        asyncio.run(serve())
    except Exception:  # noqa: BLE001 - the process ends here, and its log says why
        traceback.print_exc()
        status = 1
    _log("ends")
    # The render thread may be in a call that nothing interrupts; nobody waits for it.
    os._exit(status)


if __name__ == "__main__":
    main()
