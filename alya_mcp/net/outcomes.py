"""The outcome of the last request to each source, for `alya_status` and `alya-mcp doctor`."""

from collections.abc import Callable
from datetime import UTC, datetime

from alya_mcp.net.answers import SourceOutcome
from alya_mcp.settings.providers import SOURCES, Source


class SourceOutcomes:
    """The last outcome of each source of `SOURCES`. `clock` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, SourceOutcome] = {}

    def record(self, source: Source, problem: str | None) -> None:
        """Record that a request to `source` ended now; `problem` is None if it succeeded."""
        if source.key in SOURCES:
            at = datetime.fromtimestamp(self._clock(), UTC)
            self._last[source.key] = SourceOutcome(source=source, at=at, problem=problem)

    @property
    def by_title(self) -> list[SourceOutcome]:
        """The outcomes, sorted by the title of the source."""
        return sorted(self._last.values(), key=lambda outcome: outcome.source.title)
