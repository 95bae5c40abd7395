"""Drawings whose server goes away: the worker goes on, and a later server gets them, once."""

from pathlib import Path

import anyio
import pytest
from stage import Opener, Stage, Steps, a_job, no_worker_at, status_when

from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import DrawingLost, Picture
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.wire.messages import Failed
from alya_mcp.images.worker.kept import MOST_LEFT, KeptDrawings
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio


async def left(open_at: Opener, stage: Stage, *prompts: str) -> None:
    """Have a server go away while the first of its pictures is drawn and the others wait."""
    engine = open_at()
    stage.forget()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:

        async def draw(prompt: str) -> None:
            with pytest.raises(Exception, match="closed"):
                await engine.render(a_job(prompt), Steps(), key=prompt)

        for number, prompt in enumerate(prompts):
            group.start_soon(draw, prompt)
            await status_when(engine, lambda status, number=number: status.waiting == number)
            await stage.reached("denoise")
        await engine.aclose()
    # A picture that is done before the worker has noticed is sent to nobody, and drawn anew.
    await status_when(open_at(), lambda status: status.clients == 1)


async def collected(engine: LocalEngine, prompt: str) -> Picture:
    return await engine.collect(prompt, a_job(prompt), Steps())


async def test_a_later_server_gets_what_was_drawn_and_what_waited_once_and_nothing_is_drawn_twice(
    alya_home: Path, open_at: Opener, stage: Stage
):
    await left(open_at, stage, "one", "other")
    later, steps = open_at(), Steps()
    (stage.folder / "at-encode").unlink()
    pictures: list[Picture] = []

    async def collect() -> None:
        pictures.append(await later.collect("one", a_job("one"), steps))

    async with anyio.create_task_group() as group:
        group.start_soon(collect)
        await status_when(later, lambda status: status.clients == 1)
        assert not stage.was_at("encode")
        stage.release()
    second = await collected(later, "other")
    fresh = open_at()
    assert pictures[0].pixels == (await fresh.render(a_job("one"), Steps())).pixels
    assert second.pixels == (await fresh.render(a_job("other"), Steps())).pixels
    for key in ("one", "other", "never begun"):
        with pytest.raises(DrawingLost):
            await collected(later, key)
    await later.aclose()
    await fresh.aclose()
    await no_worker_at(alya_home)


async def test_what_ended_without_a_server_is_kept_and_a_failure_is_told(open_at: Opener, stage: Stage):
    await left(open_at, stage, "done", "unconfigured")
    stage.release()
    looking = open_at()
    await status_when(looking, lambda status: status.state == "idle")
    assert (await collected(looking, "done")).model == "plain"
    with pytest.raises(NotConfigured, match="set something up"):
        await collected(looking, "unconfigured")


async def test_one_that_is_cancelled_or_has_no_key_ends_with_its_server(open_at: Opener, stage: Stage):
    engine, later = open_at(), open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: engine.render(a_job(), Steps(), key="cancelled"))
        await stage.reached("denoise")
        group.cancel_scope.cancel()
    await engine.aclose()
    stage.release()
    with pytest.raises(DrawingLost):
        await collected(later, "cancelled")


async def test_only_some_go_on_without_a_server(open_at: Opener, stage: Stage):
    prompts = [f"prompt {number}" for number in range(MOST_LEFT + 2)]
    await left(open_at, stage, *prompts)
    later = open_at()
    stage.release()
    came: list[str] = []
    for prompt in prompts:
        try:
            await collected(later, prompt)
            came.append(prompt)
        except DrawingLost:
            pass
    assert came == prompts[:MOST_LEFT]


async def test_stopping_all_calls_ends_them(alya_home: Path, open_at: Opener, stage: Stage):
    await left(open_at, stage, "one", "other")
    later = open_at()
    await status_when(later, lambda status: status.waiting == 1)
    Settings(home=alya_home).stop_file.touch()
    await status_when(later, lambda status: status.waiting == 0)
    stage.release()
    for key in ("one", "other"):
        with pytest.raises(DrawingLost):
            await collected(later, key)


def test_kept_outcomes_are_bounded_in_bytes_and_time():
    now = 0.0
    kept = KeptDrawings(most_bytes=25, seconds=600, clock=lambda: now)
    picture = Picture(
        pixels=b"p" * 12, width=2, height=2, seed=1, steps=1, model="m", notice=None, timings={}
    )
    for key in ("one", "two", "three"):
        kept.add(key, picture)
    assert kept.take("one") is None
    assert kept.take("three") is picture
    assert kept.take("three") is None
    kept.add("failed", Failed(kind="Unavailable", message="no"))
    now = 599.0
    assert (len(kept), kept.last_end) == (2, 1.0)
    now = 600.0
    assert (kept.take("two"), kept.take("failed"), kept.last_end) == (None, None, 0.0)
