"""The answer of alya_seismic_forecast, and how it is made of the models' results."""

from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import Output
from alya_mcp.toolkit.provenance import Provenance
from alya_mcp.tools.earth.logic.quakes import Quake

if TYPE_CHECKING:
    from alya_mcp.tools.earth.logic.background import Background
    from alya_mcp.tools.earth.logic.forecast import Active, ForecastRow
    from alya_mcp.tools.earth.sources.catalogues import CatalogueAnswer

NOT_A_PREDICTION = (
    "Probabilistic, not a prediction: nobody can say when, where or how strong the next earthquake will be. "
    "Official warnings and advice come from the authorities of the place."
)

METHOD = (
    """Aftershocks: Reasenberg and Jones (1989, 1994) with the generic parameters of Page et al. (2016) \
for the regime, updated by Bayes' rule with the aftershocks observed above the completeness of their time.""",
    """Background: a Poisson process with the rate of the catalogue, declustered after Gardner and Knopoff \
(1974), and the slope b (Aki 1965, Utsu 1966); the rate is as uncertain as so few events leave it.""",
    """Assumed: one sequence at a time, the one that promises most; its aftershocks spread evenly over its \
area; magnitudes below the completeness and above the largest observed follow the same slope.""",
)

_EVENTS_SHOWN = 10


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
    """The probability of earthquakes around a place."""

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


def notice_of(newest: "list[CatalogueAnswer]") -> str:
    """What the numbers are and aren't, and since when they know no earthquakes if a list is old."""
    old = [answer.fetched_at for answer in newest if answer.stale]
    if not old:
        return NOT_A_PREDICTION
    since = f"{min(old):%Y-%m-%d %H:%M} UTC"
    return (
        f"{NOT_A_PREDICTION} No catalogue answers now: the numbers know nothing of earthquakes since {since}."
    )


def magnitude_row(row: "ForecastRow") -> MagnitudeRow:
    """The forecast for one magnitude."""
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


def parameters_of(active: "Active") -> Parameters:
    """The parameters of the aftershock model of a sequence."""
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


def background_model(quiet: "Background", region: str, magnitude: float) -> BackgroundModel:
    """The background model, with its rate at `magnitude` and above."""
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


def used_quakes(active: "Active") -> list[UsedQuake]:
    """The mainshock and the largest of its aftershocks."""

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
