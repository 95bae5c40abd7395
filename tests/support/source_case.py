"""What a source's module brings to the tests that every source has to pass.

A family adds its sources in a file `cases_<family>.py` beside this one, with a list `CASES`.
"""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
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
    kept answer is no longer fresh and still may stand in. `records` is where the answer's list of records is,
    as keys with dots between them (empty: the answer is the list), or None where it has none; in FDSN text
    they are its lines. `live` is False where the real source needs something that isn't set. One case is
    enough where functions
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
    records: str | None = None

    def answers_with(self, *records: Any, alone: bool = False) -> Mapping[str, Any]:
        """The answers with more records in their list, or with those `alone`."""
        assert self.records is not None
        return {path: _with(answer, self.records, records, alone) for path, answer in self.answers.items()}


def _with(answer: Any, where: str, records: tuple[Any, ...], alone: bool) -> Any:
    if isinstance(answer, str):
        header, *lines = answer.splitlines()
        odd = [lines[0].replace("|20", "|odd", 1) for _ in records]
        return "\n".join([header, *([] if alone else lines), *odd])
    answer = deepcopy(answer)
    holder = {"": answer}
    *way, last = ["", *where.split(".")] if where else [""]
    for key in way:
        holder = holder[key]
    holder[last] = [*([] if alone else holder[last]), *records]
    return answer if where else holder[""]


def all_cases() -> list[SourceCase]:
    files = sorted(Path(__file__).parent.glob("cases_*.py"))
    return [case for file in files for case in import_module(file.stem).CASES]
