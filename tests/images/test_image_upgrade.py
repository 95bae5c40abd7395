"""A server and a running worker of different versions: who gives way, and how long that may take."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from stage import Opener, Stage, Steps, a_job, state, status_when, stopped, until, workers

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.wire.frames import pack, read
from alya_mcp.images.wire.messages import PROTOCOL
from alya_mcp.images.worker import connection
from alya_mcp.images.worker import launcher as launch
from alya_mcp.images.worker.greeting import Hello, welcome
from alya_mcp.images.worker.run_folder import RunFolder, WorkerAddress

pytestmark = pytest.mark.anyio


@pytest.fixture
async def older(open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
    """An engine of 1.0.0, with a worker of its version that is held when it next draws."""
    monkeypatch.setenv("STAGE_VERSION", "1.0.0")
    monkeypatch.setenv("STAGE_ALIVE", "0.1")
    engine = open_at(version="1.0.0")
    await engine.warm()
    monkeypatch.setenv("STAGE_VERSION", "1.1.0")
    stage.hold("denoise")
    return engine


async def refused(engine: LocalEngine, told: list[str]) -> None:
    with pytest.raises(Unavailable) as raised:
        await engine.render(a_job(), Steps())
    told.append(str(raised.value))


@asynccontextmanager
async def impostor(
    home: Path, *, protocol: int, version: str = "0.0.1", answers: Sequence[Mapping[str, object]] = ()
) -> AsyncIterator[list[str]]:
    """A worker of `version` that gives `answers` on each connection and hangs up; what it was asked."""
    place = RunFolder(home)
    place.prepare()
    place.ensure_key()
    key = place.read_key()
    assert key is not None
    asked: list[str] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcome(reader, writer, key, Hello(version=version, protocol=protocol, pid=os.getpid()))
        head = (await read(reader)).head
        asked.append(head["type"])
        for answer in answers:
            writer.write(pack({**answer, "id": head["id"]}))
        writer.close()

    path = place.new_socket_path()
    async with await asyncio.start_unix_server(attend, path):
        place.write_address(WorkerAddress(pid=os.getpid(), unix=str(path)))
        yield asked


async def test_an_older_worker_finishes_its_picture_and_makes_room_for_a_newer_server(
    alya_home: Path, open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE_VERSION", "1.0.0")
    old, new = open_at(version="1.0.0"), open_at(version="1.1.0")
    pictures: list[str] = []

    async def draw(engine: LocalEngine, name: str) -> None:
        await engine.render(a_job(name), Steps())
        pictures.append(name)

    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(draw, old, "old")
        await stage.reached("denoise")
        (first,) = workers(alya_home)
        monkeypatch.setenv("STAGE_VERSION", "1.1.0")
        group.start_soon(draw, new, "new")
        await state(old, "leaving")
        stage.release()
    assert pictures == ["old", "new"]
    (second,) = workers(alya_home)
    assert second != first
    await old.render(a_job(), Steps())
    assert workers(alya_home) == {second}


async def test_a_worker_of_another_protocol_is_named_with_what_to_do(
    open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    await open_at().render(a_job(), Steps())
    stranger = open_at()
    monkeypatch.setattr("alya_mcp.images.worker.launcher.PROTOCOL", PROTOCOL + 1)
    with pytest.raises(Unavailable, match="Restart this client"):
        await stranger.render(a_job(), Steps())


async def test_a_worker_of_an_earlier_version_that_tells_less_of_itself_is_understood(
    alya_home: Path, open_at: Opener
):
    answer = {"type": "status", "state": "idle", "detail": "ready"}
    async with impostor(alya_home, protocol=1, answers=[answer]):
        status = await open_at().status()
    assert (status.state, status.model, status.plan, status.temperature) == ("idle", None, None, None)


async def test_a_newer_workers_kinds_of_failure_and_phases_are_no_error_of_their_own(
    alya_home: Path, open_at: Opener
):
    answers = [
        {"type": "step", "phase": "upscale", "at": 0.0, "until": 1.0, "message": "Upscaling"},
        {"type": "failure", "kind": "Throttled", "message": "The GPU is too hot; call again"},
    ]
    steps = Steps()
    async with impostor(alya_home, protocol=PROTOCOL, version="999.0", answers=answers):
        with pytest.raises(Failure, match="GPU") as raised:
            await open_at().render(a_job(), steps)
    assert type(raised.value) is Failure
    assert steps.phases() == ["start"]


async def test_an_older_worker_that_is_stuck_is_named_with_what_to_do(
    alya_home: Path, open_at: Opener, older: LocalEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "ALIVE", 0.25)
    monkeypatch.setattr(launch, "ALIVE", 0.25)
    newer = open_at(version="1.1.0")
    told: list[str] = []
    stuck = 0
    async with anyio.create_task_group() as group:
        group.start_soon(refused, older, told)
        group.start_soon(refused, newer, told)
        await state(older, "leaving")
        (stuck,) = workers(alya_home)
        with stopped(stuck):
            await until(lambda: len(told) == 2, "an end of waiting")
    for words in told:
        assert f"alya-mcp 1.0.0 (process {stuck}) has said nothing for 3 s and counts as stuck" in words
        assert "The user can end" in words


async def test_an_older_worker_that_is_busy_is_waited_for_as_long_as_a_picture_may_take_and_said_to_be(
    alya_home: Path, open_at: Opener, older: LocalEngine, stage: Stage
):
    hasty, steps = open_at(version="1.1.0", deadline=4), Steps()
    async with anyio.create_task_group() as group:
        group.start_soon(older.render, a_job(), Steps())
        await stage.reached("denoise")
        with pytest.raises(Unavailable, match=r"alya-mcp 1\.0\.0 .* still has pictures to finish after 4 s"):
            await hasty.render(a_job(), steps)
        stage.release()
    said = [step.message for step in steps]
    assert any(
        re.match(r"Waiting for the image worker of alya-mcp 1\.0\.0 .* to finish its pictures \(\d s\)", one)
        for one in said
    )


async def test_an_older_worker_that_hangs_up_and_stays_is_not_asked_for_ever(
    alya_home: Path, open_at: Opener
):
    async with impostor(alya_home, protocol=1) as asked:
        with pytest.raises(Unavailable, match=r"\b0\.0\.1\b"):
            await open_at(deadline=1).render(a_job(), Steps())
    assert 1 <= len(asked) < 100


async def test_closing_the_engine_while_it_waits_for_a_worker_ends_its_calls_with_words(
    alya_home: Path, open_at: Opener, older: LocalEngine, stage: Stage
):
    newer, told = open_at(version="1.1.0"), list[str]()
    async with anyio.create_task_group() as group:
        group.start_soon(older.render, a_job(), Steps())
        await stage.reached("denoise")
        group.start_soon(refused, newer, told)
        await state(older, "leaving")
        await newer.aclose()
        await until(lambda: told, "the end of the call")
        await status_when(older, lambda status: status.clients == 1)
        stage.release()
    assert "closed" in told[0]


async def test_a_server_that_stood_still_for_long_does_not_take_the_worker_for_stuck(
    open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    engine = open_at()
    await engine.warm()
    monkeypatch.setattr(connection, "ALIVE", 0.25)
    stage.hold("decode")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("decode")
        stage.release()
        time.sleep(3.5)  # noqa: ASYNC251 - nothing of this process runs, as when it is stopped
