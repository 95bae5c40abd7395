"""CSV files of records to import and export: a header in any order, one record per row."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO, TypeVar, cast

from alya_mcp.gate.formulas import begins_as_formula

T = TypeVar("T")


class NotATable(ValueError):
    """The file isn't a table of such records; the text says why."""


def read_rows(
    file: TextIO,
    make: Callable[[Mapping[str, str]], T],
    *,
    columns: Sequence[str],
    required: Sequence[str],
    longest: Mapping[str, int],
) -> Iterator[tuple[int, T | str]]:
    """Each row of a CSV file: its number, and what `make` makes of its cells or why it is rejected.

    The header is row 1. `make` gets the stripped cells by column, and raises ValueError for a row that
    it can't use. `longest` is the maximum number of characters per column.

    Raises:
        NotATable: the header lacks a required column or has an unknown one, or the file isn't CSV.
    """
    rows = csv.reader(file, strict=True)
    nothing: list[str] = []
    try:
        header = [name.strip() for name in next(rows, nothing)]
        _check(header, columns, required)
        for number, row in enumerate(rows, start=2):
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                yield number, f"{len(row)} cells where the header has {len(header)}"
                continue
            cells = {name: _plain(cell).strip() for name, cell in zip(header, row, strict=True)}
            try:
                _check_lengths(cells, longest)
                made = make(cells)
            except ValueError as error:
                yield number, str(error)
            else:
                yield number, made
    except csv.Error as error:
        raise NotATable(f"line {rows.line_num} is not CSV: {error}") from None


def unique_rows(
    rows: Iterable[tuple[int, T | str]], id_of: Callable[[T], str]
) -> Iterator[tuple[int, T | str]]:
    """`rows` as `read_rows` yields them; a row whose id an earlier one has is rejected."""
    seen: dict[str, int] = {}
    for number, found in rows:
        first = number if isinstance(found, str) else seen.setdefault(id_of(found), number)
        if first == number:
            yield number, found
        else:
            yield number, f"id {id_of(cast('T', found))} is already in row {first}"


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write rows as CSV that `read_rows` reads back, and return how many. None is an empty cell.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(["" if value is None else _safe(value) for value in row])
        count += 1
    return count


def number_in(cells: Mapping[str, str], name: str, *, low: float, high: float) -> float | None:
    """The number in a cell; None if it is empty.

    Raises:
        ValueError: it isn't a number from `low` to `high`.
    """
    text = cells.get(name, "")
    if not text:
        return None
    try:
        value = float("nan") if "_" in text else float(text)  # 1_000 is Python's way to write a number
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{name} is {text[:40]!r}; it takes a number from {low:g} to {high:g}")
    return value


def moment_in(cells: Mapping[str, str], name: str) -> datetime | None:
    """The date in a cell, in UTC unless it names a zone; None if it is empty.

    Raises:
        ValueError: it isn't an ISO 8601 date.
    """
    text = cells.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is {text[:40]!r}; it takes a date such as 2026-11-30T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _check(header: Sequence[str], columns: Sequence[str], required: Sequence[str]) -> None:
    for name in header:
        if name not in columns:
            raise NotATable(f"{name[:60]!r} is not a column; the columns are {', '.join(columns)}")
        if header.count(name) > 1:
            raise NotATable(f"the column {name} is there twice")
    for name in required:
        if name not in header:
            raise NotATable(f"there is no column {name}; required are {', '.join(required)}")


def _check_lengths(cells: Mapping[str, str], longest: Mapping[str, int]) -> None:
    for name, most in longest.items():
        if len(cells.get(name, "")) > most:
            raise ValueError(f"{name} is longer than {most} characters")


def _safe(value: object) -> str:
    text = str(value)
    return f"'{text}" if isinstance(value, str) and _takes_apostrophe(text) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _takes_apostrophe(cell[1:]) else cell


def _takes_apostrophe(text: str) -> bool:
    return text.startswith("'") or begins_as_formula(text)
