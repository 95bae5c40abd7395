"""Current weather as numbers and words, and the codes of weather services."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Icon = Literal[
    "clear-day", "clear-night", "partly-cloudy-day", "partly-cloudy-night", "cloudy", "fog", "drizzle",
    "freezing-rain", "rain", "showers", "sleet", "snow", "snow-showers", "thunderstorm",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """The weather at one place and moment; None where a service doesn't say.

    `uv_clear_sky`: the UV index is that of a sky without clouds.
    """

    time: datetime
    temperature_c: float
    feels_like_c: float | None
    humidity_pct: float | None
    uv_index: float | None
    uv_clear_sky: bool
    condition: str
    icon: Icon
    cloud_pct: float | None
    precipitation_mm: float | None
    pressure_hpa: float | None
    wind_ms: float | None
    wind_from_deg: float | None
    gust_ms: float | None


_WMO: Final[dict[int, tuple[str, Icon]]] = {
    45: ("fog", "fog"),
    48: ("fog with rime", "fog"),
    51: ("light drizzle", "drizzle"),
    53: ("drizzle", "drizzle"),
    55: ("dense drizzle", "drizzle"),
    56: ("light freezing drizzle", "freezing-rain"),
    57: ("dense freezing drizzle", "freezing-rain"),
    61: ("light rain", "rain"),
    63: ("rain", "rain"),
    65: ("heavy rain", "rain"),
    66: ("light freezing rain", "freezing-rain"),
    67: ("heavy freezing rain", "freezing-rain"),
    71: ("light snow", "snow"),
    73: ("snow", "snow"),
    75: ("heavy snow", "snow"),
    77: ("snow grains", "snow"),
    80: ("light rain showers", "showers"),
    81: ("rain showers", "showers"),
    82: ("violent rain showers", "showers"),
    85: ("light snow showers", "snow-showers"),
    86: ("heavy snow showers", "snow-showers"),
    95: ("thunderstorm", "thunderstorm"),
    96: ("thunderstorm with light hail", "thunderstorm"),
    99: ("thunderstorm with heavy hail", "thunderstorm"),
}


def of_wmo_code(code: int, *, day: bool) -> tuple[str, Icon]:
    """Words and icon of a WMO weather interpretation code (0 to 99, those that Open-Meteo uses).

    Raises:
        KeyError: it isn't one of them.
    """
    if code == 0:
        return "clear sky", "clear-day" if day else "clear-night"
    if code in {1, 2}:
        words = "mainly clear" if code == 1 else "partly cloudy"
        return words, "partly-cloudy-day" if day else "partly-cloudy-night"
    return ("overcast", "cloudy") if code == 3 else _WMO[code]


_BASES: Final[dict[str, tuple[str, Icon]]] = {
    "cloudy": ("overcast", "cloudy"),
    "fog": ("fog", "fog"),
    "rain": ("rain", "rain"),
    "rainshowers": ("rain showers", "showers"),
    "sleet": ("sleet", "sleet"),
    "sleetshowers": ("sleet showers", "sleet"),
    "snow": ("snow", "snow"),
    "snowshowers": ("snow showers", "snow-showers"),
}


def of_met_symbol(symbol: str) -> tuple[str, Icon]:
    """Words and icon of a weather symbol of MET Norway, such as `lightrainshowers_day`.

    Raises:
        KeyError: it isn't one of them.
    """
    name, _, time = symbol.partition("_")
    night = time == "night"
    if name == "clearsky":
        return "clear sky", "clear-night" if night else "clear-day"
    if name in {"fair", "partlycloudy"}:
        words = "mainly clear" if name == "fair" else "partly cloudy"
        return words, "partly-cloudy-night" if night else "partly-cloudy-day"
    plain, thunder = name.removesuffix("andthunder"), name.endswith("andthunder")
    # "lightssleet..." and "lightssnow..." are how the service itself writes two of its symbols.
    how, base = next(
        ((how, plain.removeprefix(prefix)) for prefix, how in
         (("lightss", "light "), ("light", "light "), ("heavy", "heavy ")) if plain.startswith(prefix)),
        ("", plain),
    )  # fmt: skip
    if base not in _BASES:
        base = f"s{base}"
    words, icon = _BASES[base]
    return (f"{how}{words} and thunder", "thunderstorm") if thunder else (f"{how}{words}", icon)
