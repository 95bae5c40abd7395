"""The measurements: every figure with a worker that draws, and what is left of them where one fails."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from stage import PATIENCE, Stage, staged_command, workers

from alya_mcp.errors import Unavailable
from alya_mcp.images.bench import measure
from alya_mcp.images.bench.measure import PHASES, Measured
from alya_mcp.images.engine import Job, OnProgress, Picture
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings


class Gone:
    """An engine whose worker is gone before the first step."""

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        raise Unavailable("The image worker ended unexpectedly")


class Parts:
    """Notes what was measured and what failed; `kill` names the part before which the worker is killed."""

    def __init__(self, result: Measured, home: Path, kill: str = "") -> None:
        self.seen: list[str] = []
        self._result, self._home, self._kill = result, home, kill

    @contextmanager
    def __call__(self, what: str) -> Generator[None]:
        self.seen.append(what)
        if what == self._kill:
            (pid,) = workers(self._home)
            os.kill(pid, signal.SIGKILL)
        try:
            yield
        except Exception as error:
            self._result.errors.append(f"{what}: {error}")


@pytest.fixture
def settings(alya_home: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a staged worker and of a store on this machine."""
    monkeypatch.setattr(measure, "LocalEngine", partial(LocalEngine, command=staged_command()))
    return Settings(home=alya_home, image_model="stripes", image_idle=0, image_linger=0)


@pytest.mark.anyio
async def test_every_figure_is_measured_and_the_phases_add_up_to_the_way_from_prompt_to_url(
    settings: Settings,
):
    result = Measured(precision="auto")
    parts = Parts(result, settings.home)
    await measure.measure(result, settings, 1, parts)
    await measure.measure_second_start(result, settings, parts)
    assert result.errors == []
    assert tuple(result.phases) == PHASES
    assert result.total == pytest.approx(sum(result.phases.values()), abs=2)
    figures = (result.link, result.eager, result.first, result.again, result.queued, result.cancel)
    assert all(figure is not None and figure > 0 for figure in figures)
    assert (result.model, result.plan, result.store) == ("stripes", "stripes, resident", "local")
    assert result.peaks == {"denoise": 5_000_000}
    assert (result.ready, result.again_ready) == (None, None)  # nothing was compiled


@pytest.mark.anyio
async def test_a_worker_that_is_lost_is_told_and_what_was_measured_before_stays(settings: Settings):
    result = Measured(precision="auto")
    await measure.measure(result, settings, 1, Parts(result, settings.home, kill="8 pictures at once"))
    assert result.errors == [
        "the worker's memory: The worker was lost on the way, and a fresh one drew some of the pictures"
    ]
    assert result.total is not None
    assert result.queued is not None


@pytest.mark.anyio
async def test_without_a_first_picture_nothing_more_is_tried(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE_RENDERER", "broken")
    result = Measured(precision="auto")
    parts = Parts(result, settings.home)
    await measure.measure(result, settings, 1, parts)
    assert parts.seen == ["first start"]
    assert len(result.errors) == 1
    assert result.first is None


@pytest.mark.anyio
async def test_a_picture_that_fails_before_it_can_be_cancelled_ends_the_measurement_with_its_reason():
    gone: Any = Gone()
    with pytest.raises(Unavailable, match="ended unexpectedly"):
        await asyncio.wait_for(measure._cancel(gone, 1), PATIENCE)


@pytest.mark.anyio
async def test_compiling_that_never_ends_is_a_failure_of_its_own_part():
    class Busy:
        async def status(self) -> Any:
            return type("Status", (), {"plan": "bf16, all weights on the device, compiling"})

    busy: Any = Busy()
    with pytest.raises(measure.Failure, match="bf16"):
        await measure._compiled(busy, 0.0)
