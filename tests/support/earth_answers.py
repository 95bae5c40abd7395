"""Documented answers of the earth's sources, hand-written after their documentation, quirks included."""

import json
from datetime import UTC, datetime
from typing import Any

from loopback_source import Reply

NOW = datetime.now(UTC).replace(microsecond=0)


def usgs_feature(
    id: str = "us7000abcd",  # noqa: A002
    mag: float | None = 5.1,
    place: str | None = "10 km W of Somewhere",
    seconds_ago: float = 3600,
    lon: float = 28.0,
    lat: float = 40.5,
    depth: float | None = 12.3,
    **properties: Any,
) -> dict[str, Any]:
    """A feature of USGS GeoJSON."""
    time = int((NOW.timestamp() - seconds_ago) * 1000)
    fields = {
        "mag": mag, "place": place, "time": time, "updated": time + 60_000, "tz": None,
        "url": f"https://earthquake.usgs.gov/earthquakes/eventpage/{id}",
        "detail": f"https://earthquake.usgs.gov/earthquakes/feed/v1.0/detail/{id}.geojson", "felt": None,
        "cdi": None, "mmi": None, "alert": None, "status": "reviewed", "tsunami": 0, "sig": 400, "net": "us",
        "code": id[2:], "ids": f",{id},", "sources": ",us,", "types": ",origin,phase-data,", "nst": 80,
        "dmin": 1.2, "rms": 0.7, "gap": 40, "magType": "mww", "type": "earthquake", "title": f"M {mag}",
    }  # fmt: skip
    return {
        "type": "Feature",
        "properties": fields | properties,
        "geometry": {"type": "Point", "coordinates": [lon, lat, depth]},
        "id": id,
    }


def usgs(*features: dict[str, Any]) -> dict[str, Any]:
    """A USGS feed or query answer."""
    return {
        "type": "FeatureCollection",
        "metadata": {"generated": 1_770_000_000_000, "status": 200, "api": "1.14.1", "count": len(features)},
        "features": list(features),
        "bbox": [-180, -90, 0, 180, 90, 700],
    }  # fmt: skip


def emsc_feature(
    unid: str = "20260201_0000001",
    mag: float | None = 5.0,
    seconds_ago: float = 3595,
    lat: float = 40.6,
    lon: float = 28.1,
    depth: float = 10.0,
    **properties: Any,
) -> dict[str, Any]:
    """A feature of EMSC JSON; its coordinates have the depth upwards."""
    time = datetime.fromtimestamp(NOW.timestamp() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = {
        "source_id": "1234567", "source_catalog": "EMSC-RTS", "lastupdate": time, "time": time,
        "flynn_region": "WESTERN TURKEY", "lat": lat, "lon": lon, "depth": depth, "evtype": "ke",
        "auth": "AFAD", "mag": mag, "magtype": "ml", "unid": unid,
    }  # fmt: skip
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat, -depth]},
        "id": unid,
        "properties": fields | properties,
    }


def emsc(*features: dict[str, Any]) -> dict[str, Any]:
    """An EMSC answer."""
    return {"type": "FeatureCollection", "metadata": {"count": len(features)}, "features": list(features)}


FDSN_HEADER = (
    "#EventID|Time|Latitude|Longitude|Depth/km|Author|Catalog|Contributor|ContributorID|MagType|Magnitude"
    "|MagAuthor|EventLocationName|EventType"
)


