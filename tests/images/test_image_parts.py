"""The small parts of the engine by themselves: the queue, the meter, the bytes on the socket."""

import asyncio
import hashlib
import socket
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import Steps, until

from alya_mcp.images.progress import TOTAL, Meter
from alya_mcp.images.wire.frames import WireError, pack, read
from alya_mcp.images.worker.fair_queue import FairQueue
from alya_mcp.images.worker.greeting import Hello, RefusedError, introduce, welcome

ITEMS = st.lists(st.tuples(st.integers(0, 3), st.integers()), max_size=40)


def filled(items: list[tuple[int, int]]) -> FairQueue[int, tuple[int, int]]:
    queue: FairQueue[int, tuple[int, int]] = FairQueue()
    for owner, item in items:
        queue.push(owner, (owner, item))
    return queue


@given(ITEMS)
def test_the_queue_gives_back_everything_once_in_the_order_of_each_owner(items: list[tuple[int, int]]):
    queue = filled(items)
    out = []
    while (item := queue.pop()) is not None:
        out.append(item)
    assert len(queue) == 0
    for owner in range(4):
        assert [item for item in out if item[0] == owner] == [item for item in items if item[0] == owner]


@given(ITEMS)
def test_no_owner_of_the_queue_is_served_twice_while_another_waits_for_its_turn(items: list[tuple[int, int]]):
    queue = filled(items)
    left: dict[int, int] = defaultdict(int)
    for owner, _ in items:
        left[owner] += 1
    waited: dict[int, int] = defaultdict(int)
    while (item := queue.pop()) is not None:
        served = item[0]
        left[served] -= 1
        waited[served] = 0
        for owner, number in left.items():
            if number and owner != served:
                waited[owner] += 1
                assert waited[owner] < len(left)


@given(ITEMS)
def test_the_queue_shows_the_order_in_which_it_will_serve(items: list[tuple[int, int]]):
    queue = filled(items)
    shown = list(queue)
    assert shown == [queue.pop() for _ in items]


@given(ITEMS, st.data())
def test_what_is_taken_out_of_the_queue_is_gone_and_the_rest_stays(
    items: list[tuple[int, int]], data: st.DataObject
):
    queue = filled(items)
    if not items:
        assert not queue.remove(0, (0, 0))
        return
    owner, item = data.draw(st.sampled_from(items))
    assert queue.remove(owner, (owner, item))
    left = [*items]
    left.remove((owner, item))
    assert sorted(queue) == sorted(left)


@pytest.mark.anyio
async def test_the_meter_only_grows_whatever_is_reported():
    steps = Steps()
    meter = Meter(steps)
    await meter.report("denoise", 0.5, 1.0, "half")
    await meter.report("denoise", 0.25, 1.0, "back")
    await meter.report("load", 0.0, 1.0, "far back")
    meter.restart()
    await meter.report("start", 0.0, 1.0, "again")
    await meter.report("receive", 1.0, 1.0, "here")
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert done[-1] == steps[-1].total == TOTAL


@pytest.mark.anyio
async def test_the_meter_beats_while_it_waits_and_stays_below_the_next_report():
    steps, over = Steps(), asyncio.Event()
    meter = Meter(steps, beat=0.01)
    await meter.report("denoise", 0.25, 0.5, "Step 1 of 4")
    waiting = asyncio.ensure_future(meter.beating(over.wait()))
    await until(lambda: len(steps) > 5, "signs of life")
    over.set()
    await waiting
    await meter.report("denoise", 0.5, 0.75, "Step 2 of 4")
    assert all(steps[0].done < step.done < steps[-1].done for step in steps[1:-1])


@pytest.mark.anyio
async def test_the_meter_beats_also_when_it_waits_for_one_short_thing_after_the_other():
    steps = Steps()
    meter = Meter(steps, beat=0.2)
    await meter.report("denoise", 0.25, 0.5, "Step 1 of 4")
    for _ in range(100):
        await meter.beating(asyncio.sleep(0.01))
    assert len(steps) > 1


@pytest.mark.anyio
async def test_what_the_meter_waits_for_is_cancelled_with_it():
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.ensure_future(Meter(Steps()).beating(work()))
    await asyncio.wait({waiting}, timeout=0)
    await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await ended.wait()


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected() -> tuple[Ends, Ends]:
    left, right = socket.socketpair()
    return await asyncio.open_connection(sock=left), await asyncio.open_connection(sock=right)


def hello(version: str = "1.0") -> Hello:
    return Hello(version=version, protocol=1, pid=5)


async def close(*ends: Ends) -> None:
    for _, writer in ends:
        writer.close()
        await writer.wait_closed()


@pytest.mark.anyio
async def test_two_ends_with_one_key_learn_of_each_other():
    worker, client = await connected()
    key = b"k" * 32
    seen, met = await asyncio.gather(
        welcome(*worker, key, hello("2.0")), introduce(*client, key, hello("1.0"))
    )
    assert (seen.version, met.version) == ("1.0", "2.0")
    await close(worker, client)


@pytest.mark.anyio
async def test_two_ends_with_different_keys_refuse_each_other():
    worker, client = await connected()
    results = await asyncio.gather(
        welcome(*worker, b"a" * 32, hello()), introduce(*client, b"b" * 32, hello()), return_exceptions=True
    )
    assert [type(result) for result in results] == [RefusedError, RefusedError]
    await close(worker, client)


@pytest.mark.anyio
async def test_a_stranger_in_the_workers_place_is_found_out():
    stranger, client = await connected()

    async def pretend() -> None:
        stranger[1].write(pack({"nonce": "n" * 64}))
        await read(stranger[0])
        stranger[1].write(pack({"proof": "p" * 64, "version": "1", "protocol": 1, "pid": 1}))

    results = await asyncio.gather(pretend(), introduce(*client, b"k" * 32, hello()), return_exceptions=True)
    assert isinstance(results[1], RefusedError)
    await close(stranger, client)


@pytest.mark.anyio
async def test_a_proof_of_one_meeting_opens_no_other():
    key = b"k" * 32
    worker, client = await connected()
    recorded = asyncio.StreamReader()

    class Recorder:
        def write(self, data: bytes) -> None:
            recorded.feed_data(data)
            client[1].write(data)

        async def drain(self) -> None:
            await client[1].drain()

    await asyncio.gather(welcome(*worker, key, hello()), introduce(client[0], Recorder(), key, hello()))
    replay = await read(recorded)
    again, thief = await connected()
    thief[1].write(pack(replay.head))
    with pytest.raises(RefusedError):
        await welcome(*again, key, hello())
    await close(worker, client, again, thief)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8,
        (1 << 30).to_bytes(4, "big") + bytes(4),
        (4).to_bytes(4, "big") + bytes(4) + b"null",
        (4).to_bytes(4, "big") + bytes(4) + b"{no}",
        (2).to_bytes(4, "big") + bytes(4) + b"{}",
        (50_000).to_bytes(4, "big") + bytes(4) + b"[" * 50_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_nonsense_instead_of_a_greeting_is_turned_away(data: bytes):
    worker, client = await connected()
    client[1].write(data)
    with pytest.raises(WireError):
        await welcome(*worker, b"k" * 32, hello())
    await close(worker, client)


@pytest.mark.anyio
async def test_a_large_payload_arrives_whole():
    worker, client = await connected()
    payload = hashlib.shake_256(b"pixels").digest(4 << 20)
    worker[1].write(pack({"type": "done"}, payload))
    frame = await read(client[0])
    assert (frame.head, frame.payload) == ({"type": "done"}, payload)
    await close(worker, client)
