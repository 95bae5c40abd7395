"""A server's connection to the image worker: concurrent calls over one socket."""

import asyncio
import sys
from typing import Final, Self

from alya_mcp.errors import Unavailable
from alya_mcp.images.wire.frames import Frame, read
from alya_mcp.images.wire.messages import (
    ALIVE,
    Answer,
    CancelRequest,
    Request,
    Sign,
    number_of,
    pack_request,
    read_answer,
    read_spent,
)
from alya_mcp.images.worker.greeting import Hello, introduce
from alya_mcp.images.worker.run_folder import WorkerAddress

_FAREWELL: Final = Sign("farewell")
_MISSED: Final = 12
"""Missed heartbeats in a row after which a worker counts as stuck."""


class WorkerGoneError(Exception):
    """The worker ended or closed the connection with the call unanswered."""


class PendingCall:
    """One request and its answers; `spent` are the seconds of its deadline that it has used."""

    def __init__(self, connection: "WorkerConnection", number: int) -> None:
        self._connection = connection
        self.number = number
        self.spent = 0.0
        self.frames: asyncio.Queue[Frame | None] = asyncio.Queue()

    async def answer(self) -> Answer | None:
        """The next answer; None for one that only a later version knows.

        Raises:
            WorkerGoneError: none will come.
            Unavailable: the worker is stuck.
            WireError: it isn't a valid answer.
        """
        frame = await self.heard()
        self.spent = read_spent(frame)
        return read_answer(frame)

    async def heard(self) -> Frame:
        """The next frame of any kind; raises as `answer` does."""
        # Waits in intervals: if this process itself is suspended, only one interval counts.
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
        """Ignore further frames; with `cancel`, cancel the request in the worker."""
        self._connection.forget(self, cancel=cancel)


class WorkerConnection:
    """One authenticated connection, alive until the worker or `close` ends it.

    `dismissed`: the worker said farewell, so jobs that it hadn't started can be retried.
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
            OSError, EOFError: nothing listens, or it isn't the worker.
            RefusedError: it doesn't have the same key.
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

    def tell(self, request: Request, number: int = 0) -> None:
        """Send a request without an answer."""
        if not self.lost:
            self._writer.write(pack_request(request, number))

    def call(self, request: Request) -> PendingCall:
        """Send a request.

        Raises:
            WorkerGoneError: the connection has ended.
        """
        if self.lost:
            raise WorkerGoneError
        self._count += 1
        call = self._calls[self._count] = PendingCall(self, self._count)
        self.tell(request, call.number)
        return call

    def forget(self, call: PendingCall, *, cancel: bool) -> None:
        """Drop further frames for `call`."""
        if self._calls.pop(call.number, None) is not None and cancel:
            self.tell(CancelRequest(), call.number)

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
                if frame.head.get("type") == _FAREWELL.kind:
                    self.dismissed = True
                    break
                call = self._calls.get(number_of(frame))
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
