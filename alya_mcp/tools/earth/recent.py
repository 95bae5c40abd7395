"""`alya_seismic_recent`: recent earthquakes, from three catalogues."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, none_answered
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.earth.logic.quakes import Merged, Quake, merge


class SeismicRequest(Input):
    """Which earthquakes to list."""

    hours: int = Field(24, ge=1, le=168, description="How many hours back; 168 is a week.")
    limit: int = Field(20, ge=1, le=100, description="How many to return at most, the newest first.")
    min_magnitude: float = Field(4.0, ge=0, le=10, description="Leave smaller ones out.")


class CatalogueReport(Output):
    """One catalogue's report of an earthquake."""

    source: str = Field(description="Name of the catalogue.")
    magnitude: float = Field(description="The magnitude that it gives.")
    magnitude_type: str | None = Field(description="Its scale, such as Mww, mb or ML.")
    url: str | None = Field(description="Its page about the earthquake.")


class RecentQuake(Output):
    """One earthquake, as the preferred catalogue has it."""

    magnitude: float = Field(description="Preferred magnitude: a moment magnitude where there is one.")
    magnitude_type: str | None = Field(description="Its scale, such as Mww, mb or ML.")
    place: str | None = Field(description="Where it was, in the catalogue's words.")
    latitude: float = Field(description="Latitude of the epicentre in degrees.")
    longitude: float = Field(description="Longitude of the epicentre in degrees.")
    depth_km: float | None = Field(description="Depth in km.")
    time: AwareDatetime = Field(description="When it was (UTC).")
    sources: list[str] = Field(description="Every catalogue that has it, the preferred one first.")
    url: str | None = Field(description="The preferred catalogue's page about it.")
    reviewed: bool | None = Field(description="Whether a seismologist looked at it; null where nobody says.")
    reports: list[CatalogueReport] = Field(description="What each catalogue says of it.")


class RecentQuakes(Output):
    """Earthquakes of the last hours, each once."""

    quakes: list[RecentQuake] = Field(description="Earthquakes, the newest first.")
    total: int = Field(description="How many there were in all; more than quakes when limit cut them.")
    since: AwareDatetime = Field(description="Start of the time that was looked at (UTC).")
    min_magnitude: float = Field(description="Smaller ones were left out.")
    complete: bool = Field(
        description="False when a catalogue failed, gave an old answer or something unreadable, or didn't "
        "reach back to since: see sources."
    )
    fetched_at: AwareDatetime = Field(description="When the oldest of the answers used was fetched (UTC).")
    sources: list[Provenance] = Field(description="The catalogues asked, and what came of it.")


@tool(
    title="Recent earthquakes",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def alya_seismic_recent(arguments: SeismicRequest, context: Context) -> RecentQuakes:
    """List the world's recent earthquakes, merged from the catalogues of USGS, EMSC and GFZ, each once.

    Use it for "was there an earthquake", "what shook" and lists of the last hours up to a week. Use
    alya_seismic_forecast for the chance of earthquakes to come around a place. Below magnitude 4 the list is
    dense in some countries and thin in others, since local networks differ; a quake can appear some minutes
    after it happened, and its magnitude can change. It has nothing older than a week and gives no warnings.

    Returns each quake once with magnitude, place, depth and time of the preferred catalogue, what each
    catalogue says, and which catalogues answered: `complete` is false when one failed, an older answer
    stands in or a list doesn't reach back. Asks the catalogues at most once a minute.
    """
    from alya_mcp.tools.earth.sources import catalogues

    http, now = context.hub.http, datetime.now(UTC)
    asked = await catalogues.recent(http, hours=arguments.hours, magnitude=arguments.min_magnitude)
    answers = [answer for _, answer in asked if isinstance(answer, Fetched)]
    if not answers:
        failures = [answer for _, answer in asked if isinstance(answer, Unavailable)]
        raise none_answered("No catalogue of earthquakes answered", failures)
    since = now - timedelta(hours=arguments.hours)
    short = {
        answer.source: catalogues.shortfall(answer, hours=arguments.hours, since=since) for answer in answers
    }
    asked_for = (arguments.hours, arguments.min_magnitude)
    made_of = ("recent", *asked_for, *((answer.source.key, answer.fetched_at) for answer in answers))
    merged = http.memo.get(
        made_of, lambda: _strong(merge([answer.value for answer in answers]), arguments.min_magnitude)
    )
    first = bisect_left(merged, -now.timestamp(), key=_before)
    end = bisect_right(merged, -since.timestamp(), key=_before)
    shown = merged[first : min(end, first + arguments.limit)]
    return RecentQuakes(
        quakes=http.memo.get((*made_of, first, len(shown)), lambda: [_recent(each) for each in shown]),
        total=end - first,
        since=since,
        min_magnitude=arguments.min_magnitude,
        complete=len(answers) == len(asked)
        and not any(answer.stale or answer.left_out or short[answer.source] for answer in answers),
        fetched_at=min(answer.fetched_at for answer in answers),
        sources=[
            _provenance(answer, short[source]) if isinstance(answer, Fetched) else failed(source, answer)
            for source, answer in asked
        ],
    )


def _provenance(answer: "Fetched[list[Quake]]", short: str | None) -> Provenance:
    came = provenance(answer)
    said = [each for each in (came.problem, short and f"{answer.source.title} {short}") if each]
    return came.model_copy(update={"problem": "; ".join(said) or None})


def _strong(merged: list[Merged], least: float) -> list[Merged]:
    return [each for each in merged if each.preferred.magnitude >= least]


def _before(merged: Merged) -> float:
    """Grows along a list that has the newest first."""
    return -merged.preferred.time.timestamp()


def _recent(merged: Merged) -> RecentQuake:
    quake = merged.preferred
    return RecentQuake(
        magnitude=quake.magnitude,
        magnitude_type=quake.magnitude_type,
        place=quake.place or next((report.place for report in merged.reports if report.place), None),
        latitude=quake.latitude,
        longitude=quake.longitude,
        depth_km=quake.depth_km,
        time=quake.time,
        sources=[report.catalogue for report in merged.reports],
        url=quake.url,
        reviewed=quake.reviewed,
        reports=[
            CatalogueReport(
                source=report.catalogue,
                magnitude=report.magnitude,
                magnitude_type=report.magnitude_type,
                url=report.url,
            )
            for report in merged.reports
        ],
    )
