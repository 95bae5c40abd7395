"""A replica of the Ray application by itself: the render thread behind it is real, Ray isn't there."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from stage import PATIENCE, Stage, a_job, until
from staged_worker import Plain, Staged

from alya_mcp import __version__
from alya_mcp.errors import InvalidInput
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.ray import replica as module
from alya_mcp.images.ray.replica import Replica
from alya_mcp.images.wire.messages import Failed, JobStep

pytestmark = pytest.mark.anyio

WANTED = {"model": "plain", "models": ["lines"], "precision": "auto", "version": __version__}


@pytest.fixture
async def replica(stage: Stage) -> AsyncIterator[Replica]:
    """A replica whose thread has nothing left to do, nor to tell, when the test's event loop is closed."""
    replica = Replica(lambda: Staged(Plain(), stage.folder))
    await replica.reconfigure(WANTED)
    yield replica
    stage.release()
    await drawn(replica, a_job("last"))


async def drawn(replica: Replica, job: Job) -> list[JobStep | Picture | Failed]:
    return [told async for told in replica.draw(job)]


async def dropped(replica: Replica, stage: Stage) -> None:
    """Have a job held in the middle and then no longer wanted; the renderer doesn't notice."""
    stage.forget()
    stage.hold("denoise")
    drawing = asyncio.create_task(drawn(replica, a_job()))
    await stage.reached("denoise")
    await asyncio.sleep(0)
    drawing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await drawing


async def test_a_replica_tells_steps_and_then_the_picture(replica: Replica):
    *steps, picture = await drawn(replica, a_job())
    assert {type(step) for step in steps} == {JobStep}
    assert isinstance(picture, Picture)
    assert picture.model == "plain"
    assert (await replica.about()).model == "plain"


async def test_a_job_chooses_among_the_models_of_the_application(replica: Replica):
    for model in (None, "plain", "lines"):
        *_, picture = await drawn(replica, replace(a_job(), model=model))
        assert isinstance(picture, Picture)
        assert picture.model == (model or "plain")
    (refusal,) = await drawn(replica, replace(a_job(), model="owner/name"))
    assert isinstance(refusal, Failed)
    assert refusal.kind == InvalidInput.__name__


async def test_a_model_that_cannot_be_loaded_fails_the_deployment_with_the_words(stage: Stage):
    class Poor(Plain):
        def prepare(self, request, report) -> None:
            raise MemoryError

    replica = Replica(Poor)
    with pytest.raises(RuntimeError, match="ran out of memory"):
        await replica.reconfigure(WANTED)


async def test_a_machine_with_another_version_than_was_deployed_does_not_draw():
    replica = Replica(Plain)
    with pytest.raises(RuntimeError, match=r"\b0\.0\.1\b"):
        await replica.reconfigure({**WANTED, "version": "0.0.1"})


async def test_two_jobs_at_a_time_are_drawn_one_after_the_other(replica: Replica):
    first, second = await asyncio.gather(*(drawn(replica, a_job(seed=seed)) for seed in (1, 2)))
    assert [told.seed for told in (first[-1], second[-1]) if isinstance(told, Picture)] == [1, 2]


async def test_a_job_that_nobody_wants_stops_at_its_next_step(replica: Replica, stage: Stage):
    await dropped(replica, stage)
    stage.forget()
    stage.hold("encode")
    following = asyncio.create_task(drawn(replica, a_job("next")))
    stage.release("denoise")
    await stage.reached("encode")
    assert not stage.was_at("decode")
    stage.release()
    assert isinstance((await following)[-1], Picture)
    await replica.check_health()


async def test_a_replica_is_ill_while_work_that_nobody_wants_goes_on(
    replica: Replica, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_STUCK", 0.0)
    await dropped(replica, stage)
    with pytest.raises(RuntimeError, match="hasn't come back"):
        await replica.check_health()
    stage.release()
    await drawn(replica, a_job())
    await replica.check_health()


async def test_a_replica_that_waits_behind_anothers_long_work_is_well(
    replica: Replica, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_STUCK", 0.0)
    stage.hold("denoise")
    first = asyncio.create_task(drawn(replica, a_job()))
    await stage.reached("denoise")
    second = asyncio.create_task(drawn(replica, a_job()))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second}, timeout=PATIENCE)
    await replica.check_health()
    stage.release()
    assert isinstance((await first)[-1], Picture)


async def test_a_lost_device_ends_the_process_even_when_nobody_waits(
    replica: Replica, stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    stage.hold("encode")
    drawing = asyncio.create_task(drawn(replica, a_job("lost")))
    await stage.reached("encode")
    drawing.cancel()
    await asyncio.wait({drawing}, timeout=PATIENCE)
    stage.release()
    await until(lambda: ends, "the end")


async def test_a_failure_names_the_clusters_log_and_not_that_of_a_worker(replica: Replica):
    told = (await drawn(replica, a_job("bug")))[-1]
    assert isinstance(told, Failed)
    assert "ray logs" in told.message
    assert "ALYA_HOME" not in told.message
