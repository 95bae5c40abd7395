"""`alya_seismic_forecast`: the probability of earthquakes around a place."""

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from pydantic import Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, SourceFailed, all_answers
from alya_mcp.toolkit.models import Input
from alya_mcp.toolkit.provenance import provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.earth.forecast_answer import (
    METHOD,
    Official,
    OfficialRow,
    SeismicForecast,
    background_model,
    magnitude_row,
    notice_of,
    parameters_of,
    used_quakes,
)
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.logic.regimes import REGIMES, RegimeName, completeness

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.tools.earth.logic.background import Background
    from alya_mcp.tools.earth.logic.forecast import Active, ForecastRow
    from alya_mcp.tools.earth.sources.catalogues import CatalogueAnswer

_BACKGROUND_YEARS = 25
_GREAT, _MARGIN_KM, _GREAT_MARGIN_KM = 8.0, 200.0, 2000.0
"""How far beyond the circle mainshocks are looked for: as far as the aftershocks of a `_GREAT` one reach, and
those of a greater one (`aftershocks.search_radius_km`)."""
_HIGHEST_ROW = 8.0
_LONGEST_SECONDS = 45.0
"""All requests together; a client may end a call after 60 s."""

T = TypeVar("T")


class ForecastRequest(Input):
    """Where and for how long."""

    latitude: float = Field(ge=-90, le=90, description="Latitude of the place in degrees.")
    longitude: float = Field(ge=-180, le=180, description="Longitude of the place in degrees.")
    radius_km: float = Field(100, ge=10, le=500, description="Earthquakes within this distance count.")
    hours: int = Field(72, ge=1, le=8760, description="From now, how many hours ahead.")
    min_magnitude: float = Field(
        4.0, ge=3, le=8, description="Smallest magnitude; rows follow in steps of one up to 8."
    )
    regime: RegimeName | None = Field(
        None, description="Tectonic regime of the aftershocks, where you know better than depth alone tells."
    )


