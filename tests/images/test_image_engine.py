"""What a tool sees of the engine before anything runs."""

import sys
from pathlib import Path

import anyio
import pytest
from stage import Steps, a_job

from alya_mcp.errors import InvalidInput, NotInstalled
from alya_mcp.images import open_engine
from alya_mcp.images.engine import Job
from alya_mcp.images.environment import packages
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("prompt", "", "blank"),
        ("prompt", " \n\t ", "blank"),
        ("prompt", "a" * 2001, "2001 characters; at most 2000"),
        ("prompt", "a\0b", "U\\+0000"),
        ("prompt", "a\x1b[31m", "U\\+001B"),
        ("prompt", "a\ud800", "U\\+D800"),
        ("seed", -1, "seed is -1; .* 0 to 4294967295"),
        ("seed", 2**32, "seed is 4294967296"),
        ("steps", 0, "steps is 0; .* 1 to"),
        ("steps", 51, "steps is 51"),
        ("width", 0, "width is 0"),
        ("height", 4096, "height is 4096"),
    ],
)
def test_a_job_that_no_model_could_draw_cannot_be_made(field: str, value: object, words: str):
    fields = {"prompt": "a", "seed": 0, "steps": 1, field: value}
    with pytest.raises(InvalidInput, match=words):
        Job(**fields)


def test_a_job_is_1024_pixels_square_unless_told_otherwise():
    job = Job(prompt="ein roter Kreis, 红色\non the left", seed=2**32 - 1, steps=8)
    assert (job.width, job.height) == (1024, 1024)


async def test_without_the_extra_the_answer_is_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packages, "PACKAGES", ("torch", "a_package_that_is_not_here"))
    engine = open_engine(Settings(home=tmp_path))
    with pytest.raises(NotInstalled, match="alya-mcp engine install"):
        await engine.render(a_job(), Steps())
    with pytest.raises(NotInstalled):
        await engine.warm()
    status = await engine.status()
    assert status.state == "not installed"
    assert "alya-mcp engine install" in (status.why or "")
    assert not any((tmp_path / name).exists() for name in ("run", "logs"))
    await engine.aclose()


async def test_a_server_that_opens_an_engine_and_looks_at_it_imports_nothing_heavy(tmp_path: Path):
    look = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from alya_mcp.images import open_engine\n"
        "from alya_mcp.settings import Settings\n"
        "engine = open_engine(Settings(home=Path(sys.argv[1])))\n"
        "asyncio.run(engine.status())\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    looked = await anyio.run_process([sys.executable, "-c", look, str(tmp_path)])
    assert looked.stdout == b"[]\n"
