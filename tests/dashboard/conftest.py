from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_stand_in import HOST, Browser

from alya_mcp.dashboard.app import build
from alya_mcp.dashboard.guard import Guard
from alya_mcp.dashboard.live import Streams
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.sign_in import Links
from alya_mcp.settings import Settings


@pytest.fixture
def services(alya_home: Path) -> Iterator[Services]:
    """What the pages are made of, on a fresh home whose log nobody follows but the test."""
    services = Services(Settings(home=alya_home))
    yield services
    services.close()


@pytest.fixture
def links(alya_home: Path) -> Links:
    return Links(alya_home / "dashboard" / "links")


@pytest.fixture
def app(services: Services, links: Links) -> Guard:
    return build(services, links, (HOST, "localhost:8000"), streams=Streams(look=0.01, beat=0.05))


@pytest.fixture
async def user(app: Guard, links: Links) -> Browser:
    """A browser that is signed in."""
    browser = Browser(app)
    assert (await browser.sign_in(links.make())).status == 200
    return browser
