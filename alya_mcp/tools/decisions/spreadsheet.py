"""The ledger as CSV: one row per case, to back up, to move, and to bring a record from elsewhere."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, TextIO, get_args

from alya_mcp.gate.formulas import begins_as_formula
from alya_mcp.tools.decisions.ledger import LedgerCase, PredictionOutcome, new_call_id
from alya_mcp.tools.decisions.logic.domains import normal

COLUMNS: Final = (
    "callId", "domain", "statement", "confidence", "outcome", "madeAt", "resolvedAt", "note", "calibrated",
    "opinion", "opinionSource",
)  # fmt: skip
REQUIRED: Final = ("domain", "statement", "confidence")

_LONGEST: Final = {"callId": 64, "domain": 120, "statement": 1000, "note": 1000, "opinionSource": 60}


class NotALedger(ValueError):
    """The file can't be read as cases at all; its text says why."""


def read_cases(file: TextIO) -> Iterator[tuple[int, LedgerCase | str]]:
    """The rows of a CSV file with a header in any order: each row's number and its case, or why it has none.

    The header is row 1.

    Raises:
        NotALedger: the header lacks a required column or has one that isn't known, or this is no CSV.
    """
    rows = csv.reader(file, strict=True)
    nothing: list[str] = []
    try:
        header = [name.strip() for name in next(rows, nothing)]
        _check(header)
        for number, row in enumerate(rows, start=2):
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                yield number, f"{len(row)} cells where the header has {len(header)}"
                continue
            try:
                yield number, _case({name: _plain(cell) for name, cell in zip(header, row, strict=True)})
            except ValueError as error:
                yield number, str(error)
    except csv.Error as error:
        raise NotALedger(f"line {rows.line_num} is not CSV: {error}") from None


def write_cases(cases: Iterable[LedgerCase], file: TextIO) -> int:
    """Write cases as CSV that `read_cases` reads back; returns how many.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    count = 0
    for case in cases:
        values = (
            case.call_id, case.domain, case.statement, case.confidence, case.outcome, _written(case.made_at),
            _written(case.resolved_at), case.note, case.calibrated, case.opinion, case.opinion_source,
        )  # fmt: skip
        rows.writerow(["" if value is None else _safe(value) for value in values])
        count += 1
    return count


def _check(header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            raise NotALedger(f"{name!r} is not a column; the columns are {', '.join(COLUMNS)}")
        if header.count(name) > 1:
            raise NotALedger(f"the column {name} is there twice")
    for name in REQUIRED:
        if name not in header:
            raise NotALedger(f"there is no column {name}; required are {', '.join(REQUIRED)}")


def _case(row: dict[str, str]) -> LedgerCase:
    for name, longest in _LONGEST.items():
        if len(row.get(name, "")) > longest:
            raise ValueError(f"{name} is longer than {longest} characters")
    domain, statement = normal(row["domain"]), row["statement"].strip()
    if not domain or not statement:
        raise ValueError("domain and statement can't be empty")
    confidence = _probability(row, "confidence")
    if confidence is None:
        raise ValueError("confidence can't be empty")
    outcome = _outcome(row.get("outcome", ""))
    made = _moment(row, "madeAt") or datetime.now(UTC)
    resolved = _moment(row, "resolvedAt")
    if (resolved is not None) and outcome is None:
        raise ValueError("resolvedAt needs an outcome")
    calibrated, opinion = _probability(row, "calibrated"), _probability(row, "opinion")
    source = row.get("opinionSource", "").strip().casefold() or None
    if (opinion is None) != (source is None):
        raise ValueError("opinion and opinionSource go together")
    return LedgerCase(
        call_id=row.get("callId", "").strip() or new_call_id(),
        domain=domain,
        statement=statement,
        confidence=confidence,
        calibrated=confidence if calibrated is None else calibrated,
        made_at=made,
        opinion=opinion,
        opinion_source=source,
        outcome=outcome,
        resolved_at=None if outcome is None else resolved or made,
        note=row.get("note", "").strip() or None,
    )


def _probability(row: dict[str, str], name: str) -> float | None:
    text = row.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {text[:40]!r}; it takes a number from 0 to 1")
    return value


def _outcome(text: str) -> PredictionOutcome | None:
    word = text.strip().casefold()
    for outcome in get_args(PredictionOutcome):
        if word == outcome:
            return outcome
    if word:
        raise ValueError(f"outcome is {text.strip()[:40]!r}; it takes win, loss, void or nothing")
    return None


def _moment(row: dict[str, str], name: str) -> datetime | None:
    text = row.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is {text[:40]!r}; it takes a date such as 2026-11-30T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _safe(value: object) -> str:
    text = str(value)
    return f"'{text}" if isinstance(value, str) and _takes_apostrophe(text) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _takes_apostrophe(cell[1:]) else cell


def _takes_apostrophe(text: str) -> bool:
    return text.startswith("'") or begins_as_formula(text)
