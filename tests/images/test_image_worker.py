"""The worker process from outside: one for all, and gone when nobody needs it (DESIGN.md section 7)."""

import os
import sys
from pathlib import Path

import anyio
import psutil
import pytest
from stage import (
    RENDER_PHASES,
    Client,
    Opener,
    Stage,
    Steps,
    a_job,
    clients,
    engine_at,
    no_worker_at,
    pid_of,
    rendering,
    staged_command,
    state,
    until,
    workers,
)
from staged_worker import HEAVY

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.images.engine import EngineStatus
from alya_mcp.images.wire.messages import StatusRequest
from alya_mcp.images.worker import launcher as launch
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.images.worker.run_folder import RunFolder
from alya_mcp.runtime.locks import FileLock

pytestmark = pytest.mark.anyio


async def test_nothing_runs_before_the_first_picture_is_asked_for(alya_home: Path, open_at: Opener):
    assert (await open_at().status()).state == "stopped"
    assert not workers(alya_home)


async def test_a_picture_comes_with_its_size_seed_steps_model_notice_and_timings(open_at: Opener):
    picture = await open_at().render(a_job(seed=9, steps=3), Steps())
    assert (picture.width, picture.height, picture.seed, picture.steps) == (256, 256, 9, 3)
    assert (picture.model, picture.notice) == ("plain", "stripes")
    assert len(picture.pixels) == 256 * 256 * 3
    assert picture.peaks == {"denoise": 5_000_000}
    assert set(picture.timings) == {"queue", "load", "encode", "denoise", "decode", "total"}


async def test_progress_grows_with_every_step_through_all_phases_and_ends_at_the_total(open_at: Opener):
    steps = Steps()
    await open_at().render(a_job(), steps)
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert steps[-1].done == steps[-1].total
    assert steps.phases() == ["start", "load", "encode", "denoise", "decode", "receive"]


async def test_a_phase_that_takes_long_shows_signs_of_life_that_keep_growing(open_at: Opener, stage: Stage):
    stage.hold("decode")
    steps = Steps()
    async with anyio.create_task_group() as group:
        group.start_soon(open_at().render, a_job(), steps)
        await stage.reached("decode")
        await until(lambda: sum(step.phase == "decode" for step in steps) >= 4, "three signs of life")
        stage.release()
    done = [step.done for step in steps]
    assert done == sorted(set(done))


async def test_engines_of_one_home_share_one_worker(alya_home: Path, open_at: Opener):
    engines = [open_at() for _ in range(3)]
    async with anyio.create_task_group() as group:
        for number, engine in enumerate(engines):
            group.start_soon(engine.render, a_job(seed=number), Steps())
    assert len({await pid_of(engine) for engine in engines}) == 1
    assert len(workers(alya_home)) == 1
    assert (await engines[0].status()).clients == 3


async def test_three_server_processes_at_once_start_one_worker(alya_home: Path, stage: Stage):
    with clients(3, alya_home) as started:
        answers = [client.answer() for client in started]
        assert len({answer["pid"] for answer in answers}) == 1
        assert len({answer["digest"] for answer in answers}) == 3
        assert workers(alya_home) == {answers[0]["pid"]}
    await no_worker_at(alya_home)


async def test_three_servers_share_one_copy_of_the_model(alya_home: Path, stage: Stage):
    with clients(3, alya_home, model="heavy") as servers:
        pids = {client.answer()["pid"] for client in servers}
        assert pids == workers(alya_home)
        (worker,) = workers(alya_home)
        assert _resident(worker) > HEAVY
        assert sum(_resident(client.pid) for client in servers) < HEAVY


async def test_no_worker_is_left_when_all_its_servers_are_killed_at_once(alya_home: Path, stage: Stage):
    with clients(3, alya_home) as servers:
        for client in servers:
            client.answer()
        assert len(workers(alya_home)) == 1
        for client in servers:
            client.kill()
        await no_worker_at(alya_home)


