"""Fit the correction of Polymarket's prices for the bias between favourites and longshots.

Usage: python scripts/fit_recalibration.py [--markets N] [--days-before D] [--out FILE]

Reads markets that have ended and the price of their first outcome D days before the day on which they
were due to end, if they were still open then, through the same client as the tools. Fits logit q =
intercept + slope x logit p by maximum likelihood and writes FILE (by default the bundled one,
alya_mcp/tools/markets/logic/recalibration.json) with what it rests on. Of an event one market at most is
taken, since those of one event decide one another. Nothing is written when fewer than 200 markets are
left or when the fit is no better than no correction (likelihood ratio, 5 %).
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import anyio

from alya_mcp.errors import Unavailable
from alya_mcp.net.client import Http
from alya_mcp.settings import Settings
from alya_mcp.tools.markets.logic.fair import RecalibrationFit, expit, logit
from alya_mcp.tools.markets.sources import polymarket_data, polymarket_gamma
from alya_mcp.tools.markets.sources.polymarket_gamma import Market

BUNDLED = Path(__file__).parents[1] / "alya_mcp/tools/markets/logic/recalibration.json"
LEAST_MARKETS = 200
DAY = 86_400
OLDEST = 2 * DAY
"""Seconds by which a price may be older than the moment that is asked for."""
CHI_SQUARE_2_95 = 5.991
"""95 % of the chi-square distribution with two degrees of freedom."""

Sample = tuple[float, bool]
"""A price, and whether its outcome came true."""


def fit(samples: Sequence[Sample]) -> tuple[float, float, float]:
    """Intercept and slope by Newton's method, and the likelihood ratio against no correction (0 and 1).

    Raises:
        ValueError: there is no maximum, as when all came true.
    """
    points = [(logit(price), 1.0 if came_true else 0.0) for price, came_true in samples]
    intercept, slope = 0.0, 1.0
    for _ in range(100):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for x, y in points:
            q = expit(intercept + slope * x)
            w = q * (1 - q)
            g0 += y - q
            g1 += (y - q) * x
            h00 += w
            h01 += w * x
            h11 += w * x * x
        determinant = h00 * h11 - h01 * h01
        if determinant < 1e-9 * max(1.0, h00 * h11):
            break
        step0 = (h11 * g0 - h01 * g1) / determinant
        step1 = (h00 * g1 - h01 * g0) / determinant
        intercept, slope = intercept + step0, slope + step1
        if abs(intercept) > 10 or abs(slope) > 10:
            break
        if abs(step0) + abs(step1) < 1e-10:
            return intercept, slope, 2 * (likelihood(points, intercept, slope) - likelihood(points, 0.0, 1.0))
    raise ValueError("the samples have no best fit; more markets, of more prices, may")


def likelihood(points: Sequence[tuple[float, float]], intercept: float, slope: float) -> float:
    """The logarithm of how likely the outcomes are."""
    total = 0.0
    for x, y in points:
        odds = intercept + slope * x
        total += y * odds - (odds + math.log1p(math.exp(-odds)) if odds > 0 else math.log1p(math.exp(odds)))
    return total


async def collect(http: Http, markets: int, days_before: float) -> tuple[list[Sample], Counter[str]]:
    """Up to `markets` samples, and why others were left out."""
    chosen, skipped = await _chosen(http, markets, days_before)
    samples: list[Sample] = []
    lock = anyio.CapacityLimiter(16)

    async def one(market: Market) -> None:
        assert market.end is not None
        wanted = int(market.end.timestamp() - days_before * DAY)
        start = wanted - OLDEST
        async with lock:
            try:
                points = await polymarket_data.prices(http, market.tokens[0], start=start, end=wanted)
            except Unavailable:
                skipped["its prices could not be had"] += 1
                return
        before = [point for point in points.value if start <= point.timestamp <= wanted]
        if not before:
            skipped["it has no price of that day"] += 1
        else:
            samples.append((max(before, key=lambda point: point.timestamp).price, market.prices[0] == 1))

    async with anyio.create_task_group() as tasks:
        for market in chosen:
            tasks.start_soon(one, market)
    return samples, skipped


async def _chosen(http: Http, markets: int, days_before: float) -> tuple[list[Market], Counter[str]]:
    """Ended markets that can be used, one of an event."""
    skipped: Counter[str] = Counter()
    events: dict[str, Market] = {}
    cursor: str | None = None
    while len(events) < markets:
        page = (await polymarket_gamma.closed(http, cursor=cursor)).value
        for market in page.markets:
            reason = _unfit(market, days_before)
            if reason:
                skipped[reason] += 1
                continue
            event = (market.events[0].slug if market.events else "") or market.slug
            known = events.get(event)
            if known is not None:
                skipped["another of its event was taken"] += 1
            if known is None or _draw(market) < _draw(known):
                events[event] = market
        cursor = page.next_cursor
        if cursor is None:
            break
    return list(events.values())[:markets], skipped


def _unfit(market: Market, days_before: float) -> str | None:
    """Why a market says nothing of prices.

    The moment of its price must be known beforehand: counted back from when it really ended, those that came
    true early would weigh too much.
    """
    if len(market.tokens) != 2 or sorted(market.prices) != [0, 1]:
        return "it came to no clear end"
    if market.end is None or market.ended is None:
        return "its days aren't known"
    if (market.end - market.ended).total_seconds() > days_before * DAY:
        return "it had ended by then"
    return None


def _draw(market: Market) -> str:
    """A lot that has nothing to do with how the market went, unlike its volume."""
    return sha256(market.id.encode()).hexdigest()


async def run(http: Http, *, markets: int, days_before: float, out: Path) -> RecalibrationFit | None:
    """Collect, fit, write; None when nothing was written. Words go to stderr."""
    samples, skipped = await collect(http, markets, days_before)
    for reason, count in skipped.most_common():
        print(f"left out, since {reason}: {count}", file=sys.stderr)
    if len(samples) < LEAST_MARKETS:
        print(
            f"{len(samples)} markets are left, fewer than {LEAST_MARKETS}; nothing written", file=sys.stderr
        )
        return None
    intercept, slope, ratio = fit(samples)
    print(
        f"{len(samples)} markets: intercept {intercept:.4f}, slope {slope:.4f}, ratio {ratio:.2f}",
        file=sys.stderr,
    )
    if ratio < CHI_SQUARE_2_95:
        print("no better than no correction; nothing written", file=sys.stderr)
        return None
    found = RecalibrationFit(
        fitted=True,
        intercept=intercept,
        slope=slope,
        markets=len(samples),
        days_before=days_before,
        date=datetime.now(UTC).date().isoformat(),
        source="Polymarket: ended markets (Gamma) and their hourly prices (Data API)",
    )
    text = json.dumps(asdict(found), indent=2) + "\n"
    await anyio.Path(out).write_text(text, encoding="utf-8")
    print(f"written to {out.name}", file=sys.stderr)
    return found


async def main(options: argparse.Namespace) -> int:
    """Run it with the environment's settings."""
    http = Http(Settings.from_environment())
    try:
        found = await run(http, markets=options.markets, days_before=options.days_before, out=options.out)
    except (Unavailable, ValueError) as failure:
        print(failure, file=sys.stderr)
        return 2
    finally:
        await http.aclose()
    return 0 if found else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--markets", type=int, default=2000)
    parser.add_argument("--days-before", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=BUNDLED)
    sys.exit(anyio.run(main, parser.parse_args()))
