"""Stores of three kinds behind one interface, on real servers, and a clean slate of AWS settings."""

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import botocore.loaders
import pytest
import s3_servers
from pictures import end_store_process, settings_for
from s3_servers import S3Server

from alya_mcp.settings import Settings
from alya_mcp.storage import open_store
from alya_mcp.storage.store import Store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Parts of botocore still call functions that newer Pythons deprecate."""
    for item in items:
        item.add_marker(
            pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning:botocore")
        )


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "ALYA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


@pytest.fixture(scope="session", autouse=True)
def descriptions_of_aws_read_once() -> Generator[None]:
    """Each store makes a botocore session of its own; reading what AWS offers takes most of that time."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", lambda *_: loader)
        yield


@pytest.fixture
def home(tmp_path: Path) -> Generator[Path]:
    """An ALYA_HOME that doesn't exist yet, with a space in its name; its store process ends with the test."""
    folder = tmp_path / "a home"
    yield folder
    end_store_process(folder)


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_servers.rclone(tmp_path_factory.mktemp("rclone") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_servers.swift(tmp_path_factory.mktemp("swift") / "data") as server:
        yield server


@pytest.fixture(params=["rclone", "swift"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["local", "rclone", "swift"])
async def store(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Store]:
    """A store of each kind, whose pictures go below `some where` in a bucket."""
    settings = Settings(home=home)
    if request.param != "local":
        server: S3Server = request.getfixturevalue(request.param)
        for name, value in server.credentials().items():
            monkeypatch.setenv(name, value)
        settings = settings_for(server, home, prefix="some where/a+b")
    opened = open_store(settings)
    yield opened
    await opened.aclose()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> None:
    """The environment has valid credentials for `s3_server`."""
    for name, value in s3_server.credentials().items():
        monkeypatch.setenv(name, value)
