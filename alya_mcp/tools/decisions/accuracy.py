"""`get_domain_accuracy`: a caller's record in a domain."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import anyio
from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.decisions.calibrate import Domain, domain_of, ledger_of
from alya_mcp.tools.decisions.ledger import PredictionLedger
from alya_mcp.tools.decisions.logic.reliability import Bin, as_svg, as_text


class AccuracyRequest(Input):
    """Which part of the ledger."""

    domain: Domain = Field(
        description="A domain or the first parts of some, such as freelance or prediction-market; all within "
        "it counts."
    )
    diagram: Literal["none", "text", "svg"] = Field(
        "text", description="Form of the reliability diagram: a text table, a small SVG, or none."
    )


class ReliabilityBin(Output):
    """Resolved cases of about the same stated confidence."""

    low: float = Field(description="Lowest stated confidence of the bin.")
    high: float = Field(description="Highest.")
    n: int = Field(description="Wins and losses in it.")
    stated: float = Field(description="Mean stated confidence.")
    came_true: float = Field(description="Share that came true.")


class Accuracy(Output):
    """What the record says."""

    domain: str = Field(description="The domain as it is kept.")
    resolved: int = Field(description="Predictions with an outcome: wins, losses and void ones.")
    open: int = Field(description="Predictions without one.")
    wins: int = Field(description="Statements that came true.")
    losses: int = Field(description="Statements that didn't.")
    void: int = Field(description="Statements that can't be judged; they count for nothing.")
    win_rate: float | None = Field(description="wins / (wins + losses); null without either.")
    last_resolved_at: AwareDatetime | None = Field(description="When the newest outcome was recorded (UTC).")
    brier: float | None = Field(
        description="Mean squared error of the stated confidences, 0 best, 0.25 for always saying 0.5."
    )
    calibrated_brier: float | None = Field(description="The same of the calibrated ones.")
    log_loss: float | None = Field(
        description="Mean negative log probability (natural) of what happened; confidences are read as 0.001 "
        "away from 0 and 1."
    )
    calibration: list[ReliabilityBin] = Field(description="Stated confidences against what came true.")
    diagram: str | None = Field(description="The same as a table or an SVG; null when there is nothing.")
    notice: str | None = Field(description="What to know about these figures.")


@tool(
    title="Accuracy in a domain",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def get_domain_accuracy(arguments: AccuracyRequest, context: Context) -> Accuracy:
    """Show how often this caller's predictions in a domain came true and how well their confidence fits.

    Use it to judge a record; calibrate_decision applies it to one statement, record_outcome adds to it.

    Returns counts, win rate, Brier score, log loss and reliability bins. It covers what was kept by
    calibrate_decision or imported, and this caller's cases only.
    """
    work = partial(
        accuracy_of, ledger_of(context), context.grant, domain_of(arguments.domain), arguments.diagram
    )
    return await anyio.to_thread.run_sync(work)


def accuracy_of(
    ledger: PredictionLedger, grant: str, domain: str, diagram: Literal["none", "text", "svg"] = "none"
) -> Accuracy:
    """A caller's record in a normal domain."""
    totals, bins = ledger.totals(grant, domain), ledger.bins(grant, domain)
    judged = totals.wins + totals.losses
    notice = None
    if not judged:
        notice = "No prediction in this domain has an outcome yet."
    elif judged < 30:
        notice = f"{judged} judged cases are few: these figures may be luck."
    return Accuracy(
        domain=domain,
        resolved=judged + totals.void,
        open=totals.open,
        wins=totals.wins,
        losses=totals.losses,
        void=totals.void,
        win_rate=totals.wins / judged if judged else None,
        last_resolved_at=totals.last_resolved_at,
        brier=totals.brier,
        calibrated_brier=totals.calibrated_brier,
        log_loss=totals.log_loss,
        calibration=[
            ReliabilityBin(
                low=each.low, high=each.high, n=each.n, stated=each.stated, came_true=each.came_true
            )
            for each in bins
        ],
        diagram=_diagram(bins, diagram),
        notice=notice,
    )


def _diagram(bins: Sequence[Bin], form: Literal["none", "text", "svg"]) -> str | None:
    if not bins or form == "none":
        return None
    return as_svg(bins) if form == "svg" else as_text(bins)