def fdsn_line(
    id: str = "gfz2026abcd",  # noqa: A002
    mag: object = 5.2,
    seconds_ago: float = 3590,
    lat: float = 40.4,
    lon: float = 28.2,
    depth: object = 10.0,
    kind: str = "earthquake",
) -> str:
    """A line of FDSN text."""
    time = datetime.fromtimestamp(NOW.timestamp() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{id}|{time}|{lat}|{lon}|{depth}||GFZ|GFZ|{id}|Mw|{mag}||Western Turkey|{kind}"


def fdsn(*lines: str) -> str:
    """An answer in FDSN text."""
    return "\n".join([FDSN_HEADER, *lines]) + "\n"


NO_CONTENT = Reply(status=204)

OAF = {
    "creationTime": int(NOW.timestamp() * 1000) - 3_600_000,
    "expireTime": int(NOW.timestamp() * 1000) + 86_400_000,
    "advisoryTimeFrame": "1 Week",
    "model": {"name": "Reasenberg-Jones (1989, 1994) aftershock model (Bayesian Combination)",
              "parameters": {"a": -2.3, "b": 1, "magMain": 6.4}},
    "forecast": [
        {"timeStart": int(NOW.timestamp() * 1000), "timeEnd": int(NOW.timestamp() * 1000) + 604_800_000,
         "label": "1 Week",
         "bins": [{"magnitude": 3, "p95minimum": 3, "p95maximum": 90, "probability": 0.99, "median": 20},
                  {"magnitude": 5, "p95minimum": 0, "p95maximum": 2, "probability": 0.21, "median": 0}],
         "aboveMainshockMag": {"magnitude": 6.4, "probability": 0.01}}],
    "nextForecastTime": -1,
}  # fmt: skip

OAF_INLINE = {"oaf": [{"status": "UPDATE", "contents": {"": {"bytes": json.dumps(OAF)}}}]}


def usgs_detail(products: dict[str, Any]) -> dict[str, Any]:
    """The detail of an event."""
    detail = usgs_feature()
    detail["properties"]["products"] = {"origin": [{"status": "UPDATE", "contents": {}}]} | products
    return detail


def places(*results: dict[str, Any]) -> dict[str, Any]:
    """An answer of the geocoding service, which leaves `results` out when there are none."""
    return {"results": list(results), "generationtime_ms": 0.5} if results else {"generationtime_ms": 0.5}


ISTANBUL = {
    "id": 745044, "name": "İstanbul", "latitude": 41.01384, "longitude": 28.94966, "elevation": 39.0,
    "feature_code": "PPLA", "country_code": "TR", "admin1_id": 745042, "timezone": "Europe/Istanbul",
    "population": 15701602, "country_id": 298795, "country": "Türkiye", "admin1": "İstanbul",
}  # fmt: skip
SPRINGFIELDS = [
    {"id": 4409896, "name": "Springfield", "latitude": 37.21533, "longitude": -93.29824, "country_code": "US",
     "country": "United States", "admin1": "Missouri", "timezone": "America/Chicago", "population": 169176},
    {"id": 4951788, "name": "Springfield", "latitude": 42.10148, "longitude": -72.58981, "country_code": "US",
     "country": "United States", "admin1": "Massachusetts", "timezone": "America/New_York"},
]  # fmt: skip


def open_meteo(**current: Any) -> dict[str, Any]:
    """An answer of Open-Meteo's forecast with current values."""
    quarter = NOW.replace(minute=NOW.minute // 15 * 15, second=0)
    values = {
        "time": quarter.strftime("%Y-%m-%dT%H:%M"), "interval": 900, "temperature_2m": 11.4,
        "relative_humidity_2m": 71, "apparent_temperature": 9.2, "is_day": 1, "precipitation": 0.0,
        "weather_code": 2, "cloud_cover": 45, "pressure_msl": 1017.3, "wind_speed_10m": 3.6,
        "wind_direction_10m": 24, "wind_gusts_10m": 8.1, "uv_index": 2.35,
    }  # fmt: skip
    return {
        "latitude": 41.0, "longitude": 28.9375, "generationtime_ms": 0.1, "utc_offset_seconds": 0,
        "timezone": "UTC", "timezone_abbreviation": "UTC", "elevation": 39.0,
        "current_units": {"time": "iso8601", "temperature_2m": "°C", "wind_speed_10m": "m/s"},
        "current": values | current,
    }  # fmt: skip


def met_norway(*, hours: int = 3, symbol: str = "lightrainshowers_day") -> dict[str, Any]:
    """An answer of Locationforecast; the last hour has no block of what comes next.

    The hour that began and the next one, of which either may be the nearest to now, are alike.
    """
    start = NOW.replace(minute=0, second=0)
    series: list[dict[str, Any]] = []
    for number in range(hours):
        data: dict[str, Any] = {
            "instant": {"details": {
                "air_pressure_at_sea_level": 1016.2, "air_temperature": 10.0 + number // 2,
                "cloud_area_fraction": 99.2, "relative_humidity": 73.1, "wind_from_direction": 30.1,
                "wind_speed": 4.2, "ultraviolet_index_clear_sky": 1.1}},
        }  # fmt: skip
        if number < hours - 1:
            data["next_1_hours"] = {
                "summary": {"symbol_code": symbol},
                "details": {"precipitation_amount": 0.4},
            }
        time = datetime.fromtimestamp(start.timestamp() + 3600 * number, UTC)
        series.append({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": data})
    meta = {"updated_at": "2026-02-01T00:00:00Z", "units": {"air_temperature": "celsius"}}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [28.9497, 41.0138, 39]},
        "properties": {"meta": meta, "timeseries": series},
    }