@tool(
    title="Chance of earthquakes",
    category="Read",
    risk="Medium",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def alya_seismic_forecast(arguments: ForecastRequest, context: Context) -> SeismicForecast:
    """Give the probability of earthquakes around a place in the next hours (72 by default), with its method.

    Probabilistic, not a prediction: it says how likely earthquakes are, never that one comes; pass `notice`
    on with the numbers. Use it for "how likely is an aftershock" or "what is the risk around here this week".
    Use alya_seismic_recent for earthquakes that already happened. It isn't a warning and says nothing of
    shaking or damage.

    Takes the aftershocks of the sequence under way, if there is one (Reasenberg and Jones, updated with what
    was observed), and the background of 25 years of catalogue. Returns per magnitude the expected count, the
    probability of one or more and a 95 % interval, with both parts apart; the regime, the parameters and the
    earthquakes they rest on; and the USGS's own forecast beside it where it published one. The
    first call for a place takes some seconds, later ones are quick.
    """
    return await forecast_within(_LONGEST_SECONDS, arguments, context)


async def forecast_within(seconds: float, arguments: ForecastRequest, context: Context) -> SeismicForecast:
    """The forecast, or a failure when the catalogues take longer than `seconds`, all together.

    Raises:
        Unavailable: they did, or one doesn't answer and has no kept answer.
    """
    try:
        with anyio.fail_after(seconds):
            return await _forecast(arguments, context)
    except TimeoutError:
        raise Unavailable(
            f"The catalogues of earthquakes answer too slowly for a forecast within {seconds:g} s. "
            "Call again in a minute: what came until now is kept and needn't come again"
        ) from None


async def _forecast(arguments: ForecastRequest, context: Context) -> SeismicForecast:
    from alya_mcp.tools.earth.logic import forecast
    from alya_mcp.tools.earth.logic.background import background
    from alya_mcp.tools.earth.sources import catalogues

    http, now = context.hub.http, datetime.now(UTC).replace(second=0, microsecond=0)
    circle = forecast.Circle(
        latitude=arguments.latitude, longitude=arguments.longitude, radius_km=arguments.radius_km
    )
    place = (circle.latitude, circle.longitude)
    where, first = completeness(*place), datetime(now.year - _BACKGROUND_YEARS, 1, 1, tzinfo=UTC)
    # From the first of a month on: the same request, and so the same kept answer, for a month.
    last_year = (now - timedelta(days=forecast.LOOK_BACK_DAYS)).replace(day=1, hour=0, minute=0)
    lately, great, ever = _all(
        await all_answers(
            [
                partial(
                    catalogues.around, http, *place,
                    radius_km=circle.radius_km + _MARGIN_KM, since=last_year, magnitude=where.catalogue,
                ),
                partial(
                    catalogues.around, http, *place,
                    radius_km=circle.radius_km + _GREAT_MARGIN_KM, since=last_year, magnitude=_GREAT,
                ),
                partial(
                    catalogues.over_years, http, *place,
                    radius_km=circle.radius_km, since=first, magnitude=where.catalogue,
                ),
            ]
        )
    )  # fmt: skip
    used = [lately, great, ever]
    mainshocks = list({quake.id: quake for quake in (*great.value, *lately.value)}.values())
    question = (arguments.model_dump_json(), now)
    regime = REGIMES[arguments.regime] if arguments.regime else None

    since = catalogues.since_when(ever, first)

    def look() -> "tuple[Background, Active | None]":
        active = forecast.find_active(mainshocks, circle, now=now, hours=arguments.hours, regime=regime)
        return background(ever.value, since=since, until=now, completeness=where.catalogue), active

    quiet, active = await _made(http, ("background", *question), used, look)
    official, official_problem = None, None
    after: list[Quake] = []
    if active is not None:
        main = active.mainshock
        answer = await catalogues.around(
            http,
            main.latitude,
            main.longitude,
            radius_km=active.radius_km,
            since=main.time,
            magnitude=active.completeness.catalogue,
        )
        used.append(answer)
        after = answer.value
        official, official_problem = await _official(http, main, now)

    def work_out() -> "tuple[Active | None, list[ForecastRow]]":
        steps = int(_HIGHEST_ROW - arguments.min_magnitude)
        magnitudes = [arguments.min_magnitude + step for step in range(steps + 1)]
        updated = forecast.count_aftershocks(active, after) if active else None
        return updated, forecast.rows(quiet, updated, hours=arguments.hours, magnitudes=magnitudes)

    active, rows = await _made(http, ("rows", *question), used, work_out)
    newest = [answer for answer in used if answer is not ever]
    return SeismicForecast(
        notice=notice_of(newest),
        start=now,
        end=now + timedelta(hours=arguments.hours),
        latitude=circle.latitude,
        longitude=circle.longitude,
        radius_km=circle.radius_km,
        magnitudes=[magnitude_row(row) for row in rows],
        regime=active.regime.name if active else None,
        regime_chosen=active.chosen if active else None,
        parameters=parameters_of(active) if active else None,
        background=background_model(quiet, where.region, arguments.min_magnitude),
        events=used_quakes(active) if active else [],
        official=official,
        official_problem=official_problem,
        method=list(METHOD),
        complete=not any(answer.stale for answer in newest),
        fetched_at=min(answer.fetched_at for answer in used),
        sources=[provenance(answer) for answer in used],
    )


def _all(answers: "list[CatalogueAnswer | Unavailable]") -> "list[CatalogueAnswer]":
    """The answers; there is no forecast without one of them, which could hide a sequence."""
    found: list[Fetched[list[Quake]]] = []
    for answer in answers:
        if isinstance(answer, Unavailable):
            raise answer
        found.append(answer)
    return found


async def _made(http: "Http", question: Hashable, used: "list[CatalogueAnswer]", make: Callable[[], T]) -> T:
    """What `make` works out in a thread, once for the same question and the same answers."""
    key = (question, *(answer.fetched_at for answer in used))
    return await http.memo.get_slow(key, partial(anyio.to_thread.run_sync, make))


async def _official(http: "Http", main: Quake, now: datetime) -> tuple[Official | None, str | None]:
    """The USGS's own forecast for a mainshock, or why there should be one and isn't."""
    if not main.has_forecast:
        return None, None
    from alya_mcp.tools.earth.sources import usgs

    try:
        found = (await usgs.official_forecast(http, main.id)).value
    except SourceFailed as failure:
        return None, str(failure)
    if found is None:
        return None, None
    rows = [
        OfficialRow(
            window=window.label[:40],
            start=_of_milliseconds(window.start),
            end=_of_milliseconds(window.end),
            magnitude=each.magnitude,
            probability=each.probability,
            low=each.p95minimum,
            median=each.median,
            high=each.p95maximum,
        )
        for window in found.windows
        for each in window.bins
    ]
    created, expires = _of_milliseconds(found.created), _of_milliseconds(found.expires)
    return Official(created_at=created, expired=expires <= now, url=main.url, rows=rows), None


def _of_milliseconds(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC)
