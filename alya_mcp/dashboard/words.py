"""How pages show times, money, arguments and rules."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from alya_mcp.gate.invisible import visible
from alya_mcp.gate.numbers import plain, short

_LINES = re.compile("([\n\t])")


def when(seconds: float | None) -> Markup:
    """A moment (seconds since 1970) as a `time` element in this machine's zone; the script words it."""
    if seconds is None:
        return Markup("")
    moment = datetime.fromtimestamp(seconds, UTC)
    shown = moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), shown)


def dollars(amount: float) -> str:
    """An amount of money: `$0.021`; four digits after the point at most, and never nothing for something."""
    if not amount:
        return "$0"
    if abs(amount) < 0.0001:
        return f"${plain(amount)}"
    text = f"{amount:,.4f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents:0<2}"


def number(value: float) -> str:
    """A number with separators for thousands."""
    return f"{value:,}" if isinstance(value, int) else short(value)


def span(seconds: float) -> str:
    """A span of time in words: `minute`, `2 hours`, `90 s`."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return word if count == 1 else f"{count} {word}s"
    return f"{plain(seconds)} s"


def lasting(seconds: float) -> str:
    """A span of time with its number: `1 hour`, `10 minutes`, `90 s`."""
    words = span(seconds)
    return words if words[0].isdigit() else f"1 {words}"


def duration(ms: float | None) -> str:
    """How long a call took: `12 ms`, `3.4 s`, `2 min 5 s`."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 1 else "<1 ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    return f"{int(ms // 60_000)} min {int(ms % 60_000 // 1000)} s"


def arguments(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of arguments and their values as JSON, whole."""
    for name, value in values.items():
        yield name, json.dumps(value, ensure_ascii=False)


def parsed_arguments(text: str) -> list[tuple[str, str]]:
    """The arguments of a kept question, which are JSON text of an object."""
    return list(arguments(json.loads(text)))


def seen(value: object) -> object:
    """A value for a page: of text, whatever isn't seen is an escape; line ends and tabs stay."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isprintable() and value.isascii()):
        return value
    return "".join(part if part in {"\n", "\t"} else visible(part) for part in _LINES.split(value))


def pretty(value: object) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)
