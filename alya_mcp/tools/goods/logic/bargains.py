"""Finds listings priced far below comparable ones.

The expected log price of a listing is a robust regression on the words of the titles, without the listing
itself, moved by what its comparables ask beyond theirs. How far below it lies is measured in standard
deviations of comparable listings; which of those count as bargains is decided for all together, so that at
most one claim in seven is expected to be chance (Benjamini and Hochberg, Controlling the False Discovery
Rate, Journal of the Royal Statistical Society B 57 (1995)).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import atan, cos, exp, log, sin, sqrt
from statistics import median
from typing import Final

from alya_mcp.text.folding import fold
from alya_mcp.tools.goods.logic.listings import Listing
from alya_mcp.tools.goods.logic.ridge import Row
from alya_mcp.tools.goods.logic.robust import settle

Key = tuple[str, str]
"""A word, or an attribute and its value."""

FEWEST: Final = 8
"""Comparables without which nothing is claimed."""
SMALLEST: Final = 0.25
"""The smallest discount that is shown."""
CHANCE: Final = 1 / 7
"""Expected share of claims that are chance."""
LEVEL: Final = 0.9
_MOST: Final = 30
_LEAST_ALIKE: Final = 0.08
_NEAREST: Final = 5
_WORDS: Final = 80
_FEWEST_WITH_WORD: Final = 3
_COMMON: Final = 0.8
_FLAT: Final = 100.0
_SPREAD: Final = 0.5
"""How much a word may move log prices, before the listings are asked."""
_LEAST: Final = 0.02
_LARGEST: Final = 2.0
_ROUNDS: Final = 3
_PAIR_SPREAD: Final = 0.15
_TELLING: Final = 8
_FREEDOM: Final = 20
_TRUST: Final = 8.0
"""Comparables at which half of what they ask beyond the fit is believed."""
_SMALLEST_NOISE: Final = 0.08
_FAR: Final = 3.0
"""Standard deviations from which a listing has no say in what others are worth."""
_REACH: Final = 1.645
_MEDIAN_COST: Final = 1.57
"""Variance of a median over that of a mean (pi / 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bargain:
    """A listing under its comparables; `low` and `high` are the 90 % interval of `estimate`, all in USD."""

    listing: Listing
    price: float
    estimate: float
    low: float
    high: float
    comparables: int
    nearest: Sequence[Listing]

    @property
    def discount(self) -> float:
        """How far the price is below the estimate, as a share of the estimate."""
        return 1 - self.price / self.estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedListings:
    """What came of a search: `pool` listings were compared, `judged` of them had enough comparables."""

    bargains: Sequence[Bargain]
    pool: int
    judged: int


def find_bargains(listings: Sequence[Listing]) -> JudgedListings:
    """The bargains among undamaged originals with prices in USD, the largest discount first.

    Sold ones are compared with and are never bargains. Equal titles at one price count once.
    """
    pool = _distinct(listings)
    if len(pool) <= FEWEST:
        return JudgedListings(bargains=(), pool=len(pool), judged=0)
    logs = [log(listing.price or 1.0) for listing in pool]
    design = _design(pool)
    first = _learned(design, logs)
    fit = settle(design.rows, logs, first)
    noise, errors = _trimmed(_design(pool, first, _telling_pairs(pool, design, fit.fit.coefficients)), logs)
    rarity = _rarity(pool)
    found: list[tuple[float, Bargain]] = []
    for index, listing in enumerate(pool):
        if listing.sale != "fixed":
            continue
        near = _comparables(index, pool, rarity)
        if len(near) < FEWEST:
            continue
        error, spread = errors[index]
        shift = median(errors[other][0] for other in near) * len(near) / (len(near) + _TRUST)
        centre = logs[index] - error + shift
        unsure = _REACH * noise * sqrt(spread**2 - 1 + _MEDIAN_COST / (len(near) + _TRUST))
        bargain = Bargain(
            listing=listing,
            price=listing.price or 1.0,
            estimate=exp(centre),
            low=exp(centre - unsure),
            high=exp(centre + unsure),
            comparables=len(near),
            nearest=[pool[other] for other in near[:_NEAREST]],
        )
        below = (logs[index] - centre) / (noise * spread)
        found.append((_tail(below), bargain))
    claimed = [each for each in _discoveries(found) if each.discount >= SMALLEST]
    claimed.sort(key=lambda each: (-each.discount, each.listing.id))
    return JudgedListings(bargains=claimed, pool=len(pool), judged=len(found))


def _distinct(listings: Sequence[Listing]) -> list[Listing]:
    kept: dict[tuple[str, float], Listing] = {}
    for listing in listings:
        if listing.price is not None:
            kept.setdefault((fold(listing.title), listing.price), listing)
    return list(kept.values())


@dataclass(frozen=True, slots=True)
class _Design:
    """A row per listing, the prior spread of each column, and the column of each word or attribute."""

    rows: Sequence[Row]
    spreads: Sequence[float]
    columns: Mapping[Key, int]


def _design(
    pool: Sequence[Listing], spreads: Sequence[float] = (), pairs: Collection[tuple[Key, Key]] = ()
) -> _Design:
    """The words and attributes that some titles have and others haven't, and given pairs of them.

    `spreads` are those of the words and attributes, where they are known.
    """
    counts = Counter(key for listing in pool for key in _keys(listing))
    most = _COMMON * len(pool)
    frequent = [key for key, count in counts.most_common() if _FEWEST_WITH_WORD <= count <= most][:_WORDS]
    columns = {key: place for place, key in enumerate(frequent, start=1)}
    places = {pair: place for place, pair in enumerate(pairs, start=1 + len(frequent))}
    known = list(spreads) or [_FLAT, *[_SPREAD] * len(frequent)]
    rows: list[Row] = []
    for listing in pool:
        keys = _keys(listing)
        held = {0, *(columns[key] for key in keys if key in columns)}
        held.update(place for (one, other), place in places.items() if one in keys and other in keys)
        rows.append([(place, 1.0) for place in sorted(held)])
    return _Design(rows, [*known, *[_PAIR_SPREAD] * len(places)], columns)


def _learned(design: _Design, logs: Sequence[float]) -> list[float]:
    """How much each word may move log prices, by the listings themselves.

    Automatic relevance determination (Tipping, Journal of Machine Learning Research 1 (2001)): a spread
    becomes what its coefficient was found to be, with the uncertainty of that. So a maker counts whole, and
    praise hardly.
    """
    spreads = list(design.spreads)
    for _ in range(_ROUNDS):
        settled = settle(design.rows, logs, spreads)
        fit = settled.fit
        for column in range(1, len(spreads)):
            variance = settled.noise**2 * fit.inverse[column][column]
            spreads[column] = min(_LARGEST, max(_LEAST, sqrt(fit.coefficients[column] ** 2 + variance)))
    return spreads


def _trimmed(design: _Design, logs: Sequence[float]) -> tuple[float, list[tuple[float, float]]]:
    """The noise of log prices, and each listing's error and spread by a fit to those that aren't far off."""
    rough = settle(design.rows, logs, design.spreads)
    scores = [
        abs(error) / (rough.noise * spread) for error, spread in rough.left_out_errors(design.rows, logs)
    ]
    near = [index for index, score in enumerate(scores) if score <= _FAR]
    fit = settle([design.rows[index] for index in near], [logs[index] for index in near], design.spreads)
    left_out = fit.left_out_errors([design.rows[index] for index in near], [logs[index] for index in near])
    errors = dict(zip(near, left_out, strict=True))
    for index, (row, price) in enumerate(zip(design.rows, logs, strict=True)):
        if index not in errors:
            errors[index] = price - fit.fit.value(row), sqrt(1 + fit.fit.leverage(row))
    return max(_SMALLEST_NOISE, fit.noise), [errors[index] for index in range(len(logs))]


def _telling_pairs(
    pool: Sequence[Listing], design: _Design, coefficients: Sequence[float]
) -> list[tuple[Key, Key]]:
    """Pairs of the words that move the price most and that some titles have together."""
    counts = Counter(key for listing in pool for key in _keys(listing))
    by_weight = sorted(
        design.columns, key=lambda key: -abs(coefficients[design.columns[key]]) * sqrt(counts[key])
    )
    telling = sorted(by_weight[:_TELLING])
    together: Counter[tuple[Key, Key]] = Counter()
    for listing in pool:
        keys = _keys(listing)
        together.update(combinations([key for key in telling if key in keys], 2))
    return [pair for pair, count in together.items() if count >= _FEWEST_WITH_WORD]


def _keys(listing: Listing) -> set[Key]:
    traits = {(kind, value) for kind, values in listing.attributes.items() for value in values}
    return {("word", word) for word in listing.words} | traits | {("pieces", str(listing.pieces))}


def _rarity(pool: Sequence[Listing]) -> dict[str, float]:
    counts = Counter(word for listing in pool for word in listing.words)
    return {word: log(1 + len(pool) / count) for word, count in counts.items()}


def _comparables(index: int, pool: Sequence[Listing], rarity: dict[str, float]) -> list[int]:
    """The places of the listings most like one, the most alike first."""
    mine = pool[index]
    found: list[tuple[float, int]] = []
    for place, other in enumerate(pool):
        if place == index or not mine.like(other):
            continue
        every = sum(rarity[word] for word in mine.words | other.words)
        alike = sum(rarity[word] for word in mine.words & other.words) / every if every else 0.0
        if alike >= _LEAST_ALIKE:
            found.append((alike, place))
    found.sort(key=lambda each: (-each[0], each[1]))
    return [place for _, place in found[:_MOST]]


def _discoveries(found: Sequence[tuple[float, Bargain]]) -> list[Bargain]:
    """Those whose tail probabilities Benjamini and Hochberg's procedure takes for more than chance."""
    ordered = sorted(found, key=lambda each: each[0])
    taken = 0
    for rank, (probability, _) in enumerate(ordered, start=1):
        if probability <= CHANCE * rank / len(ordered):
            taken = rank
    return [bargain for _, bargain in ordered[:taken]]


def _tail(score: float) -> float:
    """The probability that Student's t with `_FREEDOM` (even) degrees of freedom lies below `score`."""
    angle = atan(score / sqrt(_FREEDOM))
    even, term, total = cos(angle) ** 2, 1.0, 1.0
    for step in range(1, _FREEDOM // 2):
        term *= even * (2 * step - 1) / (2 * step)
        total += term
    return max(0.0, 0.5 + 0.5 * sin(angle) * total)
