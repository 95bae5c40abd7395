"""A source on the loopback interface, and the client with every source moved there."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import loopback_source
import pytest
from loopback_source import LoopbackSource
from moved import Clock, moved_here

from alya_mcp.net.client import Http


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource, clock: Clock) -> AsyncIterator[Http]:
    client = moved_here(tmp_path, source, clock)
    yield client
    await client.aclose()
