"""Servers for the protocol's tests: a shared one for what only reads, and one of badly behaved tools."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, Servers, environment, expect_nothing_running
from scene import ALLOW_ALL, ODD_SERVER, SECRET, official_client, write_policy


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawClient]:
    """An initialised server of the real catalogue that allows everything; leave it as it is."""
    folder = tmp_path_factory.mktemp("shared")
    home = folder / "home"
    home.mkdir(mode=0o700)
    write_policy(home, ALLOW_ALL)
    with RawClient(environment(home), folder / "stderr") as client:
        client.initialize()
        yield client
        assert client.alive()
    expect_nothing_running(home)


@pytest.fixture
def start_odd(start_server: Servers, alya_home: Path) -> Callable[..., RawClient]:
    """Starts a server of the odd tools, which knows a secret, under a policy that allows them all."""

    def start(policy: Mapping[str, Any] = ALLOW_ALL, **options: Any) -> RawClient:
        write_policy(alya_home, policy)
        client = start_server(command=ODD_SERVER, extra={"AWS_SECRET_ACCESS_KEY": SECRET}, **options)
        if options.get("reading", True):
            client.initialize()
        return client

    return start


@pytest.fixture
def connect(alya_env: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Connects the official client to a server that uses `alya_home`: `connect(mode, *arguments)`."""

    def start(mode: str, *arguments: str, **options: Any) -> Any:
        return official_client(alya_env, tmp_path / "official.stderr", mode, *arguments, **options)

    return start
