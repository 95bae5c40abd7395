"""The worker process from outside: one for all, fair, and gone when nobody needs it (DESIGN.md section 7)."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from raw_client import eventually, processes_of
from stage import PATIENCE, RENDER_PHASES, Opener, Stage, Steps, a_job, engine_at, staged_command, until

from alya_mcp.failures import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.images import local
from alya_mcp.images.desk import MAX_WAITING
from alya_mcp.images.engine import EngineStatus, Job, Picture
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.place import FileLock, Place

pytestmark = pytest.mark.anyio


def workers(home: Path) -> set[int]:
    return {pid for pid, command in processes_of(home).items() if "staged_worker" in command}


async def pid_of(engine: LocalEngine) -> int:
    status = await engine.status()
    assert status.pid is not None
    return status.pid


async def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not _command(pid), f"the end of {pid}")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@asynccontextmanager
async def rendering(engine: LocalEngine, job: Job) -> AsyncIterator[anyio.CancelScope]:
    """Draws beside the body; leaving cancels."""
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, job, Steps())
        yield group.cancel_scope
        group.cancel_scope.cancel()


async def test_nothing_runs_before_the_first_picture_is_asked_for(alya_home: Path, open_at: Opener):
    assert (await open_at().status()).state == "stopped"
    assert not workers(alya_home)


async def test_a_picture_comes_with_its_size_seed_steps_model_notice_and_timings(open_at: Opener):
    picture = await open_at().render(a_job(seed=9, steps=3), Steps())
    assert (picture.width, picture.height, picture.seed, picture.steps) == (256, 256, 9, 3)
    assert (picture.model, picture.notice) == ("plain", "stripes")
    assert len(picture.pixels) == 256 * 256 * 3
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


async def test_waiting_in_the_queue_is_told_with_the_number_of_pictures_ahead(open_at: Opener, stage: Stage):
    stage.hold("denoise")
    engine, steps = open_at(), Steps()
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job("first"), Steps())
        await stage.reached("denoise")
        group.start_soon(engine.render, a_job("second"), steps)
        await until(lambda: "queue" in steps.phases(), "a place in the queue")
        stage.release()
    assert steps.phases()[:3] == ["start", "queue", "encode"]
    assert "1 image first" in next(step.message for step in steps if step.phase == "queue")


async def test_engines_of_one_home_share_one_worker(alya_home: Path, open_at: Opener):
    engines = [open_at() for _ in range(3)]
    async with anyio.create_task_group() as group:
        for number, engine in enumerate(engines):
            group.start_soon(engine.render, a_job(seed=number), Steps())
    assert len({await pid_of(engine) for engine in engines}) == 1
    assert len(workers(alya_home)) == 1
    assert (await engines[0].status()).clients == 3


async def test_three_server_processes_at_once_start_one_worker(alya_home: Path, stage: Stage):
    clients = [_client(alya_home, f"prompt {number}") for number in range(3)]
    try:
        answers = [_last_words(client) for client in clients]
        assert len({answer["pid"] for answer in answers}) == 1
        assert len({answer["digest"] for answer in answers}) == 3
        assert workers(alya_home) == {answers[0]["pid"]}
    finally:
        for client in clients:
            client.communicate()
    eventually(lambda: not workers(alya_home), "the end of the worker")


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
    await until(lambda: not workers(alya_home), "the end of the worker")
    run = Place(alya_home).folder
    assert {file.suffix for file in run.iterdir()} == {".key", ".lock"}


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_the_worker_ends_when_its_only_client_is_killed_in(alya_home: Path, stage: Stage, phase: str):
    stage.hold(phase)
    client = _client(alya_home)
    try:
        await stage.reached(phase)
        client.kill()
        await until(lambda: not workers(alya_home), "the end of the worker")
    finally:
        client.kill()
        client.communicate()


async def test_a_worker_whose_starter_was_killed_before_connecting_ends(alya_home: Path, stage: Stage):
    place = Place(alya_home)
    place.prepare()
    place.ensure_key()
    # A starter that does nothing else: its end is seen by the closed pipe.
    start = (
        "import subprocess, sys\n"
        "subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)"
    )
    await anyio.run_process(
        [sys.executable, "-c", start, *staged_command(), str(alya_home)],
        env={**os.environ, "ALYA_HOME": str(alya_home)},
    )
    await until(lambda: place.log.exists() or not workers(alya_home), "its log or its end")
    await until(lambda: not workers(alya_home), "the end of the worker")


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
    assert results == [await _again(engine, results[0])]


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
        await _waiting(one, 1)
        stage.release()
    assert len(pictures) == 1
    # The first, the one that tried again, and one for whoever had to wait.
    assert 2 <= Place(alya_home).log.read_text().count(" starts") <= 3


async def test_a_dead_worker_is_noticed_while_idle_and_replaced_by_the_next_call(open_at: Opener):
    engine = open_at()
    before = await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    await kill(pid)
    assert (await engine.render(a_job(), Steps())).pixels == before.pixels
    assert await pid_of(engine) != pid


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_cancelling_stops_the_job_and_the_next_picture_is_the_same_as_ever_in(
    open_at: Opener, stage: Stage, phase: str
):
    engine = open_at()
    undisturbed = await engine.render(a_job(), Steps())
    other = open_at(model="other")
    stage.forget()
    stage.hold(phase)
    async with rendering(other, a_job("unwanted", steps=4)):
        await stage.reached(phase)
    # The same connection brought the cancellation before this question.
    assert (await other.status()).state == "busy"
    stage.forget()
    stage.release()
    await until_idle(other)
    assert not any(stage.was_at(later) for later in RENDER_PHASES)
    again = await engine.render(a_job(), Steps())
    assert again.pixels == undisturbed.pixels


async def test_cancelling_a_waiting_picture_takes_it_out_of_the_queue(open_at: Opener, stage: Stage):
    engine, other = open_at(), open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("denoise")
        async with rendering(other, a_job("unwanted")):
            await _waiting(engine, 1)
        await _waiting(engine, 0)
        stage.release()


async def test_a_client_that_disconnects_while_waiting_leaves_no_job_behind(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engine = open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("denoise")
        client = _client(alya_home)
        await _waiting(engine, 1)
        client.kill()
        client.communicate()
        await _waiting(engine, 0)
        stage.release()


async def test_a_full_queue_refuses_at_once_with_its_length_and_takes_work_again_later(
    open_at: Opener, stage: Stage
):
    greedy, other = open_at(), open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        for number in range(MAX_WAITING + 1):
            group.start_soon(greedy.render, a_job(seed=number), Steps())
        await stage.reached("denoise")
        await _waiting(greedy, MAX_WAITING)
        with pytest.raises(Unavailable, match=f"full: {MAX_WAITING} images wait"):
            await other.render(a_job(), Steps())
        stage.release()
    assert (await other.render(a_job(), Steps())).model == "plain"


async def test_a_late_client_gets_its_turn_before_the_rest_of_a_greedy_one(open_at: Opener, stage: Stage):
    greedy, late = open_at(), open_at()
    order: list[str] = []

    async def draw(engine: LocalEngine, name: str) -> None:
        await engine.render(a_job(name), Steps())
        order.append(name)

    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(draw, greedy, "greedy 0")
        await stage.reached("denoise")
        for number in range(1, 5):
            group.start_soon(draw, greedy, f"greedy {number}")
            await _waiting(greedy, number)
        group.start_soon(draw, late, "late")
        await _waiting(greedy, 5)
        stage.release()
    assert order.index("late") <= 2


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
    assert "a secret in /home/someone" in Place(alya_home).log.read_text()
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_lost_gpu_fails_the_job_and_ends_the_process_for_a_fresh_one(open_at: Opener):
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    with pytest.raises(Unavailable, match="the GPU is gone"):
        await engine.render(a_job("lost"), Steps())
    await engine.render(a_job(), Steps())
    assert await pid_of(engine) != pid


async def test_a_picture_that_waits_behind_a_lost_gpu_is_drawn_by_the_next_process(
    open_at: Opener, stage: Stage
):
    one, other, pictures = open_at(), open_at(), list[Picture]()

    async def lose() -> None:
        with pytest.raises(Unavailable, match="the GPU is gone"):
            await one.render(a_job("lost"), Steps())

    async def draw() -> None:
        pictures.append(await other.render(a_job("patience"), Steps()))

    stage.hold("encode")
    async with anyio.create_task_group() as group:
        group.start_soon(lose)
        await stage.reached("encode")
        group.start_soon(draw)
        await _waiting(one, 1)
        stage.release()
    assert len(pictures) == 1


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


async def test_status_says_what_the_worker_does(open_at: Opener, stage: Stage):
    engine = open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("denoise")
        busy = await engine.status()
        stage.release()
    idle = await engine.status()
    assert (busy.state, busy.waiting, busy.clients) == ("busy", 0, 1)
    assert (idle.state, idle.model, idle.device) == ("idle", "plain", "cpu")
    assert idle.since is not None
    assert idle.memory is not None
    assert idle.memory["resident"] > 1_000_000


async def test_a_worker_that_does_not_answer_is_told_as_stuck_and_goes_on_when_it_can(
    open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local, "_STATUS_LIMIT", 0.5)
    monkeypatch.setattr(local, "_SILENCE", 1.0)
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    os.kill(pid, signal.SIGSTOP)
    try:
        status = await engine.status()
        assert (status.state, status.pid) == ("stuck", pid)
        with pytest.raises(Unavailable, match="said nothing for 1 s"):
            await engine.render(a_job(), Steps())
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_asking_for_the_status_neither_starts_nor_keeps_a_worker(alya_home: Path, open_at: Opener):
    drawing, looking = open_at(), open_at()
    await drawing.render(a_job(), Steps())
    assert (await looking.status()).clients == 2
    await drawing.aclose()
    await until(lambda: not workers(alya_home), "the end of the worker")
    assert await looking.status() == EngineStatus(
        state="stopped", detail="Nothing is loaded; the first image starts the worker"
    )


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
        await _state(old, "leaving")
        stage.release()
    assert pictures == ["old", "new"]
    (second,) = workers(alya_home)
    assert second != first
    await old.render(a_job(), Steps())
    assert workers(alya_home) == {second}


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
        Place(alya_home).address.unlink()
        await _state(one, "leaving")
        group.start_soon(other.render, a_job("second"), Steps())
        stage.release()
    (second,) = workers(alya_home)
    assert second != first


async def test_a_worker_of_another_protocol_is_named_with_what_to_do(
    open_at: Opener, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    await open_at().render(a_job(), Steps())
    stranger = open_at()
    monkeypatch.setattr("alya_mcp.images.launch.PROTOCOL", 2)
    with pytest.raises(Unavailable, match="Restart this client"):
        await stranger.render(a_job(), Steps())


async def test_a_lock_file_left_by_a_killed_process_holds_nobody_up(alya_home: Path, open_at: Opener):
    place = Place(alya_home)
    place.prepare()
    hold = (
        "import sys, time; from pathlib import Path; from alya_mcp.images.place import FileLock\n"
        "locks = [FileLock(Path(path)) for path in sys.argv[1:]]\n"
        "sys.stdout.write(f'{all([lock.acquire() for lock in locks])}\\n')\n"
        "sys.stdout.flush(); time.sleep(600)"
    )
    async with await anyio.open_process(
        [sys.executable, "-c", hold, str(place.lock), str(place.start_lock)], stderr=None
    ) as holder:
        assert holder.stdout is not None
        assert await holder.stdout.receive() == b"True\n"
        assert not FileLock(place.lock).acquire()
        holder.kill()
    assert (await open_at().render(a_job(), Steps())).model == "plain"


async def test_a_socket_file_that_nobody_listens_on_is_replaced(alya_home: Path, open_at: Opener):
    place = Place(alya_home)
    place.prepare()
    place.ensure_key()
    dead = place.folder / "image-worker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    place.address.write_text(json.dumps({"pid": 1, "unix": str(dead), "port": None}))
    assert (await open_at().render(a_job(), Steps())).model == "plain"


async def test_garbage_in_the_address_and_key_files_is_replaced(alya_home: Path, open_at: Opener):
    place = Place(alya_home)
    place.prepare()
    place.address.write_text("{not json")
    place.key.write_bytes(b"short")
    assert (await open_at().render(a_job(), Steps())).model == "plain"
    assert len(place.key.read_bytes()) == 32


async def test_a_server_with_a_wrong_key_gets_nothing_and_a_replaced_key_ends_the_worker(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    place = Place(alya_home)
    place.key.unlink()
    place.ensure_key()
    stranger = open_at()
    await stranger.render(a_job(), Steps())
    assert await pid_of(stranger) != pid


async def test_a_worker_whose_files_vanish_leaves(tmp_path: Path, open_at: Opener):
    home = tmp_path / "short lived"
    engine = open_at(home)
    await engine.render(a_job(), Steps())
    (worker,) = workers(home)
    home.rename(tmp_path / "moved")
    await until(lambda: not _command(worker), "the end of the worker")
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_home_with_a_path_too_long_for_a_socket_works(tmp_path: Path, open_at: Opener):
    home = tmp_path / ("long" * 30)
    engine = open_at(home)
    assert (await engine.render(a_job(), Steps())).model == "plain"
    address = Place(home).read_address()
    assert address is not None
    assert address.unix is not None
    assert not address.unix.startswith(str(home))
    folder = Path(address.unix).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    await engine.aclose()
    await until(lambda: not folder.exists(), "the removal of the socket's folder")


async def test_nobody_else_can_read_the_workers_files(alya_home: Path, open_at: Opener):
    await open_at().render(a_job(), Steps())
    place = Place(alya_home)
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert place.key.stat().st_mode & 0o777 == 0o600


async def test_a_home_that_cannot_be_written_is_told_without_its_path(tmp_path: Path, open_at: Opener):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotConfigured, match="ALYA_HOME") as raised:
        await open_at(tmp_path / "file" / "home").render(a_job(), Steps())
    assert str(tmp_path) not in str(raised.value)


async def test_a_worker_that_cannot_start_is_told_with_where_to_look(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("STAGE_FOLDER")
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(Unavailable, match="ended while starting"):
        await open_at().render(a_job(), Steps())


async def test_the_workers_log_stays_small_and_holds_no_prompt(alya_home: Path, open_at: Opener):
    engine = open_at()
    await engine.render(a_job("a very private prompt"), Steps())
    log = Place(alya_home).log
    with log.open("ab") as file:
        file.write(b"x" * (3 << 20))
    await until(lambda: log.stat().st_size < 1 << 20, "a rotated log")
    assert log.with_suffix(".log.1").stat().st_size > 3 << 20
    assert b"private" not in log.read_bytes() + log.with_suffix(".log.1").read_bytes()


async def test_a_job_that_no_model_could_draw_is_refused_by_the_worker_too(open_at: Opener):
    engine = open_at()
    job = a_job()
    object.__setattr__(job, "steps", 0)
    with pytest.raises(InvalidInput, match="steps is 0"):
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


def _client(home: Path, prompt: str = "a red circle") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("client_process.py")), str(home), "plain", prompt],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ALYA_HOME": str(home)},
    )


def _last_words(client: "subprocess.Popen[str]") -> dict[str, object]:
    assert client.stdout is not None
    for line in client.stdout:
        words = json.loads(line)
        if "digest" in words:
            return words
    raise AssertionError("the client ended without an answer")


async def _again(engine: LocalEngine, picture: Picture) -> Picture:
    again = await engine.render(a_job(), Steps())
    assert again.pixels == picture.pixels
    return picture


async def _waiting(engine: LocalEngine, number: int) -> None:
    await _status(engine, lambda status: status.waiting == number)


async def _state(engine: LocalEngine, state: str) -> None:
    await _status(engine, lambda status: status.state == state)


async def _status(engine: LocalEngine, fits: Callable[[EngineStatus], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while True:
            if fits(await engine.status()):
                return
            await anyio.sleep(0.01)


async def until_idle(engine: LocalEngine) -> None:
    await _state(engine, "idle")
