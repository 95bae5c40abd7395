"""Reads an answer's records one by one: an invalid one is left out and counted."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from pydantic import ValidationError, ValidationInfo, WrapValidator

T = TypeVar("T")
U = TypeVar("U")

_LONGEST = 80
_NOT_OF_A_NAME = re.compile(r"[^\w.\-/]")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The number of records of an answer that couldn't be read, and why for the first of them."""

    count: int
    why: str

    def __str__(self) -> str:
        """Text for the reader of the answer, to follow the name of its source."""
        records = "record that" if self.count == 1 else "records that"
        return f"gave {self.count:,} {records} can't be read, left out here ({self.why})"

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """Those of two answers together."""
        return LeftOut(self.count + other.count, self.why)


class OddRecord(ValueError):
    """A record that can't be used. The text says why, and quotes nothing of the source."""


class Tally:
    """Counts the invalid records of one answer while it is read."""

    def __init__(self) -> None:
        self.left_out: LeftOut | None = None

    def validated(self, records: list[Any], read: Callable[[list[Any]], list[T]]) -> list[T]:
        """What `read` makes of the records that it accepts.

        Raises:
            ValidationError: it accepts none of them.
        """
        before = self.left_out
        try:
            return read(records)
        except ValidationError:
            self.left_out = before  # without what lists inside these records added
        found: list[T] = []
        refusals: list[ValidationError] = []
        for record in records:
            inside = self.left_out
            try:
                found += read([record])
            except ValidationError as error:
                self.left_out = inside
                refusals.append(error)
        if refusals and not found:
            raise refusals[0]
        for error in refusals:
            self._add(problem_named(error.errors(include_url=False, include_input=False)[0], skip=1))
        return found

    def made(self, records: Iterable[U], make: Callable[[U], T | None]) -> list[T]:
        """What `make` makes of each record; it returns None for one that isn't wanted.

        If `make` raises ValueError, KeyError or OverflowError, the record is left out.

        Raises:
            OddRecord: every record is invalid; with the reason of the first.
        """
        found: list[T] = []
        unwanted = 0
        reasons: list[str] = []
        for record in records:
            try:
                value = make(record)
            except (ValueError, KeyError, OverflowError) as error:
                reasons.append(str(error) if isinstance(error, OddRecord) else "a value that can't be read")
                continue
            if value is None:
                unwanted += 1
            else:
                found.append(value)
        if reasons and not found and not unwanted:
            raise OddRecord(reasons[0])
        for reason in reasons:
            self._add(reason)
        return found

    def _add(self, why: str) -> None:
        one = LeftOut(1, why)
        self.left_out = one if self.left_out is None else self.left_out + one


def _one_by_one(value: Any, read: Callable[[Any], Any], info: ValidationInfo) -> Any:
    if isinstance(info.context, Tally) and isinstance(value, list):
        return info.context.validated(cast("list[Any]", value), read)
    return read(value)


Records = Annotated[list[T], WrapValidator(_one_by_one)]
"""A list in the shape of an answer. `Body.json` leaves its invalid records out and counts them."""


def problem_named(problem: Any, *, skip: int = 0) -> str:
    """A problem of pydantic as text, with its field, without the first `skip` steps of the path."""
    path = ".".join(str(step) for step in problem["loc"][skip:])
    where = _NOT_OF_A_NAME.sub("?", path) or "the whole answer"
    return f"field {where[:_LONGEST]}: {problem['msg'][:_LONGEST]}"
