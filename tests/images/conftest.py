from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage import Opener, Stage, engine_at

from alya_mcp.images.local import LocalEngine


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