async def test_a_server_that_ends_while_it_starts_the_worker_leaves_it_to_others(
    alya_home: Path, open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    """The worker that one server has started is in use by another before the first has connected."""
    monkeypatch.setattr(launch, "_POLL", 0.5)
    starter, other = open_at(), Launcher(alya_home, staged_command())
    async with rendering(starter, a_job()) as scope:
        await until(lambda: other.run_folder.read_address(), "a worker that listens")
        link = await other.find(60)
        assert link is not None
        scope.cancel()
    await starter.aclose()
    status = await link.call(StatusRequest()).answer()
    assert isinstance(status, EngineStatus)
    assert status.clients >= 1
    await anyio.sleep(0.3)
    assert not link.lost
    await link.close()


async def test_two_homes_have_two_workers(tmp_path: Path, alya_home: Path, open_at: Opener):
    one, other = open_at(), open_at(tmp_path / "other")
    await one.render(a_job(), Steps())
    await other.render(a_job(), Steps())
    assert await pid_of(one) != await pid_of(other)
    assert len(workers(alya_home)) == len(workers(tmp_path / "other")) == 1


async def test_the_worker_ends_with_its_last_client(alya_home: Path, stage: Stage):
    first, second = engine_at(alya_home), engine_at(alya_home)
    await first.render(a_job(), Steps())
    await second.render(a_job(), Steps())
    await first.aclose()
    assert (await second.status()).state == "idle"
    await second.aclose()
    await no_worker_at(alya_home)
    run = RunFolder(alya_home).folder
    assert {file.suffix for file in run.iterdir()} == {".key", ".lock", ".ending"}


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_the_worker_ends_when_its_only_client_is_killed_in(alya_home: Path, stage: Stage, phase: str):
    stage.hold(phase)
    client = Client(alya_home)
    try:
        await stage.reached(phase)
        client.kill()
        await no_worker_at(alya_home)
    finally:
        client.kill()
        client.communicate()


@pytest.mark.parametrize("moment", ["at once", "while it waits for the worker before it", "once it listens"])
async def test_a_worker_whose_starter_was_killed_before_connecting_ends(
    alya_home: Path, stage: Stage, moment: str
):
    place = RunFolder(alya_home)
    place.prepare()
    place.ensure_key()
    before = FileLock(place.lock)
    if moment != "once it listens":
        assert before.acquire()
    # A starter that does nothing else.
    start = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(600)"
    )
    async with await anyio.open_process(
        [sys.executable, "-c", start, *staged_command(), str(alya_home)],
        env={**os.environ, "ALYA_HOME": str(alya_home)},
    ) as starter:
        await until(lambda: workers(alya_home) - {starter.pid}, "a worker")
        if moment == "once it listens":
            await until(place.read_address, "a worker that listens")
        elif moment != "at once":
            await anyio.sleep(1)
        starter.kill()
    await no_worker_at(alya_home)
    before.release()


async def test_another_model_is_drawn_with_by_the_same_worker(open_at: Opener):
    one, other = open_at(model="one"), open_at(model="other")
    assert (await one.render(a_job(), Steps())).model == "one"
    assert (await other.render(a_job(), Steps())).model == "other"
    assert await pid_of(one) == await pid_of(other)


async def test_warming_loads_the_model_so_that_the_first_picture_does_not(open_at: Opener):
    engine, steps = open_at(), Steps()
    await engine.warm()
    assert (await engine.status()).model == "plain"
    await engine.render(a_job(), steps)
    assert "load" not in steps.phases()


async def test_a_picture_asked_of_a_leaving_worker_is_drawn_by_the_next_one(
    alya_home: Path, open_at: Opener, stage: Stage
):
    one, other = open_at(), open_at()
    await other.render(a_job(), Steps())
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(one.render, a_job("first"), Steps())
        await stage.reached("denoise")
        (first,) = workers(alya_home)
        RunFolder(alya_home).address.unlink()
        await state(one, "leaving")
        group.start_soon(other.render, a_job("second"), Steps())
        stage.release()
    (second,) = workers(alya_home)
    assert second != first


async def test_a_worker_that_cannot_start_is_told_with_where_to_look(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("STAGE_FOLDER")
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(Unavailable, match="ended while starting"):
        await open_at().render(a_job(), Steps())


async def test_a_job_that_no_model_could_draw_is_refused_by_the_worker_too(open_at: Opener):
    engine = open_at()
    job = a_job()
    object.__setattr__(job, "steps", 0)
    with pytest.raises(InvalidInput, match="steps"):
        await engine.render(job, Steps())


async def test_closing_the_engine_ends_its_calls_with_words(open_at: Opener, stage: Stage):
    engine = open_at()
    stage.hold("denoise")
    failures: list[Exception] = []

    async def draw() -> None:
        try:
            await engine.render(a_job(), Steps())
        except Unavailable as failure:
            failures.append(failure)

    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        await stage.reached("denoise")
        await engine.aclose()
    assert "closed" in str(failures[0])


def _resident(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss
