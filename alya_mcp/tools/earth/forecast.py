"""The chance of earthquakes around a place."""

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import anyio
import anyio.to_thread
from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, SourceFailed, all_answers
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.provenance import Provenance, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.logic.regimes import REGIMES, RegimeName, completeness

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.tools.earth.logic.background import Background
    from alya_mcp.tools.earth.logic.forecast import Active, ForecastRow
    from alya_mcp.tools.earth.sources.catalogues import CatalogueAnswer

NOT_A_PREDICTION = (
    "Probabilistic, not a prediction: nobody can say when, where or how strong the next earthquake will be. "
    "Official warnings and advice come from the authorities of the place."
)
_BACKGROUND_YEARS = 25
_GREAT, _MARGIN_KM, _GREAT_MARGIN_KM = 8.0, 200.0, 2000.0
"""How far beyond the circle mainshocks are looked for: as far as the aftershocks of a `_GREAT` one reach, and
those of a greater one (`aftershocks.search_radius_km`)."""
_HIGHEST_ROW = 8.0
_EVENTS_SHOWN = 10
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


class ForecastComponent(Output):
    """One part of the expected earthquakes."""

    expected_count: float = Field(description="Expected number.")
    probability: float = Field(description="Probability of one or more, from 0 to 1.")


class CountInterval(Output):
    """Range of the number of earthquakes, of both parts together."""

    low: int = Field(description="2.5 % fractile: with 97.5 % probability there are this many or more.")
    median: int = Field(description="Median.")
    high: int = Field(description="97.5 % fractile: with 97.5 % probability there are no more than this.")


class MagnitudeRow(Output):
    """The forecast for one magnitude and above."""

    magnitude: float = Field(description="This magnitude or more.")
    expected_count: float = Field(description="Expected number of earthquakes.")
    probability: float = Field(description="Probability of one or more, from 0 to 1.")
    interval: CountInterval = Field(description="95 % interval of their number.")
    background: ForecastComponent = Field(description="The part that comes without any sequence.")
    aftershocks: ForecastComponent | None = Field(
        description="The part of the active sequence; null when there is none."
    )


class Parameters(Output):
    """Parameters of the aftershock model."""

    a_mean: float = Field(description="Mean productivity a, with the observed aftershocks.")
    a_sigma: float = Field(description="Its standard deviation.")
    generic_a_mean: float = Field(description="Mean productivity of the regime, before any observation.")
    b: float = Field(description="Slope of magnitudes.")
    p: float = Field(description="Decay in time (Omori).")
    c_days: float = Field(description="Omori's c in days.")
    observed: int = Field(description="Aftershocks above the completeness that were taken into account.")
    days: float = Field(description="Days since the mainshock.")
    area_radius_km: float = Field(description="Aftershocks are those within this distance of the mainshock.")
    share: float = Field(description="Part of that area inside the circle asked about, from 0 to 1.")


class BackgroundModel(Output):
    """How the background rate was found."""

    independent_events: int = Field(description="Earthquakes counted, without those of sequences.")
    listed_events: int = Field(description="Earthquakes in the catalogue, with those of sequences.")
    years: float = Field(description="Years of catalogue.")
    completeness: float = Field(description="Magnitude from which on the catalogue misses nothing.")
    region: str = Field(description="Network whose completeness that is.")
    b: float = Field(description="Slope of magnitudes (Gutenberg-Richter).")
    b_estimated: bool = Field(description="False when too few events left b at 1.")
    per_year: float = Field(description="Expected earthquakes of minMagnitude or more a year.")


class UsedQuake(Output):
    """An earthquake that the forecast rests on."""

    role: Literal["mainshock", "aftershock"] = Field(description="Its part in the sequence.")
    magnitude: float = Field(description="Magnitude.")
    time: AwareDatetime = Field(description="When it was (UTC).")
    latitude: float = Field(description="Latitude in degrees.")
    longitude: float = Field(description="Longitude in degrees.")
    place: str | None = Field(description="Where it was, in the catalogue's words.")
    url: str | None = Field(description="The catalogue's page about it.")


class OfficialRow(Output):
    """A row of the official forecast."""

    window: str = Field(description="Its window, such as 1 Week.")
    start: AwareDatetime = Field(description="Start of the window (UTC).")
    end: AwareDatetime = Field(description="End of the window (UTC).")
    magnitude: float = Field(description="This magnitude or more.")
    probability: float = Field(description="Probability of one or more, from 0 to 1.")
    low: float | None = Field(description="Start of the 95 % range of their number.")
    median: float | None = Field(description="Median of their number.")
    high: float | None = Field(description="End of the 95 % range of their number.")


class Official(Output):
    """The USGS's own aftershock forecast for the mainshock, for its whole aftershock area."""

    created_at: AwareDatetime = Field(description="When the USGS made it (UTC).")
    expired: bool = Field(description="True when the USGS means it to be replaced by now.")
    url: str | None = Field(description="The USGS's page about the mainshock.")
    rows: list[OfficialRow] = Field(description="Its rows.")


