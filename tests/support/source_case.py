"""What a source's module brings to the tests that every source has to pass.

A family adds its sources in a file `cases_<family>.py` beside this one, with a list `CASES`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from alya_mcp.net.answers import Fetched
from alya_mcp.net.client import Http
from alya_mcp.settings.providers import Source


@dataclass(frozen=True, kw_only=True)
class SourceCase:
    """One function of a source's module.

    `ask` calls it, the same way each time. `answers` are documented answers by path (see `LoopbackSource.on`)
    and `right` looks at the value made of them, or of what the real source answers; it asserts. `kept` is
    False for a function that keeps nothing, such as one that posts; `old` is an age, in seconds, at which a
    kept answer is no longer fresh and still may stand in. A bad day in `lives_through` is no failure for it.
    `live` is False where the real source needs something that isn't set. One case is enough where functions
    share their reading.
    """

    name: str
    source: Source
    ask: Callable[[Http], Awaitable[Fetched[Any]]]
    answers: Mapping[str, Any]
    right: Callable[[Any], None]
    kept: bool = True
    old: float = 3 * 3600.0
    live: bool = True
    lives_through: frozenset[str] = field(default_factory=frozenset)


def all_cases() -> list[SourceCase]:
    files = sorted(Path(__file__).parent.glob("cases_*.py"))
    return [case for file in files for case in import_module(file.stem).CASES]
