"""Apple's App Store and Mac App Store.

https://developer.apple.com/library/archive/documentation/AudioVideo/Conceptual/iTuneSearchAPI/: about 20
requests a minute, more are answered with 403; its data is given to promote what the stores sell.
"""

from typing import Final, Literal

from pydantic import Field

from alya_mcp.net import urls as links
from alya_mcp.net.answers import Body, Fetched, Shape, SourceFailed, SourceRefused
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.directory.logic.apps import App, Platform

ITUNES: Final = SOURCES["itunes"]
_MOST: Final = 50


class _App(Shape):
    name: str = Field(alias="trackName")
    seller: str | None = Field(None, alias="sellerName")
    artist: str = Field("", alias="artistName")
    genre: str = Field(alias="primaryGenreName")
    genres: list[str] = Field(default_factory=list[str])
    price: float | None = None
    currency: str | None = None
    rating: float | None = Field(None, alias="averageUserRating")
    ratings: int | None = Field(None, alias="userRatingCount")
    url: str = Field(alias="trackViewUrl")
    description: str = ""


class _Found(Shape):
    results: Records[_App]


async def search(
    http: Http, term: str, *, platform: Literal["ios", "macos"], country: str
) -> Fetched[list[App]]:
    """At most 50 applications for a term, with the prices of the store of a country (two letters)."""
    try:
        return await http.get(
            ITUNES,
            "/search",
            {
                "term": term,
                "country": country,
                "entity": "software" if platform == "ios" else "macSoftware",
                "limit": _MOST,
            },
            read=_ios if platform == "ios" else _macos,
            accept="application/json, text/javascript",
            fresh_for=6 * 3600,
            stale_for=7 * 86_400,
        )
    except SourceRefused as refused:
        if refused.status == 403:
            raise SourceFailed(
                ITUNES, "answers 403, as it does when asked too often; wait a minute"
            ) from None
        raise


def _ios(body: Body) -> list[App]:
    return _apps(body, "ios")


def _macos(body: Body) -> list[App]:
    return _apps(body, "macos")


def _apps(body: Body, platform: Platform) -> list[App]:
    return [
        App(
            name=each.name,
            publisher=each.seller or each.artist,
            genres=tuple(dict.fromkeys([each.genre, *each.genres])),
            price=each.price,
            currency=each.currency,
            rating=each.rating if each.ratings else None,
            ratings=each.ratings,
            url=url,
            description=each.description,
            platform=platform,
            source=ITUNES.title,
        )
        for each in body.json(_Found).results
        if (url := links.shown(each.url)) is not None
    ]
