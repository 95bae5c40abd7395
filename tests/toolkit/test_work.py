"""Work that outlives its call: waited for by several, told of, stopped, failed, kept for a while."""

import anyio
import anyio.lowlevel
import pytest

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.toolkit.tool import Progress
from alya_mcp.toolkit.work import Work

pytestmark = pytest.mark.anyio


class Told(list[tuple[float, float, str]]):
    async def __call__(self, done: float, total: float, message: str) -> None:
        self.append((done, total, message))


async def test_it_goes_on_after_a_wait_that_was_too_short_and_several_get_what_came_of_it() -> None:
    may_end = anyio.Event()

    async def do(progress: Progress) -> str:
        await progress(5, 10, "half")
        await may_end.wait()
        return "made"

    work = Work(do)
    told, got = Told(), []
    assert await work.wait(told, 0.05) is None
    assert told[0] == (5, 10, "half")
    assert not work.is_waited_for
    assert work.remaining is not None

    async def collect() -> None:
        got.append(await work.wait(Told()))

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(collect)
        await anyio.lowlevel.checkpoint()
        may_end.set()
    assert got == ["made", "made"]
    assert await work.wait(Told()) == "made"


async def test_why_nothing_came_of_it_is_raised_in_every_call() -> None:
    async def do(progress: Progress) -> str:
        raise Failure("no paper")

    work = Work(do)
    for _ in range(2):
        with pytest.raises(Failure, match="no paper"):
            await work.wait(Told())


async def test_what_is_stopped_ends_and_says_so() -> None:
    async def do(progress: Progress) -> str:
        await anyio.sleep_forever()
        return "never"

    work = Work(do)
    await anyio.lowlevel.checkpoint()
    work.stop()
    await work.over()
    with pytest.raises(Unavailable, match="given up"):
        await work.wait(Told())


async def test_those_who_wait_hear_again_that_it_goes_on_with_progress_that_grows() -> None:
    async def do(progress: Progress) -> str:
        await progress(1, 10, "slow")
        await anyio.sleep(0.3)
        return "made"

    told = Told()
    assert await Work(do, beat=0.01).wait(told) == "made"
    shares = [done for done, _, _ in told]
    assert len(shares) > 2
    assert shares == sorted(set(shares))
    assert shares[-1] < 10


async def test_what_nobody_collects_is_stale_some_day() -> None:
    async def do(progress: Progress) -> str:
        return "made"

    kept, dropped = Work(do), Work(do, kept=-1)
    assert not dropped.is_stale
    for work in (kept, dropped):
        await work.over()
    assert (kept.is_stale, dropped.is_stale) == (False, True)