class SeismicForecast(Output):
    """The chance of earthquakes around a place."""

    notice: str = Field(description="What the numbers are and aren't; show it with them.")
    start: AwareDatetime = Field(description="Start of the forecast (UTC).")
    end: AwareDatetime = Field(description="End of the forecast (UTC).")
    latitude: float = Field(description="Latitude of the place.")
    longitude: float = Field(description="Longitude of the place.")
    radius_km: float = Field(description="Radius around it in km.")
    magnitudes: list[MagnitudeRow] = Field(description="One row per magnitude.")
    regime: str | None = Field(description="Regime of the active sequence; null when there is none.")
    regime_chosen: str | None = Field(description="How the regime was chosen.")
    parameters: Parameters | None = Field(description="Aftershock model; null without an active sequence.")
    background: BackgroundModel = Field(description="Background model.")
    events: list[UsedQuake] = Field(description="Mainshock and the largest aftershocks that were used.")
    official: Official | None = Field(description="The USGS's own forecast, where it published one.")
    official_problem: str | None = Field(description="Why an official forecast couldn't be read.")
    method: list[str] = Field(description="How the numbers were made, and what was assumed.")
    complete: bool = Field(
        description="False when an old list of the newest earthquakes stands in: see notice and sources."
    )
    fetched_at: AwareDatetime = Field(description="When the oldest of the answers used was fetched (UTC).")
    sources: list[Provenance] = Field(description="The catalogues used.")


_METHOD = (
    """Aftershocks: Reasenberg and Jones (1989, 1994) with the generic parameters of Page et al. (2016) \
for the regime, updated by Bayes' rule with the aftershocks observed above the completeness of their time.""",
    """Background: a Poisson process with the rate of the catalogue, declustered after Gardner and Knopoff \
(1974), and the slope b (Aki 1965, Utsu 1966); the rate is as uncertain as so few events leave it.""",
    """Assumed: one sequence at a time, the one that promises most; its aftershocks spread evenly over its \
area; magnitudes below the completeness and above the largest observed follow the same slope.""",
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
    try:
        with anyio.fail_after(_LONGEST_SECONDS):
            return await _forecast(arguments, context)
    except TimeoutError:
        raise Unavailable(
            f"The catalogues of earthquakes answer too slowly for a forecast within {_LONGEST_SECONDS:g} s. "
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
        notice=_notice(newest),
        start=now,
        end=now + timedelta(hours=arguments.hours),
        latitude=circle.latitude,
        longitude=circle.longitude,
        radius_km=circle.radius_km,
        magnitudes=[_row(row) for row in rows],
        regime=active.regime.name if active else None,
        regime_chosen=active.chosen if active else None,
        parameters=_parameters(active) if active else None,
        background=_background(quiet, where.region, arguments.min_magnitude),
        events=_events(active) if active else [],
        official=official,
        official_problem=official_problem,
        method=list(_METHOD),
        complete=not any(answer.stale for answer in newest),
        fetched_at=min(answer.fetched_at for answer in used),
        sources=[provenance(answer) for answer in used],
    )


def _notice(newest: "list[CatalogueAnswer]") -> str:
    """What the numbers are and aren't; a sequence that began after an old list isn't in them."""
    old = [answer.fetched_at for answer in newest if answer.stale]
    if not old:
        return NOT_A_PREDICTION
    since = f"{min(old):%Y-%m-%d %H:%M} UTC"
    return (
        f"{NOT_A_PREDICTION} No catalogue answers now: the numbers know nothing of earthquakes since {since}."
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


def _row(row: "ForecastRow") -> MagnitudeRow:
    low, median, high = row.fractiles
    after = row.aftershocks
    return MagnitudeRow(
        magnitude=row.magnitude,
        expected_count=row.together.mean,
        probability=row.together.any,
        interval=CountInterval(low=low, median=median, high=high),
        background=ForecastComponent(expected_count=row.background.mean, probability=row.background.any),
        aftershocks=None
        if after is None
        else ForecastComponent(expected_count=after.mean, probability=after.any),
    )


def _parameters(active: "Active") -> Parameters:
    regime, sequence = active.regime, active.sequence
    return Parameters(
        a_mean=sequence.a_mean,
        a_sigma=sequence.a_sigma,
        generic_a_mean=regime.a_mean,
        b=regime.b,
        p=regime.p,
        c_days=regime.c,
        observed=len(active.counted),
        days=active.days,
        area_radius_km=active.radius_km,
        share=active.share,
    )


def _background(quiet: "Background", region: str, magnitude: float) -> BackgroundModel:
    return BackgroundModel(
        independent_events=quiet.events,
        listed_events=quiet.listed,
        years=quiet.years,
        completeness=quiet.completeness,
        region=region,
        b=quiet.b,
        b_estimated=quiet.b_estimated,
        per_year=quiet.per_year(magnitude),
    )


def _events(active: "Active") -> list[UsedQuake]:
    def used(quake: Quake, role: Literal["mainshock", "aftershock"]) -> UsedQuake:
        return UsedQuake(
            role=role,
            magnitude=quake.magnitude,
            time=quake.time,
            latitude=quake.latitude,
            longitude=quake.longitude,
            place=quake.place,
            url=quake.url,
        )

    largest = active.counted[:_EVENTS_SHOWN]
    return [used(active.mainshock, "mainshock"), *(used(quake, "aftershock") for quake in largest)]


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
