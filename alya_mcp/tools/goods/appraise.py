"""`alya_gem_appraise`: the value of a gem of the catalogue, from similar priced gems."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import anyio
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.errors import InvalidInput, NotConfigured
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.goods.gems import SAMPLE_NOTE, GemCatalogue, canonical, sample
from alya_mcp.tools.goods.logic.comparables import nearest
from alya_mcp.tools.goods.logic.gems import QUALITIES, Gem, grade, plain
from alya_mcp.tools.goods.logic.hedonic import FEWEST, LEVEL, MOST, Estimate, Factor, HedonicModel

_COMPARABLES = 5
_ALTERNATIVES = 3
_FEW = 30
_WEIGHT_STEP = 1.1
_BEYOND = 1.25
_FAR_BEYOND = 3.0
_MOST_SUSPECTS = 10
_FAR_AWAY = 3.0
_WIDE = 6.0
_NO_VALUE = 100.0
"""Factor between the ends of an interval from which a value says nothing."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]
Number = Annotated[int, Field(ge=0, le=10**18)]


class AppraisalRequest(Input):
    """Which gem."""

    gem_id: Text | Number = Field(description="The gem's id in the catalogue: a UUID or a number.")


class PriceInterval(Output):
    """A range that holds the price with a stated probability."""

    low: float = Field(description="Lower end in USD.")
    high: float = Field(description="Upper end in USD.")
    level: float = Field(description="Probability that the price lies within.")


class Comparable(Output):
    """A priced gem of the same species, one of the nearest."""

    gem_id: str = Field(description="Its id.")
    price_usd: float = Field(description="What it was sold for.")
    adjusted_usd: float = Field(
        description="That price, moved by the model to this gem's weight, qualities and date."
    )
    carat: float = Field(description="Its weight in carats.")
    sold_at: AwareDatetime | None = Field(description="When it was sold (UTC).")
    differs: list[str] = Field(description="Qualities in which it is another than this gem.")
    distance: float = Field(description="How unlike the two are: 0 for equal; 3 is far.")


class GemQuality(Output):
    """The qualities of the gem, as the catalogue has them; null where it has none."""

    variety: str | None = Field(description="Variety.")
    colour: str | None = Field(description="Colour.")
    clarity: str | None = Field(description="Clarity.")
    cut: str | None = Field(description="Cut.")
    origin: str | None = Field(description="Origin.")
    treatment: str | None = Field(description="Treatment.")
    certificate: str | None = Field(description="Laboratory of its certificate.")


class Sensitivity(Output):
    """What another quality would do to the value."""

    quality: str = Field(description="The quality that is changed.")
    given: str = Field(description="What this gem has; empty when the catalogue doesn't say.")
    instead: str = Field(description="What it has instead.")
    change_percent: float = Field(description="How much the value changes, in percent.")
    low: float = Field(description="Lower end of the 90 % interval of changePercent.")
    high: float = Field(description="Upper end.")
    gems: int = Field(description="Priced gems with that quality.")


class PriceTrend(Output):
    """How the prices of the species move."""

    percent_per_year: float = Field(description="Change in percent a year.")
    low: float = Field(description="Lower end of its 90 % interval.")
    high: float = Field(description="Upper end.")
    since: AwareDatetime = Field(description="The first dated sale (UTC).")
    until: AwareDatetime = Field(description="The newest dated sale (UTC).")
    sales: int = Field(description="Dated sales.")


class Appraisal(Output):
    """A value and what it rests on."""

    gem_id: str = Field(description="The gem.")
    species: str = Field(description="Its species.")
    carat: float = Field(description="Its weight in carats.")
    quality: GemQuality = Field(description="Its qualities.")
    value_usd: float = Field(description="The value in USD: as likely too high as too low.")
    interval: PriceInterval = Field(description="How sure that is.")
    fair_price_ceiling: float = Field(
        description="USD; 70 % of gems like this one sell for less, so to pay more is dear."
    )
    as_of: AwareDatetime | None = Field(description="The date of the value (UTC); null without dated sales.")
    comparables: list[Comparable] = Field(description="The nearest priced gems of the species.")
    sensitivity: list[Sensitivity] = Field(description="What each quality does to the value.")
    trend: PriceTrend | None = Field(description="How prices move; null where the dates don't tell.")
    basis: Literal["import", "sample"] = Field(
        description="import: the caller's own priced gems; sample: the bundled ones, which aren't prices of "
        "today."
    )
    priced: int = Field(description="Priced gems of the species that the model knows.")
    typical_error_percent: float = Field(
        description="Median error of the model on priced gems that it doesn't know."
    )
    suspects: list[str] = Field(description="Ids of priced gems whose price looks wrong; they hardly count.")
    warnings: list[str] = Field(description="What makes the value doubtful; empty when nothing does.")


