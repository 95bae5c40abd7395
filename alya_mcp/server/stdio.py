"""The process's standard streams as a wire that carries only the protocol.

`claim_standard_streams` is the first thing a server does: the wire moves to private descriptors, descriptor 0
reads nothing and descriptor 1 is standard error, for the rest of the process's life. So neither an import's
`print` nor a child process can write into the protocol. The wire transports bytes; the server interprets the
lines.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable
from typing import BinaryIO, Protocol

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of the longest line that is read; clients stop at 10 MiB (TypeScript SDK)."""
_PIECE = 64 * 1024


class Wire(Protocol):
    """A transport of lines in both directions."""

    lost: Callable[[], None]
    """Called when a line that `write` didn't wait for can't be sent, because the client no longer reads."""

    def lines(self) -> AsyncGenerator[bytes, None]:
        """Each line that the client sends; ends when the client closes its side.

        A line longer than `LONGEST_LINE` is skipped and reported to the `oversized` callback.
        """
        ...

    async def closed(self) -> None:
        """Return when the client has closed its side, whether its lines were read or not."""
        ...

    @property
    def sent(self) -> int:
        """Bytes that the operating system has taken so far."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that the operating system hasn't taken yet."""
        ...

    @property
    def abandoned(self) -> bool:
        """Whether the client is known to have stopped reading."""
        ...

    async def write(self, line: bytes, *, soon: bool = False) -> None:
        """Send `line` and a newline; returns when the operating system has taken it.

        With `soon` it may return at once, and the line leaves together with what is written meanwhile.

        Raises:
            BrokenPipeError: when the client no longer reads.
        """
        ...


def claim_standard_streams() -> tuple[int, int]:
    """Move standard input and output to private descriptors and return them.

    Afterwards descriptor 0 is the null device, descriptor 1 is standard error, and `sys.stdout` writes to
    standard error, which is the null device where the process was started without one.
    """
    incoming, outgoing = _duplicate(0), _duplicate(1)
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_RDWR), 2)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


def is_event_driven(incoming: int, outgoing: int) -> bool:
    """Whether the event loop can wait for both descriptors, as for pipes and sockets on POSIX."""
    return os.name == "posix" and _is_pipe(incoming) and _is_pipe(outgoing)


async def open_wire(
    incoming: int, outgoing: int, oversized: Callable[[], None], unread: bytes = b"", unsent: bytes = b""
) -> Wire:
    """Open the wire on two descriptors: event-driven for pipes and sockets, by threads for anything else.

    `oversized` is called for every line that was too long to read. Event-driven descriptors may have been
    used before: `unread` was taken from the one, `unsent` is still to be written to the other.
    """
    if is_event_driven(incoming, outgoing):
        wire = await _PipeWire.open(incoming, outgoing, oversized, unread)
        wire.resume(unsent)
        return wire
    return _FileWire(os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb", buffering=0), oversized)


class _Reader(asyncio.StreamReader):
    """A stream reader that knows the end of its input before its buffer is read."""

    def __init__(self) -> None:
        super().__init__(limit=LONGEST_LINE)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.ended.set()


class _PipeWire:
    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter, oversized: Callable[[], None]) -> None:
        self._reader, self._writer, self._oversized = reader, writer, oversized
        self._given = 0
        self._waiting: list[bytes] = []
        self.lost: Callable[[], None] = _nothing

    @classmethod
    async def open(
        cls, incoming: int, outgoing: int, oversized: Callable[[], None], unread: bytes
    ) -> "_PipeWire":
        loop = asyncio.get_running_loop()
        reader = _Reader()
        reader.feed_data(unread)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb", buffering=0)
        )
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(outgoing, "wb", buffering=0)
        )
        transport.set_write_buffer_limits(0)
        return cls(reader, asyncio.StreamWriter(transport, protocol, None, loop), oversized)

    def resume(self, unsent: bytes) -> None:
        """Write first the bytes that another writer of the same descriptor left."""
        self._given += len(unsent)
        self._writer.write(unsent)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        too_long = False
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as overrun:
                await self._reader.readexactly(overrun.consumed)
                too_long = True
                continue
            except asyncio.IncompleteReadError as end:
                if too_long:
                    self._oversized()
                elif end.partial:
                    yield end.partial
                return
            if too_long:
                too_long = False
                self._oversized()
            else:
                yield line

    async def closed(self) -> None:
        await self._reader.ended.wait()

    @property
    def sent(self) -> int:
        return self._given - self.unsent

    @property
    def unsent(self) -> int:
        waiting = sum(map(len, self._waiting)) + len(self._waiting) if self._waiting else 0
        return self._writer.transport.get_write_buffer_size() + waiting

    @property
    def abandoned(self) -> bool:
        return self._writer.transport.is_closing()

    async def write(self, line: bytes, *, soon: bool = False) -> None:
        self._given += len(line) + 1
        self._waiting.append(line)
        if soon and not self._writer.transport.get_write_buffer_size():
            if len(self._waiting) == 1:
                asyncio.get_running_loop().call_soon(self._send_waiting)
            return
        self._send_waiting()
        if self.unsent or self.abandoned:
            await self._writer.drain()

    def _send_waiting(self) -> None:
        if self._waiting:
            lines = b"\n".join((*self._waiting, b""))
            self._waiting.clear()
            self._writer.write(lines)
            if self.abandoned:
                self.lost()


class _FileWire:
    def __init__(self, source: BinaryIO, target: BinaryIO, oversized: Callable[[], None]) -> None:
        self._source, self._target, self._oversized = source, target, oversized
        self._ended = asyncio.Event()
        self._turn = asyncio.Lock()
        self.sent = self.unsent = 0
        self.abandoned = False
        self.lost: Callable[[], None] = _nothing

    async def lines(self) -> AsyncGenerator[bytes, None]:
        from anyio import to_thread

        while line := await to_thread.run_sync(self._source.readline, LONGEST_LINE, abandon_on_cancel=True):
            if line.endswith(b"\n") or len(line) < LONGEST_LINE:
                yield line
                continue
            while line and not line.endswith(b"\n"):
                line = await to_thread.run_sync(self._source.readline, LONGEST_LINE, abandon_on_cancel=True)
            self._oversized()
        self._ended.set()

    async def closed(self) -> None:
        await self._ended.wait()

    async def write(self, line: bytes, *, soon: bool = False) -> None:  # noqa: ARG002 - each waits for a thread
        from anyio import to_thread

        async with self._turn:
            await to_thread.run_sync(self._write_all, memoryview(line + b"\n"))

    def _write_all(self, rest: memoryview) -> None:
        self.unsent = len(rest)
        while rest:
            taken = self._target.write(rest[:_PIECE])
            self.sent += taken
            self.unsent -= taken
            rest = rest[taken:]


def _nothing() -> None:
    """The default callback, which does nothing."""


def _duplicate(descriptor: int) -> int:
    """Duplicate `descriptor` above the standard three, closed in children."""
    if sys.platform == "win32":
        return os.dup(descriptor)
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
