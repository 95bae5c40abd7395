"""A server's connection to the image worker: many calls at a time over one socket."""

import asyncio
import sys
from typing import Any, Final, Self

from alya_mcp.errors import Unavailable
from alya_mcp.images.worker.protocol import ALIVE, Frame, Hello, introduce, pack, read
from alya_mcp.images.worker.run_folder import WorkerAddress

_MISSED: Final = 12
"""Signs of life in a row without which a worker counts as stuck."""


class WorkerGoneError(Exception):
    """The worker ended or closed the connection with the call unanswered."""


class PendingCall:
    """One request and the frames that answer it."""

    def __init__(self, connection: "WorkerConnection", number: int) -> None:
        self._connection = connection
        self.number = number
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue()

    async def answer(self) -> Frame:
        """The next frame.

        Raises:
            WorkerGoneError: when none will come.
            Unavailable: when the worker is stuck.
        """
        # Counted in pieces: of the time in which this process itself stood still, only one is missed.
        for _ in range(_MISSED):
            try:
                async with asyncio.timeout(ALIVE):
                    frame = await self.frames.get()
            except TimeoutError:
                continue
            if frame is None:
                raise WorkerGoneError
            return frame
        hello = self._connection.hello
        raise Unavailable(
            f"The image worker of alya-mcp {hello.version} (process {hello.pid}) has said nothing for "
            f"{_MISSED * ALIVE:.0f} s and counts as stuck. The user can end that process; the next call "
            "starts a fresh one"
        )

    def end(self, *, cancel: bool) -> None:
        """Take no more frames; with `cancel`, tell the worker that nobody wants them."""
        self._connection.forget(self, cancel=cancel)


class WorkerConnection:
    """One authenticated connection, alive until the worker or `close` ends it.

    `dismissed` tells that the worker said farewell: what it hadn't begun was not lost with it by accident.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Hello) -> None:
        self.hello = hello
        self.dismissed = False
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, PendingCall] = {}
        self._count = 0
        self._lost = asyncio.Event()
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, address: WorkerAddress, key: bytes, own: Hello) -> Self:
        """Connect and greet.

        Raises:
            OSError, EOFError: when nobody listens, or it isn't the worker.
            RefusedError: when it doesn't hold the same key.
        """
        if address.unix is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        elif sys.platform == "win32":
            raise ConnectionError("there are no Unix sockets here")
        else:
            reader, writer = await asyncio.open_unix_connection(address.unix)
        try:
            return cls(reader, writer, await introduce(reader, writer, key, own))
        except BaseException:
            writer.close()
            await _wait_closed(writer)
            raise

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self._lost.is_set()

    async def ended(self) -> None:
        """Wait for the connection's end."""
        await self._lost.wait()

    def tell(self, head: dict[str, Any]) -> None:
        """Send what has no answer."""
        if not self.lost:
            self._writer.write(pack(head))

    def call(self, head: dict[str, Any]) -> PendingCall:
        """Send a request.

        Raises:
            WorkerGoneError: when the connection has ended.
        """
        if self.lost:
            raise WorkerGoneError
        self._count += 1
        call = self._calls[self._count] = PendingCall(self, self._count)
        self.tell({**head, "id": call.number})
        return call

    def forget(self, call: PendingCall, *, cancel: bool) -> None:
        """Drop what still comes for `call`."""
        if self._calls.pop(call.number, None) is not None and cancel:
            self.tell({"type": "cancel", "id": call.number})

    async def close(self) -> None:
        """End the connection and every call on it."""
        self._listener.cancel()
        await asyncio.wait({self._listener})
        self._end()
        self._writer.transport.abort()
        await _wait_closed(self._writer)

    async def _listen(self) -> None:
        try:
            while True:
                frame = await read(self._reader)
                if frame.head.get("type") == "farewell":
                    self.dismissed = True
                    break
                call = self._calls.get(frame.head.get("id", 0))
                if call is not None:
                    call.frames.put_nowait(frame)
        except (OSError, EOFError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        self._lost.set()
        for call in self._calls.values():
            call.frames.put_nowait(None)
        self._writer.close()


async def _wait_closed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.wait_closed()
    except OSError:
        pass
