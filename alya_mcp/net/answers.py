"""Answers and failures of sources, and asking several sources in turn."""

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar, cast

import anyio
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from alya_mcp.errors import Unavailable
from alya_mcp.net.records import LeftOut, OddRecord, Records, Tally, problem_named
from alya_mcp.settings.providers import Source

T = TypeVar("T")
U = TypeVar("U")

_MOST_NAMED = 3
_SOON = 60.0
"""Seconds after which a transient failure may be over."""
_BOM = b"\xef\xbb\xbf"
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


class Shape(BaseModel):
    """Base of the shapes of answers: unknown fields are ignored, wrong and missing ones are errors."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, populate_by_name=True)


class SourceFailed(Unavailable):
    """A source gave no usable answer. The text names the source, what happened and what to do.

    `status` is the HTTP status of an error response and `body` its first bytes, for the source's module to
    read; they are never shown. `wait` is the number of seconds it asked to wait.
    """

    def __init__(
        self,
        source: Source,
        problem: str,
        *,
        status: int | None = None,
        body: bytes = b"",
        wait: float | None = None,
    ) -> None:
        super().__init__(f"{source.title} {problem}")
        self.source = source
        self.problem = problem
        self.status = status
        self.body = body
        self.wait = wait


class SourceRefused(SourceFailed):
    """The source refused this request (such as 404): no cached answer is used instead."""


class ChangedShape(SourceFailed):
    """The source answered something that this version can't read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Generic[T]):
    """A value that came from a source.

    `fetched_at` is when the source sent or last confirmed it; `age` the seconds since then. `cached`: it is
    from an earlier request. `stale`: it is older than it should be, because of `problem`, which also has the
    failures of sources asked after this one. `passed_over` has the failures of those asked before it, see
    `first_answer`. `left_out` are records that couldn't be read.
    """

    value: T
    source: Source
    fetched_at: datetime
    age: float
    cached: bool
    stale: bool = False
    problem: str | None = None
    passed_over: tuple[str, ...] = ()
    left_out: LeftOut | None = None

    def map(self, change: Callable[[T], U]) -> "Fetched[U]":
        """The same answer with `change` applied to its value."""
        return Fetched(
            value=change(self.value),
            source=self.source,
            fetched_at=self.fetched_at,
            age=self.age,
            cached=self.cached,
            stale=self.stale,
            problem=self.problem,
            passed_over=self.passed_over,
            left_out=self.left_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOutcome:
    """The outcome of the last request to a source, at `at`; `problem` is None if it succeeded."""

    source: Source
    at: datetime
    problem: str | None


def made_here(value: T, source: Source) -> Fetched[T]:
    """A value that needed no request, such as a computed or bundled one."""
    return Fetched(value=value, source=source, fetched_at=datetime.now(UTC), age=0.0, cached=False)


async def all_answers(
    attempts: Sequence[Callable[[], Awaitable[Fetched[T]]]],
) -> list[Fetched[T] | Unavailable]:
    """The answers of several sources asked concurrently, or their failures, in order."""
    found: dict[int, Fetched[T] | Unavailable] = {}

    async def ask(number: int, attempt: Callable[[], Awaitable[Fetched[T]]]) -> None:
        try:
            found[number] = await attempt()
        except Unavailable as failure:
            found[number] = failure

    async with anyio.create_task_group() as tasks:
        for number, attempt in enumerate(attempts):
            tasks.start_soon(ask, number, attempt)
    return [found[number] for number in range(len(attempts))]


async def first_answer(
    attempts: Sequence[Callable[[], Awaitable[Fetched[T]]]], *, otherwise: str = ""
) -> Fetched[T]:
    """The first fresh answer of sources asked one after the other; otherwise the youngest stale one.

    `otherwise` is a sentence that says what the caller can do besides calling again.

    Raises:
        Unavailable: none answered and nothing is cached; the text lists each failure.
    """
    stale: list[tuple[int, Fetched[T]]] = []
    said: list[str] = []
    failures: list[Unavailable] = []
    for attempt in attempts:
        try:
            answer = await attempt()
        except Unavailable as failure:
            failures.append(failure)
            said.append(str(failure).rstrip("."))
            continue
        if not answer.stale:
            return replace(answer, passed_over=(*said,))
        stale.append((len(said), answer))
        said.append(f"{answer.source.title} {answer.problem}")
    if stale:
        place, youngest = min(stale, key=lambda each: each[1].age)
        problems = [youngest.problem or "", *said[place + 1 :]]
        return replace(youngest, passed_over=(*said[:place],), problem="; ".join(problems))
    raise none_answered("No source answered", failures, otherwise=otherwise)


def none_answered(what: str, failures: Iterable[Unavailable], *, otherwise: str = "") -> Unavailable:
    """The error for sources that all failed: `what` happened, each failure, and what would help.

    The text advises to call again unless every source refused the request or changed its shape, and after
    which time.
    """
    failures = list(failures)
    said = "; ".join(dict.fromkeys(str(failure).rstrip(".") for failure in failures))
    waits = [
        failure.wait or _SOON
        for failure in failures
        if isinstance(failure, SourceFailed) and not isinstance(failure, SourceRefused | ChangedShape)
    ]
    minutes = math.ceil(min(waits, default=0.0) / 60)
    again = f"Call again in {'a minute' if minutes == 1 else f'{minutes:,} minutes'}." if minutes else ""
    return Unavailable(" ".join(filter(None, (f"{what}: {said}.", again, otherwise))))


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an answer, for the source's module to read. `nothing`: the source has no data (204).

    `tally` counts the records that are left out while it is read; see `Records` and `made`.
    """

    source: Source
    data: bytes
    content_type: str
    nothing: bool = False
    tally: Tally = field(default_factory=Tally, compare=False)

    def json(self, shape: type[T]) -> T:
        """The JSON body as a `shape`: a `Shape`, a list of them, or any type that pydantic reads.

        Raises:
            ChangedShape: it isn't JSON, or fields aren't as documented; the text names the first few. In a
                list of `Records` only the record is left out, unless all are invalid.
        """
        return self._read(_adapter(shape))

    def json_records(self, shape: type[T]) -> list[T]:
        """The body as a JSON list of records of a `shape`; like `json`."""
        return self._read(_adapter(cast("type[list[T]]", Records[shape])))

    def _read(self, adapter: TypeAdapter[T]) -> T:
        try:
            return adapter.validate_json(self.data.removeprefix(_BOM), context=self.tally)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
        if problems[0]["type"] == "json_invalid":
            kind = self.content_type.partition(";")[0].strip() or "something without a content type"
            said = "JSON that breaks off or is damaged" if "json" in kind else f"{kind[:60]} instead of JSON"
            what = f"answered {said} ({len(self.data):,} bytes)"
            raise ChangedShape(self.source, f"{what}; try again later, or check its address")
        named = "; ".join(problem_named(problem) for problem in problems[:_MOST_NAMED])
        more = len(problems) - _MOST_NAMED
        raise ChangedShape(
            self.source,
            f"changed its shape: {named}{f'; and {more} more' if more > 0 else ''}. "
            "A newer version of alya-mcp may know the new shape",
        )

    def made(self, records: Iterable[U], make: Callable[[U], T | None]) -> list[T]:
        """What `make` makes of each record that it can read; it returns None for one that isn't wanted.

        It raises ValueError or KeyError for an invalid one, which is left out and counted.

        Raises:
            ChangedShape: every record is invalid.
        """
        try:
            return self.tally.made(records, make)
        except OddRecord as error:
            raise ChangedShape(self.source, f"changed its shape: {error}") from None

    def text(self) -> str:
        """The body as text, in the encoding that the source names, UTF-8 by default."""
        charset = _CHARSET.search(self.content_type)
        try:
            return self.data.decode(charset[1] if charset else "utf-8", "replace")
        except LookupError:
            return self.data.decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _adapter(shape: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(shape)
