"""`calibrate_decision`: calibrates a stated confidence by the caller's own record."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

import anyio
from pydantic import Field, StringConstraints

from alya_mcp.errors import InvalidInput
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.decisions.ledger import PredictionLedger, new_call_id
from alya_mcp.tools.decisions.ledger_case import LedgerCase
from alya_mcp.tools.decisions.logic.calibration import LEVEL, Calibrated, calibrated
from alya_mcp.tools.decisions.logic.domains import normal
from alya_mcp.tools.decisions.logic.opinions import pooled, weight
from alya_mcp.tools.decisions.logic.stakes import kelly

_SIMILAR = 5
_LEAST_SHARED = 0.1
_LEAST_IN_BIN = 3

Domain = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"\w")]


class DecisionRequest(Input):
    """A statement and how sure the caller is of it."""

    domain: Domain = Field(
        description="Kind of decision, parts joined by /, such as equities/us or freelance; kinds that share "
        "their first parts learn from each other."
    )
    statement: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")] = Field(
        description="What will turn out true or false, in one sentence, with its date."
    )
    confidence: float = Field(ge=0, le=1, description="How probable you think it is, 0 to 1.")
    odds: float | None = Field(
        None,
        ge=1.001,
        le=10_000,
        description="Decimal odds offered on the statement, above 1: what a stake of 1 returns if it comes "
        "true.",
    )
    opinion: float | None = Field(
        None, ge=0, le=1, description="A second opinion on the same statement, such as a market's price."
    )
    opinion_source: Annotated[str, StringConstraints(max_length=60, pattern=r"\S")] | None = Field(
        None, description="Whose opinion that is, such as polymarket; its weight is its own record here."
    )


class SimilarCase(Output):
    """A resolved case of this caller."""

    call_id: str = Field(description="Its id.")
    statement: str = Field(description="What was stated.")
    domain: str = Field(description="Its domain.")
    confidence: float = Field(description="How probable it was said to be, 0 to 1.")
    outcome: Literal["win", "loss"] = Field(description="win: it came true; loss: it didn't.")
    similarity: float = Field(description="0 to 1: how much their words and confidences agree.")


class CredibleInterval(Output):
    """A credible interval of the calibrated confidence."""

    low: float = Field(description="Lower end.")
    high: float = Field(description="Upper end.")
    level: float = Field(description="Probability that the interval holds.")


class SecondOpinion(Output):
    """What somebody else thinks, and what that is worth."""

    source: str = Field(description="Whose opinion.")
    probability: float = Field(description="The opinion, 0 to 1.")
    weight: float = Field(description="Its share in calibratedConfidence, 0 to 1; 0 without a record.")
    n: int = Field(description="Resolved cases by which it is weighed.")


class CalibratedDecision(Output, title="Decision"):
    """A calibrated confidence and what it rests on."""

    call_id: str = Field(description="The kept prediction's id, for record_outcome.")
    domain: str = Field(description="The domain as it is kept.")
    calibrated_confidence: float = Field(description="How probable it is by the record, 0 to 1.")
    interval: CredibleInterval = Field(description="How sure that is.")
    basis: Literal["ledger", "prior"] = Field(
        description="ledger: resolved cases of this caller; prior: there are none, and the stated confidence "
        "is only drawn a little to the middle."
    )
    n: int = Field(description="Resolved cases (wins and losses) that it rests on, all domains.")
    n_domain: int = Field(description="Those of them in this very domain or within it.")
    second_opinion: SecondOpinion | None = Field(description="The opinion given, and its weight.")
    kelly_fraction: float | None = Field(
        description="Share of a bankroll to stake by Kelly's rule at calibratedConfidence; 0 without an "
        "edge, null without odds. It is the largest stake that makes sense, not a recommended one."
    )
    cautious_fraction: float | None = Field(
        description="Half of Kelly's stake at the interval's lower end; null without odds."
    )
    similar_cases: list[SimilarCase] = Field(description="Nearest resolved cases, the nearest first.")
    counter_argument: str | None = Field(
        description="The strongest thing in the ledger that speaks against the stated confidence; null when "
        "nothing does."
    )


@tool(
    title="Calibrate a decision",
    category="Read",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=False,
)
async def calibrate_decision(arguments: DecisionRequest, context: Context) -> CalibratedDecision:
    """Calibrate a stated confidence against this caller's own resolved predictions, and keep the prediction.

    Use it before acting on a forecast or a bet. Report what came of it with record_outcome, so that the next
    answer is better; get_domain_accuracy shows the record as a whole.

    Returns the calibrated confidence with a 90 % credible interval, the stake by Kelly's rule where odds are
    given, similar resolved cases, and what in the record speaks against. It knows nothing of the statement
    itself: with few resolved cases (`n`) it hardly moves the stated confidence, and says so in `basis`. It
    places no bet and gives no financial advice.
    """
    if (arguments.opinion is None) != (arguments.opinion_source is None):
        raise InvalidInput("opinion and opinionSource go together: give both or neither.")
    ledger = ledger_of(context)
    return await anyio.to_thread.run_sync(partial(_decide, ledger, context.grant, arguments))


def ledger_of(context: Context) -> PredictionLedger:
    """The ledger of this server's home."""
    return context.hub.kept(PredictionLedger, lambda: PredictionLedger(context.hub.settings.home))


