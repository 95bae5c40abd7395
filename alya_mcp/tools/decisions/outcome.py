"""`record_outcome`: records the outcome of a prediction."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import anyio
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.decisions.accuracy import Accuracy, accuracy_of
from alya_mcp.tools.decisions.calibrate import ledger_of
from alya_mcp.tools.decisions.ledger import PredictionLedger
from alya_mcp.tools.decisions.ledger_case import PredictionOutcome


class OutcomeReport(Input):
    """An outcome."""

    call_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="The callId that calibrate_decision returned."
    )
    outcome: PredictionOutcome = Field(
        description="win: the statement came true; loss: it didn't; void: it can't be judged and counts for "
        "nothing. It can't be changed later."
    )
    note: Annotated[str, StringConstraints(max_length=1000)] | None = Field(
        None, description="What happened, in a few words; kept with the case."
    )


class ResolvedCase(Output):
    """The prediction with its outcome."""

    call_id: str = Field(description="Its id.")
    domain: str = Field(description="Its domain.")
    statement: str = Field(description="What was stated.")
    confidence: float = Field(description="How probable it was said to be, 0 to 1.")
    calibrated_confidence: float = Field(description="How probable it was by the record then.")
    made_at: AwareDatetime = Field(description="When it was made (UTC).")
    outcome: PredictionOutcome = Field(description="What came of it.")
    resolved_at: AwareDatetime = Field(description="When that was recorded (UTC).")
    note: str | None = Field(description="The note.")


class Recorded(Output):
    """The resolved case, and the record with it."""

    resolved: ResolvedCase = Field(description="The case.")
    accuracy: Accuracy = Field(description="The domain's record now; see get_domain_accuracy.")


@tool(
    title="Record an outcome",
    category="Write",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=False,
)
async def record_outcome(arguments: OutcomeReport, context: Context) -> Recorded:
    """Record what came of a prediction that calibrate_decision kept; it then counts in later calibrations.

    Call it once, when the outcome is certain. Use get_domain_accuracy to read the record without adding to
    it.

    Returns the case and the domain's accuracy with it. An outcome can't be changed, one that is already
    recorded is refused, and so is the callId of another caller.
    """
    return await anyio.to_thread.run_sync(partial(_record, ledger_of(context), context.grant, arguments))


def _record(ledger: PredictionLedger, grant: str, report: OutcomeReport) -> Recorded:
    now = datetime.now(UTC)
    case = ledger.resolve(grant, report.call_id, report.outcome, report.note, now)
    resolved = ResolvedCase(
        call_id=case.call_id,
        domain=case.domain,
        statement=case.statement,
        confidence=case.confidence,
        calibrated_confidence=case.calibrated,
        made_at=case.made_at,
        outcome=report.outcome,
        resolved_at=case.resolved_at or now,
        note=case.note,
    )
    return Recorded(resolved=resolved, accuracy=accuracy_of(ledger, grant, case.domain))
