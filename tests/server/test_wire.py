"""Lines in, lines out: the event-driven wire of pipes and the threaded one of files behave alike."""

import os
import threading
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_client import PATIENCE

from alya_mcp.server import stdio

# A wire lives as long as its process and has no end of its own; here it is left open.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

LONGEST = 1000
LINES = st.lists(st.tuples(st.integers(0, 3 * LONGEST), st.integers(0, 255)), max_size=12)


@pytest.fixture(autouse=True)
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LONGEST_LINE", LONGEST)


async def read_all(incoming: int, outgoing: int) -> tuple[list[bytes], int]:
    """Every line of a wire without its end, and how many were too long; `closed` must return as well."""
    oversized: list[None] = []
    wire = await stdio.open_wire(incoming, outgoing, lambda: oversized.append(None))
    lines = [line.rstrip(b"\n") async for line in wire.lines()]
    with anyio.fail_after(PATIENCE):
        await wire.closed()
    return lines, len(oversized)


def through_a_pipe(data: bytes) -> tuple[list[bytes], int]:
    source, sink = os.pipe()
    unread, outgoing = os.pipe()

    def pour() -> None:
        with os.fdopen(sink, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=pour)
    thread.start()
    result = anyio.run(read_all, source, outgoing)
    thread.join(PATIENCE)
    os.close(unread)
    return result


def through_a_file(data: bytes, folder: Path) -> tuple[list[bytes], int]:
    file = folder / "input"
    file.write_bytes(data)
    outgoing = os.open(folder / "output", os.O_WRONLY | os.O_CREAT, 0o600)
    return anyio.run(read_all, os.open(file, os.O_RDONLY), outgoing)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=LINES, ended=st.booleans())
def test_every_line_arrives_but_those_that_are_too_long(
    shape: list[tuple[int, int]], ended: bool, tmp_path: Path
) -> None:
    lines = [bytes([byte]) * length for length, byte in shape if byte != 10 and abs(length - LONGEST) > 1]
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    short = [line for line in lines if len(line) < LONGEST]
    if not ended and short and not lines[-1]:
        short.pop()  # nothing behind the last end of line is no line
    too_long = sum(len(line) > LONGEST for line in lines)
    assert through_a_pipe(data) == (short, too_long)
    assert through_a_file(data, tmp_path) == (short, too_long)


async def write_for_ever(wire: stdio.Wire) -> None:
    while True:
        await wire.write(b"x" * 10_000)


@pytest.mark.anyio
async def test_a_pipe_takes_no_more_than_its_reader() -> None:
    source, sink = os.pipe()
    unread, outgoing = os.pipe()
    wire = await stdio.open_wire(source, outgoing, lambda: None)
    with anyio.move_on_after(0.5) as patience:
        await write_for_ever(wire)
    assert patience.cancelled_caught
    os.close(unread)
    with anyio.fail_after(PATIENCE):
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await write_for_ever(wire)
    os.close(sink)


@pytest.mark.anyio
async def test_a_file_gets_whole_lines(tmp_path: Path) -> None:
    source = os.open(os.devnull, os.O_RDONLY)
    target = tmp_path / "output"
    wire = await stdio.open_wire(source, os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), lambda: None)
    for number in range(50):
        await wire.write(b"%d" % number)
    assert target.read_bytes().split() == [b"%d" % number for number in range(50)]


@pytest.mark.anyio
async def test_the_end_of_input_is_seen_before_what_came_is_read() -> None:
    source, sink = os.pipe()
    unread, outgoing = os.pipe()
    wire = await stdio.open_wire(source, outgoing, lambda: None)
    os.write(sink, b"first\nsecond\n")
    os.close(sink)
    with anyio.fail_after(PATIENCE):
        await wire.closed()
        assert [line async for line in wire.lines()] == [b"first\n", b"second\n"]
    os.close(unread)


@pytest.mark.anyio
async def test_lines_that_may_wait_leave_in_order_and_tell_when_nobody_reads() -> None:
    source, sink = os.pipe()
    answers, outgoing = os.pipe()
    wire = await stdio.open_wire(source, outgoing, lambda: None)
    lost = anyio.Event()
    wire.lost = lost.set
    await wire.write(b"first", soon=True)
    await wire.write(b"second", soon=True)
    assert (wire.sent, wire.unsent) == (0, 13)
    await wire.write(b"third")
    assert (wire.sent, wire.unsent) == (19, 0)
    assert os.read(answers, 100) == b"first\nsecond\nthird\n"
    await wire.write(b"fourth", soon=True)
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    assert os.read(answers, 100) == b"fourth\n"
    os.close(answers)
    await wire.write(b"fifth", soon=True)
    with anyio.fail_after(PATIENCE):
        await lost.wait()
    os.close(sink)
