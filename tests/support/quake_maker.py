"""Quakes for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alya_mcp.tools.earth.logic.quakes import Quake

START = datetime(2026, 2, 1, tzinfo=UTC)


def quake(
    seconds: float = 0, magnitude: float = 5.0, latitude: float = 40.0, longitude: float = 30.0, **more: Any
) -> Quake:
    """A quake `seconds` after START, with an identifier of its own time and place."""
    fields: dict[str, Any] = {
        "catalogue": "USGS",
        "id": f"{more.get('catalogue', 'USGS')}-{seconds}-{latitude}-{longitude}-{magnitude}",
        "time": START + timedelta(seconds=seconds),
        "latitude": latitude,
        "longitude": longitude,
        "depth_km": 10.0,
        "magnitude": magnitude,
        "magnitude_type": "mb",
        "place": None,
        "url": None,
    }
    return Quake(**(fields | more))