@tool(
    title="Appraise a gem",
    category="Read",
    risk="Medium",
    price=0.10,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def alya_gem_appraise(arguments: AppraisalRequest, context: Context) -> Appraisal:
    """Appraise one gem of the catalogue by the prices of others of its species.

    Use it for a value, a fair price ceiling or what a quality is worth. Gems and their prices come from the
    user's file (`alya-mcp gems import`); without one a sample of diamonds of 2008 shows the method. For
    listings on sale use alya_antiques_undervalued.

    Returns value, 90 % interval, ceiling, nearest comparables, sensitivity, trend and warnings. It says "no
    basis" where fewer than 8 priced gems of the species are known or the gem is far outside them. It looks at
    no stone and replaces no gemmologist.
    """
    catalogue = context.hub.kept(GemCatalogue, lambda: GemCatalogue(context.hub.settings.home))
    gem_id = canonical(str(arguments.gem_id))
    known = await anyio.to_thread.run_sync(partial(_known, catalogue, context.grant, gem_id))
    key = ("gems", context.grant, known.version, plain(known.gem.species))
    model = await context.hub.http.memo.get_slow(
        key, lambda: anyio.to_thread.run_sync(partial(HedonicModel, known.priced))
    )
    return await anyio.to_thread.run_sync(partial(_appraised, known, model))


class _Known:
    """A gem, the priced gems of its species, and where both come from."""

    def __init__(self, gem: Gem, priced: Sequence[Gem], version: int, *, imported: bool) -> None:
        self.gem = gem
        self.priced = priced
        self.version = version
        self.imported = imported


def _known(catalogue: GemCatalogue, grant: str, gem_id: str) -> _Known:
    """The gem and the priced ones of its species.

    Raises:
        InvalidInput: there is no such gem, or it is far outside the priced ones.
        NotConfigured: too few priced gems of its species are known.
    """
    version, imported = catalogue.version(grant), not catalogue.is_empty(grant)
    gem = catalogue.find(grant, gem_id) if imported else sample().get(gem_id)
    if gem is None:
        where = "alya-mcp gems list shows the user those that are" if imported else SAMPLE_NOTE
        what = "in the catalogue" if imported else "in the sample, whose ids are 1 to 300"
        raise InvalidInput(f"There is no gem {gem_id!r} {what}; {where}")
    if imported:
        priced = catalogue.priced(grant, gem.species)
        counts = catalogue.counts(grant)
    else:
        priced = [each for each in sample().values() if plain(each.species) == plain(gem.species)]
        counts = {}
    others = [each for each in priced if each.id != gem.id]
    if len(others) < FEWEST:
        raise NotConfigured(_no_basis(gem, len(others), counts))
    lightest, heaviest = min(each.carat for each in others), max(each.carat for each in others)
    if not lightest / _FAR_BEYOND <= gem.carat <= heaviest * _FAR_BEYOND:
        raise InvalidInput(
            f"No basis: gem {gem.id} has {gem.carat:g} carats, and the priced ones of its species have "
            f"{lightest:g} to {heaviest:g}. The user can import prices of such gems."
        )
    return _Known(gem, priced, version, imported=imported)


def _no_basis(gem: Gem, count: int, counts: Mapping[str, tuple[int, int]]) -> str:
    species = plain(gem.species)
    enough = {name: priced for name, (_, priced) in counts.items() if priced >= FEWEST and name != species}
    near = next(iter(difflib.get_close_matches(species, enough, n=1)), None)
    hint = "" if near is None else f" Is it a misspelling of {near!r}, of which there are {enough[near]}?"
    return (
        f"No basis: {count} other priced gems of the species {species!r} are known, and {FEWEST} are needed. "
        "There are no open prices to fall back on; the user imports sales with: "
        f"alya-mcp gems import FILE.csv.{hint}"
    )


def _appraised(known: _Known, model: HedonicModel) -> Appraisal:
    gem = known.gem
    estimate = model.estimate(gem if gem.price_usd is None else replace(gem, sold_at=None))
    if estimate.high > _NO_VALUE * estimate.low:
        raise NotConfigured(
            f"No basis: the prices of {len(model.gems)} gems of the species {plain(gem.species)!r} don't "
            f"explain each other; the value could be anything from {estimate.low:,.2f} to "
            f"{estimate.high:,.0f} USD. The user should check whether they are of one species, in USD and "
            "for the whole stone, and import more."
        )
    near = nearest(gem, [each for each in model.gems if each.id not in model.suspects], _COMPARABLES)
    design = model.design
    as_of = gem.sold_at if gem.price_usd is None and gem.sold_at is not None else design.newest
    return Appraisal(
        gem_id=gem.id,
        species=gem.species,
        carat=gem.carat,
        quality=GemQuality(**{name: getattr(gem, name) or None for name in QUALITIES}),
        value_usd=round(estimate.value, 2),
        interval=PriceInterval(low=round(estimate.low, 2), high=round(estimate.high, 2), level=LEVEL),
        fair_price_ceiling=round(estimate.ceiling, 2),
        as_of=as_of,
        comparables=[_comparable(model, gem, other, apart, as_of) for other, apart in near],
        sensitivity=list(_sensitivity(model, gem)),
        trend=_trend(model),
        basis="import" if known.imported else "sample",
        priced=len(model.gems),
        typical_error_percent=round(100 * model.typical_error, 1),
        suspects=sorted(model.suspects)[:_MOST_SUSPECTS],
        warnings=list(_warnings(known, model, estimate, near[0][1] if near else _FAR_AWAY)),
    )


def _comparable(
    model: HedonicModel, gem: Gem, other: Gem, apart: float, as_of: datetime | None
) -> Comparable:
    return Comparable(
        gem_id=other.id,
        price_usd=other.price_usd or 0.0,
        adjusted_usd=round(model.moved(other, gem, as_of), 2),
        carat=other.carat,
        sold_at=other.sold_at,
        differs=[name for name in QUALITIES if gem.quality(name) != other.quality(name)],
        distance=round(apart, 3),
    )


def _sensitivity(model: HedonicModel, gem: Gem) -> Iterator[Sensitivity]:
    for factor in (1 / _WEIGHT_STEP, _WEIGHT_STEP):
        other = replace(gem, carat=gem.carat * factor)
        yield Sensitivity(
            quality="carat",
            given=f"{gem.carat:g}",
            instead=f"{other.carat:.4g}",
            **_percent(model.change(gem, other)),
            gems=sum(abs(each.carat / other.carat - 1) < _WEIGHT_STEP - 1 for each in model.gems),
        )
    for name in QUALITIES:
        for word in _alternatives(model, gem, name):
            other = replace(gem, **{name: word})
            yield Sensitivity(
                quality=name,
                given=getattr(gem, name),
                instead=next(getattr(each, name) for each in model.gems if each.quality(name) == word),
                **_percent(model.change(gem, other)),
                gems=model.design.levels[name][word],
            )


def _percent(factor: Factor) -> dict[str, float]:
    return {
        "change_percent": round(100 * (factor.value - 1), 1),
        "low": round(100 * (factor.low - 1), 1),
        "high": round(100 * (factor.high - 1), 1),
    }


def _alternatives(model: HedonicModel, gem: Gem, name: str) -> list[str]:
    """The next better and next worse grade of a scale; of words without a scale the most frequent."""
    own = gem.quality(name)
    words = {word: count for word, count in model.design.levels[name].items() if word and word != own}
    place = grade(name, own)
    if place is not None:
        placed = {word: each for word in words if (each := grade(name, word)) is not None}
        better = min((w for w in placed if placed[w] > place), key=lambda w: placed[w], default=None)
        worse = max((w for w in placed if placed[w] < place), key=lambda w: placed[w], default=None)
        return [word for word in (better, worse) if word is not None]
    return sorted(words, key=lambda word: (-words[word], word))[:_ALTERNATIVES]


def _trend(model: HedonicModel) -> PriceTrend | None:
    trend, design = model.trend(), model.design
    if trend is None or design.oldest is None or design.newest is None:
        return None
    return PriceTrend(
        percent_per_year=round(100 * (trend.value - 1), 2),
        low=round(100 * (trend.low - 1), 2),
        high=round(100 * (trend.high - 1), 2),
        since=design.oldest,
        until=design.newest,
        sales=design.dated,
    )


def _warnings(known: _Known, model: HedonicModel, estimate: Estimate, nearest_apart: float) -> Iterator[str]:
    gem, others = known.gem, [each for each in known.priced if each.id != known.gem.id]
    if not known.imported:
        yield SAMPLE_NOTE
    if gem.id in model.suspects:
        yield (
            f"Its own price, {gem.price_usd:,.2f} USD, doesn't fit the others; check whether it is in USD "
            "and for the whole stone"
        )
    weights = [each.carat for each in others]
    if not min(weights) / _BEYOND <= gem.carat <= max(weights) * _BEYOND:
        yield f"its {gem.carat:g} carats are outside the priced ones ({min(weights):g} to {max(weights):g})"
    for name in model.design.unseen(gem):
        yield (
            f"no priced gem has its {name}, {getattr(gem, name)!r}"
            if getattr(gem, name)
            else (f"every priced gem has its {name} told, this one not")
        )
    if estimate.high > _WIDE * estimate.low:
        yield f"the interval is wide: its ends differ by a factor of {estimate.high / estimate.low:.0f}"
    if nearest_apart >= _FAR_AWAY:
        yield "even the nearest priced gem is far from it; see comparables"
    if len(others) < _FEW:
        yield f"{len(others)} priced gems are few for an interval of 90 %"
    if len(known.priced) > MOST:
        yield f"of {len(known.priced):,} priced gems the newest {MOST:,} are used"
    if model.suspects:
        yield f"{len(model.suspects)} imported prices look wrong and hardly count; see suspects"
