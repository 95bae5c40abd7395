"""A case of the ledger: a prediction with its outcome, and the row that holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

PredictionOutcome = Literal["win", "loss", "void"]

COLUMNS: Final = (
    "call_id, domain, statement, confidence, calibrated, opinion, opinion_source, made_at, outcome, "
    "resolved_at, note"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCase:
    """A prediction and, once known, its outcome.

    Confidences are those of the statement coming true.
    """

    call_id: str
    domain: str
    statement: str
    confidence: float
    calibrated: float
    made_at: datetime
    opinion: float | None = None
    opinion_source: str | None = None
    outcome: PredictionOutcome | None = None
    resolved_at: datetime | None = None
    note: str | None = None


def case_of(row: Sequence[Any]) -> LedgerCase:
    """The case in a row of `COLUMNS`."""
    (call_id, domain, statement, confidence, calibrated, opinion, source, made, outcome, resolved, note) = row
    return LedgerCase(
        call_id=call_id,
        domain=domain,
        statement=statement,
        confidence=confidence,
        calibrated=calibrated,
        opinion=opinion,
        opinion_source=source,
        made_at=datetime.fromisoformat(made),
        outcome=outcome,
        resolved_at=moment_of(resolved),
        note=note,
    )


def text_of(moment: datetime | None) -> str | None:
    """A time as the ledger stores it: UTC, ISO 8601, milliseconds."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def moment_of(text: str | None) -> datetime | None:
    """The time that `text_of` wrote."""
    return None if text is None else datetime.fromisoformat(text)
