"""Points in time as users write them: a day, a moment, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

import click

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class When(click.ParamType[str]):
    """A time, given on as an audit record has it; with `whole_day` a day stands for its end."""

    name = "when"

    def __init__(self, whole_day: bool = False) -> None:
        self.whole_day = whole_day

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`2026-11-01`, `2026-11-01T12:30` (UTC, or with an offset), or `7d`, `12h`, `30m` ago."""
        text = str(value)
        try:
            found = self._moment(text)
        except (ValueError, OverflowError):
            takes = "a day (2026-11-01), a moment (2026-11-01T12:30) or how long ago (7d, 12h, 30m)"
            self.fail(f"{text!r} isn't a time; it takes {takes}", param, ctx)
        return found.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _moment(self, text: str) -> datetime:
        ago = _AGO.fullmatch(text)
        if ago:
            return datetime.now(UTC) - timedelta(seconds=int(ago.group(1)) * _UNITS[ago.group(2)])
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment + timedelta(days=1) if self.whole_day and len(text) == len("2026-11-01") else moment
