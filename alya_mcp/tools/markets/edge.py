"""`polymarket_edge`: markets where a model disagrees most with the price, after costs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, Field

from alya_mcp.net.answers import Fetched
from alya_mcp.settings.providers import SOURCES
from alya_mcp.toolkit.models import Input, Output, UntrustedText
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.markets.logic import edge, fair
from alya_mcp.tools.markets.market import MarketName, named

if TYPE_CHECKING:
    from alya_mcp.tools.markets.sources.polymarket import Elsewhere
    from alya_mcp.tools.markets.sources.polymarket_gamma import Market


class EdgeRequest(Input):
    """How many bets, and of what size."""

    limit: int = Field(
        10, ge=1, le=50, description="How many markets to return at most, the best edge first."
    )
    size_usd: float = Field(
        100.0, ge=1, le=100_000, description="Size in USD at which prices, fees and depth are taken."
    )


class Side(Output):
    """Buying one outcome and holding it to the end."""

    side: str = Field(description="The outcome, in the market's word.")
    price: float = Field(description="Average price of a share at this size in USD; it pays 1 if true.")
    cost: float = Field(description="The same with the fee.")
    fair: float = Field(description="The model's probability.")
    edge: float = Field(description="fair less cost; negative where the bet costs more than it is worth.")
    ev: float = Field(description="Expected profit in USD of the whole size.")
    ev_pct: float = Field(description="Expected profit in percent of what is spent.")
    kelly: float = Field(description="Share of one's money that the Kelly rule bets; 0 without an edge.")
    shares: float = Field(description="Shares that the size buys.")
    fee_usd: float = Field(description="The fee in USD.")


class View(Output):
    """What another venue thinks of the same question."""

    venue: str = Field(description="Name of the venue.")
    question: UntrustedText = Field(description="The question there.")
    url: str = Field(description="Its page there.")
    probability: float = Field(description="Its probability of Yes.")
    people: int = Field(description="How many people bet on it.")


class EdgeRow(Side):
    """A market, by its better side."""

    market: MarketName = Field(description="Which market.")
    other_side: Side = Field(description="The other outcome, by the same model.")
    independent: bool = Field(
        description="False where nothing but the market's own book is known: then the edge is only what "
        "trading costs, and no reason to bet."
    )
    spread: float = Field(description="Best ask less best bid.")
    depth: float = Field(description="USD on offer up to 0.02 above the best price.")
    days_to_end: float | None = Field(description="Days until it is due to end, where that is known.")
    ev_annual_pct: float | None = Field(
        description="evPct for a year of such bets, not compounded; null for under a day or an unknown end."
    )
    volume24h: float | None = Field(alias="volume24h", description="Volume of 24 hours in USD.")
    views: list[View] = Field(description="What other venues think of the same question.")
    reasons: list[str] = Field(description="How it came to that, in words.")


class Recalibration(Output):
    """The correction for the bias between favourites and longshots."""

    fitted: bool = Field(description="False: none was fitted, and prices stand as they are.")
    intercept: float = Field(description="Intercept in log-odds.")
    slope: float = Field(description="Slope in log-odds; over 1, longshots cost too much.")
    markets: int = Field(description="How many resolved markets it rests on.")
    days_before: float | None = Field(description="How long before the end their price was taken, in days.")
    date: str | None = Field(description="When it was fitted.")
    source: str | None = Field(description="Where the prices are from.")


class PricingModel(Output):
    """How the fair probability is built."""

    steps: list[str] = Field(description="What is done, in order.")
    size_usd: float = Field(description="The size at which everything is taken.")
    recalibration: Recalibration = Field(description="The correction in force.")
    consensus_weight: float = Field(description="The most that other venues weigh, of 1 in all.")
    questions_elsewhere: int = Field(description="How many open questions of other venues were compared.")
    notice: str = Field(description="What to know before one believes it.")


class Skipped(Output):
    """Markets that were left out."""

    reason: str = Field(description="Why.")
    count: int = Field(description="How many.")


class Edges(Output):
    """Bets, the best edge first."""

    rows: list[EdgeRow] = Field(description="Markets, the best edge after fees first.")
    assessed: int = Field(description="How many markets were assessed.")
    independent: int = Field(description="In how many of them something besides their own book spoke.")
    skipped: list[Skipped] = Field(description="How many of the busiest markets were left out, and why.")
    model: PricingModel = Field(description="How it was worked out.")
    complete: bool = Field(description="False when a source failed or gave an old answer; see sources.")
    fetched_at: AwareDatetime = Field(description="When the oldest of the answers used was fetched (UTC).")
    sources: list[Provenance] = Field(description="Where it is from.")


@tool(
    title="Market edge",
    category="Read",
    risk="Medium",
    price=0.50,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def polymarket_edge(arguments: EdgeRequest, context: Context) -> Edges:
    """Rank Polymarket's busiest markets by how far a model disagrees with the price, after fee and spread.

    Use it to see what a bet of a size would be worth. Use polymarket_signals for what moves, which costs far
    less, and polymarket_categorize to sort titles. Fair is the order book's own price at the size, corrected
    where a correction was fitted on resolved markets, pooled with Manifold where the very same question
    stands there. In most markets nothing independent is known: `independent` is then false, the edge is what
    trading costs, usually negative, and no reason to bet. It looks at the 40 busiest open markets. It is an
    estimate, no advice, and it never places an order.

    Returns per market side, price, fair, edge, ev, kelly, spread, depth, days to the end, the other side and
    the reasons; `model` says how it is built, `skipped` what was left out. Metered at 0.50 USD, not billed.
    """
    from alya_mcp.tools.markets.sources import polymarket

    http, now = context.hub.http, datetime.now(UTC)
    markets, opinions = await polymarket.markets_and_opinions(http)
    looked = await polymarket.look(http, markets, opinions, arguments.size_usd)
    sources = [
        provenance(markets),
        provenance(looked.books_at(now)),
        provenance(opinions) if isinstance(opinions, Fetched) else failed(SOURCES["manifold"], opinions),
    ]
    used = [markets, looked.books, *([opinions] if isinstance(opinions, Fetched) else [])]
    return Edges(
        rows=[_row(market, found, now) for market, found in looked.assessed[: arguments.limit]],
        assessed=len(looked.assessed),
        independent=sum(found.independent for _, found in looked.assessed),
        skipped=[Skipped(reason=reason, count=count) for reason, count in looked.skipped.most_common()],
        model=_model(arguments.size_usd, opinions),
        complete=isinstance(opinions, Fetched)
        and polymarket.NO_BOOK not in looked.skipped
        and not any(answer.stale for answer in used),
        fetched_at=min(answer.fetched_at for answer in used),
        sources=sources,
    )


def _row(market: "Market", assessment: edge.Assessment, now: datetime) -> EdgeRow:
    days = edge.days_to(market.end, now)
    year = edge.annualised(assessment.better.ev_share, days)
    return EdgeRow(
        **_side(assessment.better).model_dump(),
        market=named(market),
        other_side=_side(assessment.worse),
        independent=assessment.independent,
        spread=assessment.spread,
        depth=assessment.depth_usd,
        days_to_end=days,
        ev_annual_pct=None if year is None else 100 * year,
        volume24h=market.volume_day,
        views=[
            View(
                venue=each.venue,
                question=UntrustedText.of(each.question, each.venue),
                url=each.url,
                probability=each.probability,
                people=each.people,
            )
            for each in assessment.opinions
        ],
        reasons=list(assessment.reasons),
    )


def _side(bet: edge.Bet) -> Side:
    return Side(
        side=bet.side,
        price=bet.price,
        cost=bet.cost,
        fair=bet.fair,
        edge=bet.edge,
        ev=bet.ev,
        ev_pct=100 * bet.ev_share,
        kelly=bet.kelly,
        shares=bet.shares,
        fee_usd=bet.fee,
    )


def _model(usd: float, opinions: "Elsewhere") -> PricingModel:
    correction = fair.bundled()
    return PricingModel(
        steps=[
            "the order book's own price at the size, nearer to the side with less on offer (microprice)",
            "corrected for the bias between favourites and longshots"
            if correction.fitted
            else "not corrected for the bias of favourites and longshots: no correction was fitted",
            (
                f"pooled in log-odds with Manifold where the same question stands there with n people, "
                f"{fair.LEAST_PEOPLE} or more, at a weight of {fair.WEIGHT:g} x n / (n + {fair.HALF})"
            ),
            "less the average price of the size and the market's own taker fee: shares x rate x p x (1 - p)",
        ],
        size_usd=usd,
        recalibration=Recalibration(
            fitted=correction.fitted,
            intercept=correction.intercept,
            slope=correction.slope,
            markets=correction.markets,
            days_before=correction.days_before,
            date=correction.date,
            source=correction.source,
        ),
        consensus_weight=fair.WEIGHT,
        questions_elsewhere=sum(map(len, opinions.value.values())) if isinstance(opinions, Fetched) else 0,
        notice="An estimate, no advice. The weights are chosen, not fitted. A question elsewhere may be "
        "decided by other rules. Where independent is false the model knows nothing that the price doesn't.",
    )
