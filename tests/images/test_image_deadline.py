"""How long a picture may take, waiting and drawing but not loading (ALYA_IMAGE_DEADLINE)."""

import re
from pathlib import Path

import anyio
import pytest
from stage import Opener, Stage, Steps, a_job, kill, state, status_when, until, waiting, workers

from alya_mcp.errors import Unavailable
from alya_mcp.images.engine import Picture
from alya_mcp.images.local import LocalEngine

pytestmark = pytest.mark.anyio


async def too_late(engine: LocalEngine, prompt: str, told: list[str]) -> None:
    with pytest.raises(Unavailable) as raised:
        await engine.render(a_job(prompt, steps=4), Steps())
    told.append(str(raised.value))


async def test_a_waiting_picture_leaves_the_queue_at_its_deadline_and_hears_how_long_and_behind_how_many(
    open_at: Opener, stage: Stage
):
    patient, hasty = open_at(), open_at(deadline=0.5)
    told: list[str] = []
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(patient.render, a_job("first"), Steps())
        await stage.reached("denoise")
        group.start_soon(patient.render, a_job("second"), Steps())
        await waiting(patient, 1)
        await too_late(hasty, "late", told)
        assert (await patient.status()).waiting == 1
        stage.release()
    waited = re.search(
        r"waited (\d+\.\d) s in the queue, with 2 images still ahead of it, and left it", told[0]
    )
    assert waited is not None
    assert float(waited[1]) >= 0.5
    assert "a picture may take 0.5 s (ALYA_IMAGE_DEADLINE)" in told[0]
    assert "set ALYA_IMAGE_DEADLINE higher" in told[0]
    status = await state(patient, "idle")
    assert status.last_error == told[0]


async def test_a_running_picture_is_told_at_its_deadline_stops_within_a_step_and_frees_the_device(
    open_at: Opener, stage: Stage
):
    hasty, other = open_at(deadline=4), open_at()
    await other.render(a_job(), Steps())
    told: list[str] = []
    stage.forget()
    stage.hold("denoise")
    await too_late(hasty, "late", told)
    # It was told while the device was still at it.
    assert (await other.status()).state == "busy"
    stage.forget()
    stage.release()
    await state(other, "idle")
    assert not stage.was_at("denoise")
    assert not stage.was_at("decode")
    drawn = re.search(
        r"in the queue, with 0 images ahead of it, was drawn for (\d+\.\d) s and was stopped", told[0]
    )
    assert drawn is not None
    assert float(drawn[1]) >= 2
    assert "fewer steps" in told[0]
    assert (await other.render(a_job(), Steps())).model == "plain"


async def test_a_running_picture_counts_the_time_it_waited(open_at: Opener, stage: Stage):
    patient, hasty = open_at(), open_at(deadline=5)
    told: list[str] = []
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(patient.render, a_job("first"), Steps())
        await stage.reached("denoise")
        group.start_soon(too_late, hasty, "late", told)
        await waiting(patient, 1)
        stage.forget()
        stage.hold("encode")
        stage.release("denoise")
        await stage.reached("encode")
        await until(lambda: told, "the deadline")
        stage.release()
    assert "with 1 image ahead of it, was drawn for" in told[0]


async def test_loading_does_not_count_for_whoever_draws_or_waits(open_at: Opener, stage: Stage):
    one, other = open_at(deadline=4), open_at(deadline=4)
    pictures: list[Picture] = []

    async def draw(engine: LocalEngine) -> None:
        pictures.append(await engine.render(a_job(), Steps()))

    stage.hold("load")
    async with anyio.create_task_group() as group:
        group.start_soon(draw, one)
        await stage.reached("load")
        group.start_soon(draw, other)
        await waiting(one, 1)
        assert ((await one.status()).loading or "").startswith("Loading")
        await anyio.sleep(4.2)
        stage.release()
    assert len(pictures) == 2


async def test_warming_has_no_deadline(open_at: Opener, stage: Stage):
    engine = open_at(deadline=0.1)
    stage.hold("load")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.warm)
        await stage.reached("load")
        await anyio.sleep(0.3)
        stage.release()
    assert (await engine.status()).model == "plain"


async def test_a_second_try_has_only_the_time_that_the_first_one_left(
    alya_home: Path, open_at: Opener, stage: Stage
):
    patient, hasty, told = open_at(), open_at(deadline=4), list[str]()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(patient.render, a_job("first"), Steps())
        await stage.reached("denoise")
        group.start_soon(too_late, hasty, "late", told)
        await waiting(patient, 1)
        await anyio.sleep(1)
        stage.hold("encode")
        stage.release("denoise")
        await stage.reached("encode")
        (worker,) = workers(alya_home)
        await kill(worker)
        await until(lambda: told, "the end of the second try")
        stage.release()
    waited = re.search(r"waited (\d+\.\d) s in the queue", told[0])
    assert waited is not None
    assert float(waited[1]) >= 1


async def test_a_picture_that_cannot_be_stopped_costs_the_process_and_frees_the_device(
    alya_home: Path, open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE_GRACE", "0.5")
    hasty, other = open_at(deadline=4), open_at()
    told: list[str] = []
    pictures: list[Picture] = []

    async def draw() -> None:
        pictures.append(await other.render(a_job("patience"), Steps()))

    stage.hold("decode")
    async with anyio.create_task_group() as group:
        group.start_soon(too_late, hasty, "hangs", told)
        await stage.reached("decode")
        (stuck,) = workers(alya_home)
        group.start_soon(draw)
        await status_when(other, lambda status: status.pid not in {None, stuck})
        stage.release()
    assert len(pictures) == 1
    error = (await other.status()).last_error
    assert error is not None
    assert "didn't stop within" in error
