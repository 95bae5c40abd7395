"""Who waits for the worker, in which order, for how long, and how one leaves (DESIGN.md section 7)."""

from pathlib import Path

import anyio
import pytest
from stage import (
    RENDER_PHASES,
    Client,
    Opener,
    Stage,
    Steps,
    a_job,
    clients,
    connection,
    on_the_wire,
    pid_of,
    rendering,
    state,
    status_when,
    stopped,
    until,
    waiting,
)

from alya_mcp.errors import Unavailable
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.wire.frames import read
from alya_mcp.images.worker.scheduler import MAX_WAITING

pytestmark = pytest.mark.anyio


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
    await state(other, "idle")
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
            await waiting(engine, 1)
        await waiting(engine, 0)
        stage.release()


async def test_a_client_that_disconnects_while_waiting_leaves_no_job_behind(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engine = open_at()
    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await stage.reached("denoise")
        client = Client(alya_home)
        await waiting(engine, 1)
        client.kill()
        client.communicate()
        await waiting(engine, 0)
        stage.release()


async def test_a_picture_whose_server_was_killed_stops_at_its_next_step_and_the_next_one_is_drawn(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engine = open_at()
    await engine.warm()
    stage.hold("denoise")
    client = Client(alya_home)
    await stage.reached("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job(), Steps())
        await waiting(engine, 1)
        client.kill()
        client.communicate()
        await status_when(engine, lambda status: status.clients == 1)
        stage.forget()
        stage.hold("encode")
        stage.release("denoise")
        await stage.reached("encode")
        assert not stage.was_at("decode")
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
        await waiting(greedy, MAX_WAITING)
        with pytest.raises(Unavailable, match=str(MAX_WAITING)):
            await other.render(a_job(), Steps())
        stage.release()
    assert (await other.render(a_job(), Steps())).model == "plain"


async def test_the_next_picture_begins_before_the_last_one_is_sent(
    alya_home: Path, open_at: Opener, stage: Stage
):
    await open_at().warm()
    stage.hold("decode")
    said: list[tuple[str, int]] = []
    async with connection(alya_home) as (reader, writer):
        for number in (1, 2):
            writer.write(on_the_wire(a_job(), number))
        await stage.reached("decode")
        stage.release()
        while ("picture", 2) not in said:
            frame = (await read(reader)).head
            said.append((frame["type"], frame["id"]))
    assert said.index(("begun", 2)) < said.index(("picture", 1))


async def test_a_client_that_does_not_read_holds_up_nobody(alya_home: Path, open_at: Opener, stage: Stage):
    engine = open_at()
    await engine.warm()
    stage.hold("decode")
    with clients(1, alya_home, side=2048) as (silent,):
        await stage.reached("decode")
        with stopped(silent.pid):
            stage.release()
            for seed in range(3):
                assert (await engine.render(a_job(seed=seed), Steps())).seed == seed
        assert silent.answer()["pid"] == await pid_of(engine)


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
            await waiting(greedy, number)
        group.start_soon(draw, late, "late")
        await waiting(greedy, 5)
        stage.release()
    assert order.index("late") <= 2
