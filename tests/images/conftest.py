from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_flux
from stage import Opener, Stage, engine_at

from alya_mcp.images.local import LocalEngine


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny FLUX pipeline."""
    return tiny_flux.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Workers started in this test draw with the plain renderer and can be held."""
    stage = Stage(tmp_path / "stage")
    monkeypatch.setenv("STAGE_FOLDER", str(stage.folder))
    monkeypatch.setenv("STAGE_RENDERER", "plain")
    yield stage
    stage.release()


@pytest.fixture
async def open_at(alya_home: Path, stage: Stage) -> AsyncIterator[Opener]:
    """Opens engines, at `alya_home` unless told otherwise; they are closed with the test."""
    opened: list[LocalEngine] = []

    def open_one(home: Path | None = None, **options: Any) -> LocalEngine:
        opened.append(engine_at(home or alya_home, **options))
        return opened[-1]

    yield open_one
    stage.release()
    for engine in opened:
        await engine.aclose()
