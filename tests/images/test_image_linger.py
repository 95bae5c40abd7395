"""The worker that stays after its last server, so that the next one finds the model loaded."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stage import Client, Opener, Stage, Steps, a_job, no_worker_at, pid_of, staged_command, state, workers

from alya_mcp.images.words import engine_words
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.images.worker.memory import GpuMemory, MainMemory, shortage
from alya_mcp.settings import Settings, SettingsError

pytestmark = pytest.mark.anyio

GB = 10**9
LONG = 600.0


@pytest.fixture
async def left(alya_home: Path, open_at: Opener) -> AsyncIterator[int]:
    """The process of a worker that stays although its last server has gone; gone with the test."""
    engine = open_at(linger=LONG)
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    await engine.aclose()
    yield pid
    if workers(alya_home):
        await open_at(linger=0).warm()


async def test_the_next_server_finds_the_model_loaded(open_at: Opener, left: int):
    steps = Steps()
    engine = open_at(linger=LONG)
    await engine.render(a_job(), steps)
    assert await pid_of(engine) == left
    assert "load" not in steps.phases()


async def test_a_server_process_that_was_killed_leaves_it_too(alya_home: Path, left: int):
    for _ in range(2):
        client = Client(alya_home, linger=LONG)
        assert client.answer()["pid"] == left
        client.kill()
        client.communicate()


async def test_it_tells_its_memory_and_when_it_ends_and_looking_keeps_it_no_longer(
    open_at: Opener, left: int
):
    looking, drawing = open_at(), open_at(linger=1)
    status = await looking.status()
    assert status.leaves_in is not None
    assert "no server uses it, and it ends in " in engine_words(status)
    assert status.memory is not None
    assert status.memory["resident"] > 0
    await drawing.render(a_job(), Steps())
    assert (await looking.status()).leaves_in is None
    await drawing.aclose()
    assert (await state(looking, "stopped")).last_error is None


async def test_without_a_model_it_ends_with_its_last_server(alya_home: Path, open_at: Opener):
    link = await Launcher(alya_home, staged_command()).join()
    await link.close()
    await no_worker_at(alya_home)


async def test_it_ends_when_it_was_idle_for_long_enough(alya_home: Path, open_at: Opener):
    engine = open_at(linger=LONG, idle=0.2)
    await engine.render(a_job(), Steps())
    await engine.aclose()
    await no_worker_at(alya_home)


async def test_it_gives_way_to_another_program_on_the_gpu_and_says_so(
    alya_home: Path, open_at: Opener, stage: Stage
):
    gpu = stage.folder / "gpu"
    gpu.write_text(str(3 * GB))
    engine, looking = open_at(linger=LONG), open_at()
    await engine.warm()
    await engine.aclose()
    seen = (await looking.status()).memory
    assert seen is not None
    assert seen["gpu_free"] == 3 * GB
    gpu.write_text(str(2 * GB))
    await no_worker_at(alya_home)
    assert "another program needs the GPU's memory" in engine_words(await looking.status())


@pytest.mark.parametrize(
    ("main", "gpu", "short"),
    [
        (MainMemory(8 * GB, 32 * GB), None, False),
        (MainMemory(GB, 32 * GB), None, True),
        # A model that fills its card is no shortage; another program that takes some of the rest is.
        (MainMemory(8 * GB, 32 * GB), GpuMemory(2 * GB, 24 * GB, taken=GB), False),
        (MainMemory(8 * GB, 32 * GB), GpuMemory(GB, 24 * GB, taken=2 * GB), True),
        (MainMemory(8 * GB, 32 * GB), GpuMemory(100 * GB, 141 * GB, taken=2 * GB), False),
    ],
)
def test_memory_is_short(main: MainMemory, gpu: GpuMemory | None, short: bool):
    assert (shortage(main, gpu, before=GpuMemory(2 * GB, 24 * GB, taken=GB)) is not None) == short


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "604801"])
def test_a_time_to_linger_that_is_none_is_refused(value: str):
    with pytest.raises(SettingsError, match=f"ALYA_IMAGE_LINGER.*'{value}'"):
        Settings.from_environment({"ALYA_HOME": "/tmp/home", "ALYA_IMAGE_LINGER": value})


def test_two_minutes_unless_said_otherwise():
    home = {"ALYA_HOME": "/tmp/home"}
    assert Settings.from_environment(home).image_linger == 120
    assert Settings.from_environment(home | {"ALYA_IMAGE_LINGER": "0"}).image_linger == 0
