"""A hub whose sources are all at one loopback server, for calls of tools inside the test's process."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import demand_answers
import earth_answers
import loopback_source
import market_answers
import pytest
from loopback_source import LoopbackSource
from moved import Ask, Clock, moved_here, settings_here

from alya_mcp.gate import Gate, Policy
from alya_mcp.net.client import Http
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Tool
from alya_mcp.tools import load_catalogue


@pytest.fixture(autouse=True)
def answers_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are as old as they say at each test, and not since the run began."""
    now = datetime.now(UTC).replace(microsecond=0)
    for answers in (demand_answers, earth_answers, market_answers):
        monkeypatch.setattr(answers, "NOW", now)


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """The clock of the sources' client; handlers have their own."""
    return Clock()


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource, clock: Clock) -> AsyncIterator[Http]:
    """The sources' client, with every source at `source`."""
    client = moved_here(tmp_path, source, clock)
    yield client
    await client.aclose()


@pytest.fixture
async def hub(tmp_path: Path, source: LoopbackSource, http: Http) -> AsyncIterator[Hub]:
    hub = Hub(settings_here(tmp_path, source), Gate(Policy.parse({"version": "1", "default": "allow"})))
    hub.__dict__["http"] = http
    yield hub
    await hub.aclose()


@pytest.fixture
def context(hub: Hub) -> Context:
    """What the gate gives to a tool that the user's own client calls."""

    async def progress(done: float, total: float, message: str) -> None:
        pass

    return Context(
        hub=hub,
        catalogue=load_catalogue(),
        session="test",
        grant="local",
        progress=progress,
        abandoned=lambda: False,
    )


@pytest.fixture
def ask_as(context: Context) -> Callable[..., Awaitable[Any]]:
    """Calls a tool as the gate does, for the caller of a grant; returns its answer as JSON."""

    async def call(grant: str, tool: Tool, /, **arguments: Any) -> Any:
        reply = await tool.run(tool.validate(arguments), replace(context, grant=grant))
        return reply.data.model_dump(mode="json", by_alias=True)

    return call


@pytest.fixture
def ask(ask_as: Callable[..., Awaitable[Any]]) -> Ask:
    """Calls a tool with arguments by their names on the wire; returns its answer as JSON."""
    return partial(ask_as, "local")