def domain_of(asked: str) -> str:
    """`asked` in its normal form.

    Raises:
        InvalidInput: nothing of it is a word.
    """
    domain = normal(asked)
    if not domain:
        raise InvalidInput(f"{asked!r} isn't a domain; write one such as freelance or equities/us.")
    return domain


def _decide(ledger: PredictionLedger, grant: str, asked: DecisionRequest) -> CalibratedDecision:
    domain = domain_of(asked.domain)
    levels = ledger.levels(grant, domain)
    own = calibrated(levels, asked.confidence)
    opinion = _opinion(ledger, grant, asked)
    probability, low, high = own.probability, own.low, own.high
    if opinion is not None:
        probability, low, high = (
            pooled(value, opinion.probability, opinion.weight) for value in (probability, low, high)
        )
    n = sum(cell.n for level in levels for cell in level)
    near = _near(ledger, grant, asked)
    case = LedgerCase(
        call_id=new_call_id(),
        domain=domain,
        statement=asked.statement.strip(),
        confidence=asked.confidence,
        calibrated=own.probability,
        made_at=datetime.now(UTC),
        opinion=asked.opinion,
        opinion_source=None if opinion is None else opinion.source,
    )
    ledger.keep(grant, [case])
    odds = asked.odds
    return CalibratedDecision(
        call_id=case.call_id,
        domain=domain,
        calibrated_confidence=probability,
        interval=CredibleInterval(low=low, high=high, level=LEVEL),
        basis="ledger" if n else "prior",
        n=n,
        n_domain=sum(cell.n for cell in levels[-1]),
        second_opinion=opinion,
        kelly_fraction=None if odds is None else kelly(probability, odds),
        cautious_fraction=None if odds is None else kelly(low, odds) / 2,
        similar_cases=near[:_SIMILAR],
        counter_argument=_against(ledger, grant, domain, asked.confidence, own, near),
    )


def _opinion(ledger: PredictionLedger, grant: str, asked: DecisionRequest) -> SecondOpinion | None:
    if asked.opinion is None or asked.opinion_source is None:
        return None
    source = asked.opinion_source.strip().casefold()
    record = ledger.record_of(grant, source)
    return SecondOpinion(source=source, probability=asked.opinion, weight=weight(record), n=len(record))


def _near(ledger: PredictionLedger, grant: str, asked: DecisionRequest) -> list[SimilarCase]:
    found: list[SimilarCase] = []
    for case, shared in ledger.similar(grant, asked.statement):
        similarity = shared * (1 - abs(case.confidence - asked.confidence) / 2)
        if similarity >= _LEAST_SHARED and case.outcome in ("win", "loss"):
            found.append(
                SimilarCase(
                    call_id=case.call_id,
                    statement=case.statement,
                    domain=case.domain,
                    confidence=case.confidence,
                    outcome=case.outcome,
                    similarity=similarity,
                )
            )
    return sorted(found, key=lambda each: -each.similarity)


def _against(
    ledger: PredictionLedger, grant: str, domain: str, stated: float, own: Calibrated, near: list[SimilarCase]
) -> str | None:
    """What speaks most against the stated side: such confidences' record, else a contrary case."""
    sure = stated >= 0.5
    for prefix in dict.fromkeys((domain, domain.partition("/")[0], "")):
        for each in ledger.bins(grant, prefix):
            inside = each.low <= stated < each.high or (stated == 1 and each.high == 1)
            worse = each.came_true < each.stated if sure else each.came_true > each.stated
            if inside and worse and each.n >= _LEAST_IN_BIN:
                where = prefix or "all domains"
                return (
                    f"Of {each.n} resolved cases in {where} stated at {each.low:.0%} to {each.high:.0%}, "
                    f"{each.came_true:.0%} came true, where {each.stated:.0%} was stated."
                )
    contrary = next((each for each in near if (each.outcome == "loss") == sure), None)
    if contrary is not None:
        came = "did not come true" if contrary.outcome == "loss" else "came true"
        return f"A similar case, stated at {contrary.confidence:.0%}, {came}: {contrary.statement}"
    if (own.probability < stated) == sure and abs(own.probability - stated) >= 0.05:
        return f"By the whole record, confidences like this one come true in {own.probability:.0%} of cases."
    return None
