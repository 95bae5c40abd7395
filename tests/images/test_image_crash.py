"""What breaks costs one call at most: killed workers, lost devices, bugs (DESIGN.md section 7)."""

import hashlib
import os
import signal
import time
from pathlib import Path

import anyio
import pytest
from stage import (
    RENDER_PHASES,
    Opener,
    Stage,
    Steps,
    a_job,
    clients,
    command_of,
    kill,
    pid_of,
    state,
    stopped,
    until,
    waiting,
    workers,
)

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.worker.run_folder import Ending, RunFolder

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_a_worker_killed_once_costs_nothing_but_time_in(
    alya_home: Path, open_at: Opener, stage: Stage, phase: str
):
    engine, steps = open_at(), Steps()
    stage.hold(phase)
    results: list[Picture] = []

    async def draw() -> None:
        results.append(await engine.render(a_job(), steps))

    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        await stage.reached(phase)
        stage.hold(phase)
        (killed,) = workers(alya_home)
        await kill(killed)
        await stage.reached(phase)
        stage.release()
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert await pid_of(engine) != killed
    assert results[0].pixels == (await engine.render(a_job(), Steps())).pixels


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_a_worker_killed_twice_ends_the_call_with_words_and_the_next_call_works_in(
    alya_home: Path, open_at: Opener, stage: Stage, phase: str
):
    engine = open_at()
    stage.hold(phase)
    failures: list[Exception] = []

    async def draw() -> None:
        try:
            await engine.render(a_job(), Steps())
        except Unavailable as failure:
            failures.append(failure)

    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        for _ in range(2):
            await stage.reached(phase)
            stage.hold(phase)
            (worker,) = workers(alya_home)
            await kill(worker)
    assert "ended unexpectedly" in str(failures[0])
    stage.release()
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_worker_that_is_told_to_end_while_it_loads_ends_at_once_and_the_next_one_draws(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engine, pictures = open_at(), list[Picture]()

    async def draw() -> None:
        pictures.append(await engine.render(a_job(), Steps()))

    stage.hold("load")
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(draw)
        await stage.reached("load")
        await waiting(engine, 1)
        (told,) = workers(alya_home)
        os.kill(told, signal.SIGTERM)
        await until(lambda: not command_of(told), "the end of the worker")
        stage.release()
    assert len(pictures) == 2
    assert (await engine.status()).last_error is None


async def test_a_worker_killed_while_a_picture_waits_costs_nothing_but_time(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engines, pictures = [open_at() for _ in range(2)], list[Picture]()

    async def draw(engine: LocalEngine, seed: int) -> None:
        pictures.append(await engine.render(a_job(seed=seed), Steps()))

    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        for seed in range(5):
            group.start_soon(draw, engines[seed % 2], seed)
        await stage.reached("denoise")
        await waiting(engines[0], 4)
        (worker,) = workers(alya_home)
        await kill(worker)
        stage.release()
    assert sorted(picture.seed for picture in pictures) == [0, 1, 2, 3, 4]


async def test_a_worker_killed_with_half_of_a_picture_sent_costs_nothing_but_time(
    alya_home: Path, open_at: Opener, stage: Stage
):
    looking = open_at()
    await looking.render(a_job(), Steps())
    stage.forget()
    stage.hold("decode")
    with clients(1, alya_home, side=1024) as (receiver,):
        await stage.reached("decode")
        # Its 3 MB don't fit into the socket, so a part of them is still with the worker.
        with stopped(receiver.pid):
            stage.release()
            await state(looking, "idle")
            (worker,) = workers(alya_home)
            await kill(worker)
        answer = receiver.answer()
        assert answer["pid"] not in {None, worker}
        whole = await looking.render(Job(prompt="prompt 0", seed=1, steps=2), Steps())
        assert answer["digest"] == hashlib.sha256(whole.pixels).hexdigest()


async def test_a_killed_worker_is_told_as_the_last_error_of_the_next_one(alya_home: Path, open_at: Opener):
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    await kill(pid)
    stopped_now = await engine.status()
    assert (stopped_now.state, stopped_now.last_error_at) == ("stopped", None)
    await engine.render(a_job(), Steps())
    status = await engine.status()
    assert (
        status.last_error == stopped_now.last_error == f"The image worker (process {pid}) ended unexpectedly"
    )
    assert status.last_error_at is not None


@pytest.mark.parametrize(("age", "told"), [(3600, "it broke"), (90_000, None)])
async def test_a_failure_of_an_earlier_worker_is_told_for_a_day(
    alya_home: Path, open_at: Opener, age: float, told: str | None
):
    place = RunFolder(alya_home)
    place.prepare()
    place.write_ending(Ending(at=time.time(), error="it broke", error_at=time.time() - age))
    engine = open_at()
    assert (await engine.status()).last_error == "it broke"
    await engine.render(a_job(), Steps())
    assert (await engine.status()).last_error == told


async def test_a_prompt_that_crashes_the_worker_takes_no_waiting_picture_of_others_with_it(
    alya_home: Path, open_at: Opener, stage: Stage
):
    one, other, pictures = open_at(), open_at(), list[Picture]()

    async def crash() -> None:
        with pytest.raises(Unavailable, match="ended unexpectedly"):
            await one.render(a_job("crash"), Steps())

    async def draw() -> None:
        pictures.append(await other.render(a_job("patience"), Steps()))

    stage.hold("encode")
    async with anyio.create_task_group() as group:
        group.start_soon(crash)
        await stage.reached("encode")
        group.start_soon(draw)
        await waiting(one, 1)
        stage.release()
    assert len(pictures) == 1
    # The first, the one that tried again, and one for whoever had to wait.
    assert 2 <= _starts(alya_home) <= 3


async def test_a_dead_worker_is_noticed_while_idle_and_replaced_by_the_next_call(open_at: Opener):
    engine = open_at()
    before = await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    await kill(pid)
    assert (await engine.render(a_job(), Steps())).pixels == before.pixels
    assert await pid_of(engine) != pid


async def test_failures_keep_their_kind_and_words_across_the_socket(open_at: Opener):
    engine = open_at()
    with pytest.raises(NotConfigured, match=r"^set something up first$"):
        await engine.render(a_job("unconfigured"), Steps())
    assert (await engine.status()).last_error == "set something up first"


async def test_a_bug_in_the_renderer_is_told_without_its_text_which_is_in_the_log(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    with pytest.raises(Failure) as raised:
        await engine.render(a_job("bug"), Steps())
    assert "RuntimeError" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "a secret in /home/someone" in RunFolder(alya_home).log.read_text()
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_picture_that_loses_the_gpu_once_is_drawn_by_a_fresh_process(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    assert (await engine.render(a_job("lost once"), Steps())).model == "plain"
    status = await engine.status()
    assert status.pid != pid
    assert (status.last_error, status.state) == ("the GPU is gone; call again", "idle")
    assert _starts(alya_home) == 2


async def test_a_picture_that_loses_the_gpu_twice_is_told_so_and_tried_no_more(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    with pytest.raises(Unavailable, match="GPU"):
        await engine.render(a_job("lost"), Steps())
    assert _starts(alya_home) == 2
    assert (await engine.status()).last_error == "the GPU is gone; call again"
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_renderer_that_cannot_be_made_costs_the_call_and_leaves_the_worker_answering(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE_RENDERER", "broken")
    engine = open_at()
    for _ in range(2):
        with pytest.raises(Failure, match="ImportError") as raised:
            await engine.render(a_job(), Steps())
        assert "someone" not in str(raised.value)
    assert (await engine.status()).state == "idle"


async def test_a_picture_that_waits_behind_a_lost_gpu_is_drawn_by_the_next_process(
    open_at: Opener, stage: Stage
):
    one, other, pictures = open_at(), open_at(), list[Picture]()

    async def lose() -> None:
        with pytest.raises(Unavailable, match="GPU"):
            await one.render(a_job("lost"), Steps())

    async def draw() -> None:
        pictures.append(await other.render(a_job("patience"), Steps()))

    stage.hold("encode")
    async with anyio.create_task_group() as group:
        group.start_soon(lose)
        await stage.reached("encode")
        group.start_soon(draw)
        await waiting(one, 1)
        stage.release()
    assert len(pictures) == 1


def _starts(home: Path) -> int:
    return RunFolder(home).log.read_text().count(" starts")
