"""GEOFON of the GFZ Helmholtz Centre in Potsdam: earthquakes of the world, located quickly and automatically.

https://geofon.gfz.de/fdsnws/event/1/; CC BY 4.0. It answers in FDSN text, and with 204 when there is nothing.
"""

from typing import TYPE_CHECKING, Final

from alya_mcp.net.answers import Body, Fetched
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.sources import fdsn

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

GFZ: Final = SOURCES["gfz"]
_EVENT: Final = "https://geofon.gfz.de/eqinfo/event.php?id={id}"
_PER_DAY: Final = 60


def most(hours: float) -> int:
    """How many earthquakes `recent` lists at most."""
    return (1 if hours <= 24 else 7) * _PER_DAY


async def recent(http: "Http", *, hours: float, magnitude: float) -> Fetched[list[Quake]]:
    """The newest earthquakes that it lists, as a rule of the last `hours`, some smaller than asked for."""
    least = 4.5 if magnitude >= 4.5 else 0.0
    return await http.get(
        GFZ,
        "/fdsnws/event/1/query",
        {"format": "text", "orderby": "time", "limit": most(hours), "minmag": least},
        read=_quakes,
        accept="text/plain",
        fresh_for=60,
        stale_for=7 * 86_400,
    )


def _quakes(body: Body) -> list[Quake]:
    return fdsn.read_text(body, link=_EVENT)
