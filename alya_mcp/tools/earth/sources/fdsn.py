"""The text format and numbers that the FDSN event services of several centres share.

The columns are named in a header line and separated by `|`; which ones there are, and their order, differs.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from alya_mcp.net.answers import Body, ChangedShape
from alya_mcp.net.records import OddRecord
from alya_mcp.settings.providers import Source
from alya_mcp.tools.earth.logic.quakes import Quake

_NEEDED: Final = ("eventid", "time", "latitude", "longitude", "magnitude")
PLACE_LENGTH: Final = 200
"""Characters of a place's name; a longer one is cut."""


def read_text(body: Body, *, link: str | None = None) -> list[Quake]:
    """The quakes of an answer in FDSN text format. `link` is an event's page, with `{id}` in it.

    Lines without a magnitude, and events whose type says that they aren't earthquakes, are left out.

    Raises:
        ChangedShape: it isn't that format.
    """
    source = body.source
    if body.nothing:
        return []
    lines = [line for line in body.text().splitlines() if line.strip()] or [""]
    names = [name.strip().lower() for name in lines[0].lstrip("#").split("|")]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        kind = "a web page" if "<" in lines[0] else "another text"
        raise ChangedShape(source, f"answered {kind} instead of a list with the column {missing[0]}")

    def quake(line: str) -> Quake | None:
        row = dict(zip(names, (value.strip() for value in line.split("|")), strict=False))
        if not row.get("magnitude") or not is_earthquake(row.get("eventtype")):
            return None
        return _quake(source, row, link)

    return body.made((line for line in lines[1:] if not line.startswith("#")), quake)


def is_earthquake(kind: str | None) -> bool:
    """Whether an event type is an earthquake's, or is left unsaid."""
    return not kind or "earthquake" in kind.lower()


def moment(text: str) -> datetime:
    """A time in UTC, with or without saying so, with any number of decimals.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def place(text: str | None) -> str | None:
    """A place's name, cut; None when there is none."""
    return (text or "").strip()[:PLACE_LENGTH] or None


def possible(quake: Quake) -> Quake:
    """The quake as it is.

    Raises:
        OddRecord: its place, depth or magnitude can't be.
    """
    depth = quake.depth_km
    if not (abs(quake.latitude) <= 90 and abs(quake.longitude) <= 180):
        raise OddRecord(f"an earthquake at {quake.latitude:g}, {quake.longitude:g}")
    if not -5 <= quake.magnitude <= 11 or not (depth is None or -100 < depth < 1000):
        deep = "" if depth is None else f", {depth:g} km deep"
        raise OddRecord(f"an earthquake of magnitude {quake.magnitude:g}{deep}")
    return quake


def _quake(source: Source, row: Mapping[str, str], link: str | None) -> Quake:
    depth = row.get("depth/km") or row.get("depth")
    return possible(
        Quake(
            catalogue=source.title,
            id=row["eventid"],
            time=moment(row["time"]),
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            depth_km=float(depth) if depth else None,
            magnitude=float(row["magnitude"]),
            magnitude_type=row.get("magtype") or None,
            place=place(row.get("eventlocationname")),
            url=link.replace("{id}", row["eventid"]) if link else None,
        )
    )
