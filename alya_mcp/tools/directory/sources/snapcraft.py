"""The Snap Store: applications for Linux, most of them open.

https://api.snapcraft.io/docs/search.html; it has no ratings.
"""

from typing import Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.directory.logic.apps import App

SNAPCRAFT: Final = SOURCES["snapcraft"]
_FIELDS: Final = "title,summary,description,publisher,categories,prices,store-url"
_PAGE: Final = "https://snapcraft.io/"


class _Publisher(Shape):
    name: str = Field("", alias="display-name")


class _Category(Shape):
    name: str


class _Snap(Shape):
    title: str
    summary: str = ""
    description: str = ""
    publisher: _Publisher | None = None
    categories: list[_Category] = Field(default_factory=list[_Category])
    prices: dict[str, float] | None = None


class _Result(Shape):
    name: str = Field(pattern=r"^[a-z0-9-]{1,60}$")
    snap: _Snap


class _Found(Shape):
    results: Records[_Result]


async def search(http: Http, term: str) -> Fetched[list[App]]:
    """Search applications by a term."""
    return await http.get(
        SNAPCRAFT,
        "/v2/snaps/find",
        {"q": term, "fields": _FIELDS},
        read=_apps,
        headers={"Snap-Device-Series": "16"},
        fresh_for=6 * 3600,
        stale_for=7 * 86_400,
    )


def _apps(body: Body) -> list[App]:
    return [
        App(
            name=each.snap.title,
            publisher=each.snap.publisher.name if each.snap.publisher else "",
            genres=tuple(category.name for category in each.snap.categories),
            price=None if each.snap.prices is None else next(iter(each.snap.prices.values()), 0.0),
            currency=next(iter(each.snap.prices or {}), None),
            rating=None,
            ratings=None,
            url=f"{_PAGE}{each.name}",
            description=f"{each.snap.summary}. {each.snap.description}",
            platform="linux",
            source=SNAPCRAFT.title,
        )
        for each in body.json(_Found).results
    ]
