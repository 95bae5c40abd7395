"""What every folder of tests shares: a fresh home, servers on real pipes, and who draws with a tiny model."""

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gallery as galleries
import pytest
import tiny_families
import tiny_flux
from gallery import Gallery
from hypothesis import settings
from raw_client import Servers, environment, expect_nothing_running

# As many processes test at once as there are cores: one thread each is quickest, and one that spins while it
# waits for its like takes the core from another test. Read when torch is imported, here and in every child.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The same examples in every run, so that a change fails by what it changed; test_slow.sh draws others.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage has to look through torch and diffusers again."""
    gc.freeze()


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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny FLUX pipeline; leave it as it is."""
    return tiny_flux.build(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_klein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny FLUX.2-klein pipeline; leave it as it is."""
    return tiny_families.klein(tmp_path_factory.mktemp("models") / "tiny-klein")


@pytest.fixture(scope="session")
def tiny_z_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Z-Image pipeline; leave it as it is."""
    return tiny_families.z_image(tmp_path_factory.mktemp("models") / "tiny-z-image")


@pytest.fixture(scope="session")
def tiny_model(tiny: Path) -> str:
    """The same folder, as ALYA_IMAGE_MODEL takes it."""
    return str(tiny)


@pytest.fixture(scope="session")
def gallery(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A server that draws with the tiny model, whose home and worker many tests share."""
    with galleries.opened(tiny_model, tmp_path_factory.mktemp("gallery")) as gallery:
        yield gallery
