"""The ledger as CSV: one row per case, to back up, to move, and to bring a record from elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, TextIO, get_args

from alya_mcp.toolkit.spreadsheet import moment_in, number_in, read_rows, write_rows
from alya_mcp.tools.decisions.ledger import new_call_id
from alya_mcp.tools.decisions.ledger_case import LedgerCase, PredictionOutcome
from alya_mcp.tools.decisions.logic.domains import normal

COLUMNS: Final = (
    "callId", "domain", "statement", "confidence", "outcome", "madeAt", "resolvedAt", "note", "calibrated",
    "opinion", "opinionSource",
)  # fmt: skip
REQUIRED: Final = ("domain", "statement", "confidence")

_LONGEST: Final = {"callId": 64, "domain": 120, "statement": 1000, "note": 1000, "opinionSource": 60}


def read_cases(file: TextIO) -> Iterator[tuple[int, LedgerCase | str]]:
    """Each row's number and its case, or why it has none; see `read_rows`.

    Raises:
        NotATable: the file isn't a table of cases.
    """
    return read_rows(file, _case, columns=COLUMNS, required=REQUIRED, longest=_LONGEST)


def write_cases(cases: Iterable[LedgerCase], file: TextIO) -> int:
    """Write cases as CSV that `read_cases` reads back; returns how many."""
    return write_rows(
        file,
        COLUMNS,
        (
            (
                case.call_id, case.domain, case.statement, case.confidence, case.outcome,
                _written(case.made_at), _written(case.resolved_at), case.note, case.calibrated, case.opinion,
                case.opinion_source,
            )
            for case in cases
        ),
    )  # fmt: skip


def _case(row: Mapping[str, str]) -> LedgerCase:
    domain, statement = normal(row["domain"]), row["statement"]
    if not domain or not statement:
        raise ValueError("domain and statement can't be empty")
    confidence = number_in(row, "confidence", low=0, high=1)
    if confidence is None:
        raise ValueError("confidence can't be empty")
    outcome = _outcome(row.get("outcome", ""))
    made = moment_in(row, "madeAt") or datetime.now(UTC)
    resolved = moment_in(row, "resolvedAt")
    if (resolved is not None) and outcome is None:
        raise ValueError("resolvedAt needs an outcome")
    calibrated, opinion = (number_in(row, name, low=0, high=1) for name in ("calibrated", "opinion"))
    source = row.get("opinionSource", "").casefold() or None
    if (opinion is None) != (source is None):
        raise ValueError("opinion and opinionSource go together")
    return LedgerCase(
        call_id=row.get("callId") or new_call_id(),
        domain=domain,
        statement=statement,
        confidence=confidence,
        calibrated=confidence if calibrated is None else calibrated,
        made_at=made,
        opinion=opinion,
        opinion_source=source,
        outcome=outcome,
        resolved_at=None if outcome is None else resolved or made,
        note=row.get("note") or None,
    )


def _outcome(text: str) -> PredictionOutcome | None:
    word = text.casefold()
    for outcome in get_args(PredictionOutcome):
        if word == outcome:
            return outcome
    if word:
        raise ValueError(f"outcome is {text[:40]!r}; it takes win, loss, void or nothing")
    return None


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
