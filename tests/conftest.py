"""What every folder of tests shares: a fresh home and servers on real pipes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from raw_client import Servers, environment, expect_nothing_running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def alya_home(tmp_path: Path) -> Iterator[Path]:
    """An empty ALYA_HOME; afterwards nothing that used it may still run."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yield home
    expect_nothing_running(home)


@pytest.fixture
def alya_env(alya_home: Path) -> dict[str, str]:
    """The environment of a server that uses `alya_home`."""
    return environment(alya_home)


@pytest.fixture
def start_server(alya_home: Path, tmp_path: Path) -> Iterator[Servers]:
    """Starts servers on real pipes; they end with the test."""
    with ExitStack() as running:
        yield Servers(alya_home, tmp_path, running)
