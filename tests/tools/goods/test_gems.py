"""alya_gem_appraise: values in order, robust to wrong prices, refused where there is no basis."""

import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from moved import Ask

from alya_mcp.errors import InvalidInput, NotConfigured, Unavailable
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.goods.appraise import alya_gem_appraise
from alya_mcp.tools.goods.gems import GemCatalogue, sample
from alya_mcp.tools.goods.logic.gems import Gem, grade, plain
from alya_mcp.tools.goods.logic.hedonic import HedonicModel
from alya_mcp.tools.goods.logic.ridge import fit_ridge

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts" / "eval"))
import gems as market_maker

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def rubies(count: int = 60, **change: object) -> list[Gem]:
    """Rubies whose price is 1000 USD per carat squared, doubled when unheated, give or take 5 %."""
    rng = random.Random(5)
    found: list[Gem] = []
    for number in range(count):
        carat, treatment = rng.uniform(0.5, 3), rng.choice(("none", "heated"))
        price = 1000 * carat**2 * (2 if treatment == "none" else 1) * rng.uniform(0.95, 1.05)
        found.append(
            Gem(id=str(number), species="Ruby", carat=carat, treatment=treatment, price_usd=price,
                sold_at=NOW - timedelta(days=rng.randrange(700)))
        )  # fmt: skip
    return [replace(gem, **change) for gem in found]


@pytest.fixture
def catalogue(hub: Hub) -> GemCatalogue:
    return hub.kept(GemCatalogue, lambda: GemCatalogue(hub.settings.home))


async def test_a_gem_is_valued_with_everything_in_order(ask: Ask, catalogue: GemCatalogue) -> None:
    asked = Gem(id="77", species="ruby", carat=2.0, treatment="None")
    catalogue.keep("local", [*rubies(), asked])
    answer = await ask(alya_gem_appraise, gemId=77)
    interval = answer["interval"]
    assert interval["low"] <= answer["valueUsd"] <= answer["fairPriceCeiling"] <= interval["high"]
    assert interval["level"] == 0.9
    assert answer["valueUsd"] == pytest.approx(8000, rel=0.06)
    assert (answer["basis"], answer["priced"], answer["suspects"], answer["warnings"]) == (
        "import",
        60,
        [],
        [],
    )
    assert len(answer["comparables"]) >= 3
    assert all(each["priceUsd"] > 0 and each["gemId"] != "77" for each in answer["comparables"])
    assert all(each["adjustedUsd"] == pytest.approx(8000, rel=0.15) for each in answer["comparables"])
    heated = next(each for each in answer["sensitivity"] if each["quality"] == "treatment")
    assert heated["instead"] == "heated"
    assert heated["changePercent"] == pytest.approx(-50, abs=5)
    assert heated["low"] < heated["changePercent"] < heated["high"] < -40
    assert abs(answer["trend"]["percentPerYear"]) < 5


async def test_a_trend_of_prices_is_found_and_comparables_are_moved_along_it(
    ask: Ask, catalogue: GemCatalogue
) -> None:
    def grown(gem: Gem) -> Gem:
        years = (NOW - (gem.sold_at or NOW)).days / 365.25
        return replace(gem, price_usd=(gem.price_usd or 0) * 1.2**-years)

    uuid = "5F0C2A9E-6A0B-4B9F-8F0E-0D9D6F6F2B11"
    asked = Gem(id=uuid.lower(), species="ruby", carat=2.0, treatment="none")
    catalogue.keep("local", [*map(grown, rubies(120)), asked])
    answer = await ask(alya_gem_appraise, gemId=uuid)
    assert answer["trend"]["low"] < 20 < answer["trend"]["high"] + 2
    assert answer["trend"]["percentPerYear"] == pytest.approx(20, abs=4)
    assert answer["valueUsd"] == pytest.approx(8000, rel=0.06)
    assert all(each["adjustedUsd"] == pytest.approx(8000, rel=0.15) for each in answer["comparables"])
    past = replace(asked, id="9", sold_at=NOW - timedelta(days=365))
    catalogue.keep("local", [past])
    assert (await ask(alya_gem_appraise, gemId="9"))["valueUsd"] == pytest.approx(8000 / 1.2, rel=0.08)


async def test_wrong_prices_hardly_move_a_value_and_are_named(ask: Ask, catalogue: GemCatalogue) -> None:
    gems = rubies()
    wrong = {"3", "17", "30", "44"}
    gems = [replace(gem, price_usd=(gem.price_usd or 0) * 10) if gem.id in wrong else gem for gem in gems]
    catalogue.keep("local", [*gems, Gem(id="77", species="ruby", carat=2.0, treatment="none")])
    answer = await ask(alya_gem_appraise, gemId="77")
    assert answer["valueUsd"] == pytest.approx(8000, rel=0.08)
    assert set(answer["suspects"]) == wrong
    assert not wrong & {each["gemId"] for each in answer["comparables"]}
    own = await ask(alya_gem_appraise, gemId="17")
    assert any("own price" in each for each in own["warnings"])


async def test_a_priced_gem_is_valued_without_its_own_price(ask: Ask, catalogue: GemCatalogue) -> None:
    gems = rubies(12)
    catalogue.keep("local", gems)
    first = (await ask(alya_gem_appraise, gemId="5"))["valueUsd"]
    catalogue.keep("local", [replace(gems[5], price_usd=(gems[5].price_usd or 0) * 1.5)])
    second = (await ask(alya_gem_appraise, gemId="5"))["valueUsd"]
    assert second == pytest.approx(first, rel=0.05)


