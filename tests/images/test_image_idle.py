"""The worker that ends when it is idle, with all its memory, and comes back with the next picture."""

import os
import signal
from pathlib import Path

import anyio
import pytest
from stage import (
    PATIENCE,
    Opener,
    Stage,
    Steps,
    a_job,
    clients,
    no_worker_at,
    pid_of,
    state,
    stopped,
    until,
    workers,
)

from alya_mcp.images.engine import Picture
from alya_mcp.images.worker.run_folder import RunFolder
from alya_mcp.settings import Settings, SettingsError

pytestmark = pytest.mark.anyio


async def test_an_idle_worker_ends_while_servers_are_connected_and_says_why(alya_home: Path, open_at: Opener):
    engine, other = open_at(idle=0.2), open_at(idle=0.2)
    await other.render(a_job(), Steps())
    await engine.render(a_job(), Steps())
    await no_worker_at(alya_home)
    late = open_at()
    for looking in (engine, other, late):
        status = await looking.status()
        assert (status.state, status.pid, status.model, status.waiting) == ("stopped", None, None, 0)
        assert status.unused == 0.2
        assert status.since is not None
    assert not workers(alya_home)


async def test_the_next_picture_after_an_idle_end_is_the_same_as_ever_and_loads_the_model(
    alya_home: Path, open_at: Opener
):
    engine, steps = open_at(idle=0.2), Steps()
    before = await engine.render(a_job(), Steps())
    await no_worker_at(alya_home)
    after = await engine.render(a_job(), steps)
    assert after.pixels == before.pixels
    assert steps.phases() == ["start", "load", "encode", "denoise", "decode", "receive"]


async def test_an_idle_end_leaves_nothing_but_the_key_the_locks_and_its_last_words(
    alya_home: Path, open_at: Opener
):
    await open_at(idle=0.2).render(a_job(), Steps())
    await no_worker_at(alya_home)
    run = RunFolder(alya_home).folder
    assert {file.suffix for file in run.iterdir()} == {".key", ".lock", ".ending"}


async def test_work_and_loading_keep_the_worker_from_ending(open_at: Opener, stage: Stage):
    engine = open_at(idle=0.2)
    stage.hold("load")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("load")
        pid = await pid_of(engine)
        await anyio.sleep(0.6)
        assert await pid_of(engine) == pid
        stage.release()


async def test_asking_for_the_status_again_and_again_does_not_keep_an_idle_worker(open_at: Opener):
    drawing, looking = open_at(idle=0.5), open_at()
    await drawing.render(a_job(), Steps())
    assert (await state(looking, "stopped")).unused == 0.5


async def test_with_0_seconds_the_worker_stays_until_its_last_client_has_gone(open_at: Opener):
    engine = open_at(idle=0)
    await engine.render(a_job(), Steps())
    assert (await engine.status()).state == "idle"


async def test_the_last_request_says_how_long_the_worker_may_be_idle(alya_home: Path, open_at: Opener):
    patient, hasty = open_at(idle=0), open_at(idle=0.2)
    await patient.render(a_job(), Steps())
    await hasty.render(a_job(), Steps())
    await no_worker_at(alya_home)
    await hasty.warm()
    await patient.render(a_job(), Steps())
    assert (await hasty.status()).state == "idle"


async def test_a_picture_that_comes_in_the_moment_of_leaving_is_drawn_by_a_fresh_worker(
    alya_home: Path, open_at: Opener
):
    engine, steps = open_at(idle=3), Steps()
    before = await engine.render(a_job(), Steps())
    (first,) = workers(alya_home)
    pictures: list[Picture] = []

    async def draw() -> None:
        pictures.append(await engine.render(a_job(), steps))

    # Stopped past its idle time, it wakes with its time over and a request unread: both happen at once.
    with stopped(first):
        async with anyio.create_task_group() as group:
            await anyio.sleep(3.5)
            group.start_soon(draw)
            await until(lambda: "Asking the image worker" in [step.message for step in steps], "the request")
            os.kill(first, signal.SIGCONT)
    assert pictures[0].pixels == before.pixels
    assert first not in workers(alya_home)


async def test_no_picture_of_many_is_lost_around_idle_ends(alya_home: Path, open_at: Opener):
    engines = [open_at(idle=0.001) for _ in range(3)]
    drawn: list[tuple[int, bytes]] = []

    async def draw(number: int) -> None:
        for each in range(4):
            picture = await engines[number].render(a_job(seed=each), Steps())
            drawn.append((picture.seed, picture.pixels))

    with anyio.fail_after(PATIENCE):
        for _ in range(2):
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(draw, number)
            await until(lambda: not workers(alya_home), "the idle end")
    assert len(drawn) == 24
    assert len(set(drawn)) == 4
    log = RunFolder(alya_home).log.read_text()
    assert log.count(" starts") > 1


async def test_a_server_that_does_not_read_keeps_a_leaving_worker_for_a_moment_only(
    alya_home: Path, open_at: Opener
):
    engine = open_at(idle=0.5)
    with clients(1, alya_home) as (silent,):
        silent.answer()
        with stopped(silent.pid):
            await engine.render(a_job(), Steps())
            await no_worker_at(alya_home)
            assert (await engine.render(a_job(), Steps())).model == "plain"


@pytest.mark.parametrize("name", ["ALYA_IMAGE_IDLE", "ALYA_IMAGE_DEADLINE"])
@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "1e3", "604801", "999999999999"])
def test_a_number_of_seconds_that_is_none_is_refused_with_what_it_takes(name: str, value: str):
    with pytest.raises(SettingsError, match=f"{name}.*'{value}'"):
        Settings.from_environment({"ALYA_HOME": "/tmp/home", name: value})


def test_seconds_are_read_and_0_is_never_for_idle_only():
    settings = Settings.from_environment(
        {"ALYA_HOME": "/tmp/home", "ALYA_IMAGE_IDLE": "0", "ALYA_IMAGE_DEADLINE": "30"}
    )
    assert (settings.image_idle, settings.image_deadline) == (0, 30)
    default = Settings.from_environment({"ALYA_HOME": "/tmp/home"})
    assert (default.image_idle, default.image_deadline) == (900, 600)
    with pytest.raises(SettingsError, match="ALYA_IMAGE_DEADLINE"):
        Settings.from_environment({"ALYA_HOME": "/tmp/home", "ALYA_IMAGE_DEADLINE": "0"})
