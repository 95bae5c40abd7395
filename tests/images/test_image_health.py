"""What the worker and alya_status tell of it."""

import os
import signal
from pathlib import Path

import anyio
import pytest
from stage import PATIENCE, Opener, Stage, Steps, a_job, no_worker_at, pid_of, rendering, stopped, waiting

from alya_mcp.app.gate import open_gate
from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.images import local
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.worker import connection as link
from alya_mcp.images.worker import launcher as launch
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.hub.status import HubStatus, Part, alya_status

pytestmark = pytest.mark.anyio


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
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    os.kill(pid, signal.SIGSTOP)
    # From here on: a worker that isn't stopped may be slow.
    monkeypatch.setattr(local, "_STATUS_LIMIT", 0.5)
    monkeypatch.setattr(link, "ALIVE", 0.1)
    try:
        status = await engine.status()
        assert (status.state, status.pid) == ("stuck", pid)
        with pytest.raises(Unavailable, match=r"\b1\b"):
            await engine.render(a_job(), Steps())
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.setattr(link, "ALIVE", PATIENCE)
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_server_that_comes_to_a_stuck_worker_names_it_with_what_to_do(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    await open_at().render(a_job(), Steps())
    newcomer = open_at()
    pid = await pid_of(newcomer)
    with stopped(pid), monkeypatch.context() as patch:
        patch.setattr(local, "_LOOK_LIMIT", 0.2)
        patch.setattr(launch, "_GREETING_LIMIT", 0.5)
        status = await newcomer.status()
        assert (status.state, status.pid) == ("stuck", None)
        with pytest.raises(Unavailable, match=str(pid)):
            await newcomer.render(a_job(), Steps())
    assert (await newcomer.render(a_job(), Steps())).model == "plain"


async def test_asking_for_the_status_neither_starts_nor_keeps_a_worker(alya_home: Path, open_at: Opener):
    drawing, looking = open_at(), open_at()
    await drawing.render(a_job(), Steps())
    assert (await looking.status()).clients == 2
    await drawing.aclose()
    await no_worker_at(alya_home)
    stopped = await looking.status()
    assert (stopped.state, stopped.pid) == ("stopped", None)
    assert (stopped.why, stopped.unused) == (None, None)


async def test_the_device_is_looked_at_when_the_idle_worker_is_asked(open_at: Opener, stage: Stage):
    engine = open_at()
    await engine.render(a_job(), Steps())
    cold = await engine.status()
    (stage.folder / "temperature").write_text("54")
    warm = await engine.status()
    assert (cold.temperature, warm.temperature) == (None, 54)
    assert (warm.plan, warm.model) == ("stripes, resident", "plain")
    assert cold.measured is not None
    assert warm.measured is not None
    assert cold.measured < warm.measured


async def test_a_device_that_cannot_be_asked_costs_no_picture(open_at: Opener, stage: Stage):
    engine = open_at()
    await engine.render(a_job(), Steps())
    before = await engine.status()
    (stage.folder / "temperature").write_text("not a number")
    assert (await engine.render(a_job(), Steps())).model == "plain"
    after = await engine.status()
    assert (after.state, after.model, after.measured) == ("idle", "plain", before.measured)


async def test_a_busy_worker_answers_with_what_was_measured_before(open_at: Opener, stage: Stage):
    engine = open_at()
    await engine.render(a_job(), Steps())
    idle = await engine.status()
    stage.hold("denoise")
    (stage.folder / "temperature").write_text("54")
    async with rendering(engine, a_job()):
        await stage.reached("denoise")
        busy = await engine.status()
        assert (busy.state, busy.temperature) == ("busy", None)
        assert busy.measured == idle.measured
        stage.release()


async def test_a_worker_that_prepares_for_later_pictures_is_not_told_as_stuck(open_at: Opener, stage: Stage):
    engine = open_at()
    stage.hold("tend")
    await engine.render(a_job(), Steps())
    await stage.reached("tend")
    status = await engine.status()
    stage.release("tend")
    assert (status.state, status.model) == ("idle", "plain")


async def test_alya_status_tells_queue_clients_memory_temperature_plan_and_the_last_error_in_words(
    open_at: Opener, stage: Stage, alya_home: Path
):
    (stage.folder / "temperature").write_text("54")
    engine, other = open_at(), open_at()
    with pytest.raises(NotConfigured):
        await other.render(a_job("unconfigured"), Steps())
    await engine.render(a_job(), Steps())
    stage.hold("denoise")
    async with rendering(other, a_job()):
        await stage.reached("denoise")
        async with rendering(other, a_job("second")):
            await waiting(engine, 1)
            parts = await _parts(engine, alya_home)
            stage.release()
    assert parts["engine"].state == "busy"
    for words in (
        "An image is being drawn. Waiting: 1. Servers that share the worker: 2. Memory: gpu allocated 0.00 ",
        "Temperature of the device: 54 °C. The device was measured before this image, at 20",
        "UTC): set something up first",
    ):
        assert words in parts["engine"].detail
    assert parts["model"].detail == "plain on cpu: stripes, resident"


async def test_alya_status_says_that_the_worker_stopped_because_it_was_idle(open_at: Opener, alya_home: Path):
    engine = open_at(idle=0.2)
    await engine.render(a_job(), Steps())
    await no_worker_at(alya_home)
    part = (await _parts(engine, alya_home))["engine"]
    assert part.state == "off"
    assert part.since is not None
    assert part.detail == (
        "The image worker stopped because it was idle for 0.2 s, and gave all its memory back; the next "
        "image starts it again"
    )


async def _parts(engine: LocalEngine, home: Path) -> dict[str, Part]:
    settings = Settings(home=home)
    hub = Hub(settings, open_gate(settings))
    hub.__dict__["engine"] = engine

    async def nothing(done: float, total: float, message: str) -> None:
        pass

    try:
        reply = await alya_status.run(
            {},
            Context(
                hub=hub, catalogue={}, session="s", grant="local", progress=nothing, abandoned=lambda: False
            ),
        )
    finally:
        del hub.__dict__["engine"]
        await hub.aclose()
    assert isinstance(reply.data, HubStatus)
    return {part.part: part for part in reply.data.parts}