@pytest.mark.parametrize(
    ("gem", "error", "words"),
    [
        (Gem(id="x", species="Opal", carat=1), NotConfigured, "No basis: 0 other priced"),
        (Gem(id="x", species="Rubby", carat=1), NotConfigured, "misspelling of 'ruby'"),
        (Gem(id="x", species="Ruby", carat=90), InvalidInput, "90 carats"),
    ],
)
async def test_without_a_basis_nothing_is_said(
    ask: Ask, catalogue: GemCatalogue, gem: Gem, error: type[Exception], words: str
) -> None:
    catalogue.keep("local", [*rubies(), gem])
    with pytest.raises(error, match=words):
        await ask(alya_gem_appraise, gemId="x")


async def test_prices_that_explain_nothing_are_no_basis(ask: Ask, catalogue: GemCatalogue) -> None:
    rng = random.Random(2)
    wild = [replace(gem, price_usd=rng.choice((0.01, 1e3, 1e8))) for gem in rubies(20)]
    catalogue.keep("local", wild)
    with pytest.raises(NotConfigured, match=r"No basis.*could be anything"):
        await ask(alya_gem_appraise, gemId=1)


async def test_what_makes_a_value_doubtful_is_warned_of(ask: Ask, catalogue: GemCatalogue) -> None:
    odd = Gem(id="x", species="ruby", carat=5.5, treatment="glass filled")
    catalogue.keep("local", [*rubies(20), odd])
    answer = await ask(alya_gem_appraise, gemId="x")
    told = " ".join(answer["warnings"])
    assert all(word in told for word in ("5.5 carats", "glass filled", "few"))
    assert answer["interval"]["high"] / answer["interval"]["low"] > 2


async def test_a_caller_has_a_catalogue_of_its_own_and_else_the_sample(
    ask_as, catalogue: GemCatalogue
) -> None:
    catalogue.keep("one", rubies())
    with pytest.raises(InvalidInput, match="sample"):
        await ask_as("other", alya_gem_appraise, gemId="999")
    answer = await ask_as("other", alya_gem_appraise, gemId=7)
    assert (answer["basis"], answer["species"]) == ("sample", "diamond")
    assert "2008" in answer["warnings"][0]
    with pytest.raises(InvalidInput, match="'DROP"):
        await ask_as("one", alya_gem_appraise, gemId="DROP TABLE")
    catalogue.clear("one")
    assert (await ask_as("one", alya_gem_appraise, gemId="7"))["basis"] == "sample"


async def test_an_import_counts_at_once(ask: Ask, catalogue: GemCatalogue) -> None:
    catalogue.keep("local", rubies())
    first = (await ask(alya_gem_appraise, gemId=1))["valueUsd"]
    catalogue.keep("local", [replace(gem, price_usd=(gem.price_usd or 0) * 2) for gem in rubies()])
    assert (await ask(alya_gem_appraise, gemId=1))["valueUsd"] == pytest.approx(2 * first, rel=0.01)


async def test_a_damaged_catalogue_is_an_error_and_stays(ask: Ask, hub: Hub) -> None:
    path = hub.settings.home / "goods" / "gems.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(Unavailable, match="catalogue of gems can't be used"):
        await ask(alya_gem_appraise, gemId=1)
    assert path.read_bytes().startswith(b"not a database")


def test_intervals_hold_what_they_promise_on_markets_of_another_form() -> None:
    whole = market_maker.Tally()
    for kind in market_maker.KINDS[:3]:
        whole.play(market_maker.market(7, kind, 120, 40, 0.06))
    assert 0.82 <= whole.covered / len(whole.errors) <= 0.97
    assert median(whole.errors) < 0.16
    assert whole.found >= 0.6 * whole.planted


def test_the_sample_is_what_its_label_says() -> None:
    found = sample()
    assert list(found) == [str(number) for number in range(1, 301)]
    assert all(gem.price_usd and gem.species == "diamond" for gem in found.values())
    assert HedonicModel(list(found.values())).typical_error < 0.12


def test_grades_stand_on_their_scales() -> None:
    assert grade("colour", plain("D")) == 1
    assert grade("colour", "z") == 0
    assert grade("clarity", plain("VVS1")) > grade("clarity", plain("si2"))
    assert grade("cut", plain("Very  Good")) > grade("cut", "fair")
    assert grade("colour", "vivid red") > grade("colour", "light red")
    assert (grade("colour", "pigeon blood"), grade("origin", "burma"), grade("cut", "")) == (None, None, None)


def test_ridge_regression_finds_the_coefficients_and_their_uncertainty() -> None:
    rows = [[(0, 1.0), (1, float(x))] for x in range(5)]
    fit = fit_ridge(rows, [1.0 + 2.0 * x for x in range(5)], [1.0] * 5, [1e-9, 1e-9])
    assert fit.coefficients == pytest.approx([1, 2])
    assert fit.leverage([(0, 1.0), (1, 2.0)]) == pytest.approx(0.2)
    assert fit.leverage([(0, 1.0), (1, 4.0)]) == pytest.approx(0.6)
    with pytest.raises(ArithmeticError):
        fit_ridge([[(0, 1.0), (1, 1.0)]], [1.0], [1.0], [0.0, 0.0])
