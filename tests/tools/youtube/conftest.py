"""A hub in this process whose YouTube is a loopback server; waits between tries are short."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import loopback_youtube
import pytest
from loopback_youtube import LoopbackYoutube
from moved import TLS, Ask

from alya_mcp.gate import Gate, Policy
from alya_mcp.net.client import Http
from alya_mcp.net.transport import RetryPolicy
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Tool
from alya_mcp.tools import load_catalogue
from alya_mcp.tools.youtube import api
from alya_mcp.tools.youtube.database import YoutubeDatabase, database_of
from alya_mcp.tools.youtube.pipeline import Pipeline


@pytest.fixture
def youtube() -> Iterator[LoopbackYoutube]:
    with loopback_youtube.running() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "alya"


@pytest.fixture
def settings(home: Path, youtube: LoopbackYoutube) -> Settings:
    return Settings.from_environment({"ALYA_HOME": str(home), **youtube.environment})


@pytest.fixture
async def hub(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    patience = RetryPolicy(tries=4, first=0.001, longest=0.002)
    monkeypatch.setattr(api, "PATIENCE", patience)
    hub = Hub(settings, Gate(Policy.parse({"version": "1", "default": "allow"})))
    hub.__dict__["http"] = Http(settings, patience=patience, tls=TLS)
    yield hub
    await hub.aclose()


@pytest.fixture
def database(hub: Hub) -> YoutubeDatabase:
    return database_of(hub)


@pytest.fixture
def pipeline(database: YoutubeDatabase) -> Pipeline:
    return Pipeline(database, "local")


@pytest.fixture
def ask_as(hub: Hub) -> Callable[..., Awaitable[Any]]:
    """Calls a tool as the gate does, for the caller of a grant; returns its answer as JSON."""

    async def call(grant: str, tool: Tool, /, about: dict[str, Any] | None = None, **arguments: Any) -> Any:
        async def progress(done: float, total: float, message: str) -> None:
            assert 0 <= done <= total
            assert message

        context = Context(
            hub=hub,
            catalogue=load_catalogue(),
            session="test",
            grant=grant,
            progress=progress,
            abandoned=lambda: False,
        )
        judged = tool.validate(arguments)
        judged.about = about
        reply = await tool.run(judged, context)
        return reply.data.model_dump(mode="json", by_alias=True)

    return call


@pytest.fixture
def ask(ask_as: Callable[..., Awaitable[Any]]) -> Ask:
    """Calls a tool with arguments by their names on the wire; returns its answer as JSON."""
    return partial(ask_as, "local")
