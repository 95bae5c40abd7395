"""Earthquakes from whichever catalogue answers: all three at once, or the USGS and then the EMSC."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, all_answers, first_answer
from alya_mcp.settings.providers import Source
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.sources import emsc, gfz, usgs

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

CatalogueAnswer = Fetched[list[Quake]]
_ALL: Final = ((usgs.USGS, usgs.recent), (emsc.EMSC, emsc.recent), (gfz.GFZ, gfz.recent))
_MOST_RECENT: Final = {emsc.EMSC.key: emsc.most, gfz.GFZ.key: gfz.most}
_OTHERWISE: Final = "Without the catalogue there is no forecast."


def since_when(answer: CatalogueAnswer, asked: datetime, *, most: int | None = None) -> datetime:
    """From when on an answer is whole: as asked, or from its oldest event where it may have been cut.

    A few events of an answer are left out in reading, so one nearly as long as it can be counts as cut.
    """
    if len(answer.value) < 0.9 * (most or min(usgs.MOST_EVENTS, emsc.MOST_EVENTS)):
        return asked
    return max(asked, min(quake.time for quake in answer.value))


def shortfall(answer: CatalogueAnswer, *, hours: float, since: datetime) -> str | None:
    """Why an answer of `recent` lacks a part of the time from `since` on, as on a day with very many."""
    most = _MOST_RECENT.get(answer.source.key)
    if most is None or since_when(answer, since, most=most(hours)) <= since:
        return None
    return f"lists its {most(hours)} newest alone, which don't reach back to the start of the time"


async def recent(
    http: "Http", *, hours: float, magnitude: float
) -> list[tuple[Source, CatalogueAnswer | Unavailable]]:
    """What each catalogue has of the last `hours`, or why it has nothing, in order of preference."""
    answers = await all_answers([partial(ask, http, hours=hours, magnitude=magnitude) for _, ask in _ALL])
    return [(source, answer) for (source, _), answer in zip(_ALL, answers, strict=True)]


async def around(
    http: "Http", latitude: float, longitude: float, *, radius_km: float, since: datetime, magnitude: float
) -> CatalogueAnswer:
    """Earthquakes of `magnitude` or more within `radius_km` since a time, as they are now.

    Raises:
        Unavailable: neither catalogue answers, and neither has a kept answer.
    """
    circle = {"radius_km": radius_km, "since": since, "magnitude": magnitude}
    asks = [partial(source.around, http, latitude, longitude, **circle) for source in (usgs, emsc)]
    return await first_answer(asks, otherwise=_OTHERWISE)


async def over_years(
    http: "Http", latitude: float, longitude: float, *, radius_km: float, since: datetime, magnitude: float
) -> CatalogueAnswer:
    """The same over many years, at most a week old.

    Raises:
        Unavailable: neither catalogue answers, and neither has a kept answer.
    """
    circle = {"radius_km": radius_km, "since": since, "magnitude": magnitude}
    asks = [partial(ask, http, latitude, longitude, **circle) for ask in (usgs.catalogue, emsc.around)]
    return await first_answer(asks, otherwise=_OTHERWISE)
