"""alya_antiques_undervalued: claims with eight comparables or none, and what counts for nothing."""

import base64
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import goods_answers as answers
import pytest
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import SECRET, Ask

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.gate import InvalidArguments
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.goods.listings import ImportedListings
from alya_mcp.tools.goods.logic.listings import Listing
from alya_mcp.tools.goods.sources.ebay import Ebay
from alya_mcp.tools.goods.undervalued import alya_antiques_undervalued

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts" / "eval"))
import antiques as market_maker

pytestmark = pytest.mark.anyio


def script(source: LoopbackSource, *items: Any, total: int | None = None) -> None:
    source.on(answers.TOKEN, answers.token())
    source.on(answers.SEARCH, answers.page(*items, total=total))
    source.on(answers.RATES, answers.ECB_XML)


async def test_a_listing_far_under_its_comparables_is_found(ask: Ask, source: LoopbackSource) -> None:
    script(source, *answers.teapots(), total=950)
    answer = await ask(alya_antiques_undervalued, query="silver teapot")
    (found,) = answer["listings"]
    assert (found["url"], found["priceUsd"], found["source"]) == ("https://www.ebay.com/itm/1", 150, "eBay")
    assert found["estimateUsd"] == pytest.approx(404, rel=0.05)
    assert found["estimateLow"] < found["estimateUsd"] < found["estimateHigh"]
    assert 0.55 < found["discountLow"] < found["discount"] < 0.7
    assert found["comparables"] >= 8
    assert len(found["nearest"]) == 5
    assert (answer["compared"], answer["judged"], answer["untrusted"]) == (15, 15, True)
    assert answer["sources"][0]["state"] == "live"
    assert "950" in answer["notice"]
    asked = source.asked[-1]
    assert asked.query["q"] == "silver teapot"
    assert asked.headers["authorization"] == "Bearer t-1"
    assert asked.headers["x-ebay-c-marketplace-id"] == "EBAY_US"
    login = source.asked[0]
    assert (
        base64.b64decode(login.headers["authorization"].removeprefix("Basic ")).decode()
        == f"{SECRET}:{SECRET}"
    )
    assert parse_qs(login.body.decode())["grant_type"] == ["client_credentials"]


async def test_too_few_comparables_are_no_claim(ask: Ask, source: LoopbackSource) -> None:
    script(source, *answers.teapots(7))
    answer = await ask(alya_antiques_undervalued, query="silver teapot")
    assert (answer["listings"], answer["judged"]) == ([], 0)
    assert answer["notice"].startswith("No claim")
    script(source)
    assert (await ask(alya_antiques_undervalued, query="nothing at all"))["compared"] == 0


async def test_what_is_no_bargain_counts_for_nothing(ask: Ask, source: LoopbackSource) -> None:
    base = "Victorian sterling silver teapot London"
    script(
        source,
        *answers.teapots()[:-1],
        answers.item(2, f"{base} damaged", 90),
        answers.item(3, f"{base} for parts", 60),
        answers.item(4, f"{base} reproduction", 80),
        answers.item(5, f"{base} 1870", 95, conditionId="7000"),
        answers.item(6, f"{base} 1871", 95, shortDescription="Sold as is, spout needs repair"),
        answers.item(
            7, f"{base} 1872", None, buyingOptions=["AUCTION"],
            currentBidPrice={"value": "9.99", "currency": "USD"},
        ),
        answers.item(8, f"{base} 1873", 0),
        answers.item(9, f"{base} 1874", None) | {"price": {"value": "120.00", "currency": "XAU"}},
        answers.item(20, "Victorian silver plated teapot London", 95),
        answers.item(21, "Victorian sterling silver spoon London", 40),
    )  # fmt: skip
    answer = await ask(alya_antiques_undervalued, query="silver teapot")
    assert answer["listings"] == []
    assert answer["leftOut"] == {
        "damaged": 4, "reproductions": 1, "auctions": 1, "currencies": 1, "withoutPrice": 1,
            "otherObjects": 0,
    }  # fmt: skip


async def test_no_damage_is_no_damage(ask: Ask, source: LoopbackSource) -> None:
    teapots = answers.teapots()
    teapots[-1]["title"] += " no damage, not a reproduction"
    script(source, *teapots)
    assert len((await ask(alya_antiques_undervalued, query="silver teapot"))["listings"]) == 1


async def test_other_currencies_count_at_a_named_rate_or_not_at_all(ask: Ask, source: LoopbackSource) -> None:
    teapots = answers.teapots()
    teapots[-1]["price"] = {"value": "96.00", "currency": "GBP"}
    script(source, *teapots)
    (found,) = (await ask(alya_antiques_undervalued, query="silver teapot"))["listings"]
    assert (found["priceUsd"], found["rate"]) == (150, "ECB reference rate of 2026-11-30")


async def test_without_a_rate_another_currency_is_left_out(ask: Ask, source: LoopbackSource) -> None:
    teapots = answers.teapots()
    teapots[-1]["price"] = {"value": "96.00", "currency": "GBP"}
    teapots[0]["price"] = {"value": "400.00", "currency": "USD", "convertedFromCurrency": "GBP"}
    script(source, *teapots)
    source.on(answers.RATES, BAD_DAYS["500"])
    answer = await ask(alya_antiques_undervalued, query="silver teapot")
    assert (answer["listings"], answer["leftOut"]["currencies"], answer["compared"]) == ([], 1, 14)
    assert [each["state"] for each in answer["sources"]] == ["live", "failed"]


async def test_the_highest_price_limits_what_is_shown_not_what_is_compared(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, *answers.teapots())
    dear = await ask(alya_antiques_undervalued, query="silver teapot", maxPriceUsd=149)
    assert (dear["listings"], dear["compared"]) == ([], 15)
    assert "above maxPriceUsd" in dear["notice"]
    fits = await ask(alya_antiques_undervalued, query="silver teapot", maxPriceUsd=150)
    assert len(fits["listings"]) == 1
    for odd in ({"query": "x"}, {"query": "silver", "limit": 0}, {"query": "silver", "maxPriceUsd": 0}):
        with pytest.raises(InvalidArguments):
            await ask(alya_antiques_undervalued, **odd)


async def test_a_refused_token_is_renewed_once(ask: Ask, source: LoopbackSource) -> None:
    script(source, *answers.teapots())
    source.on(answers.TOKEN, answers.token("old"), answers.token("new"))

    def search(asked: Asked) -> Reply:
        if asked.headers["authorization"] != "Bearer new":
            return Reply({"errors": [{"errorId": 1001, "message": "Invalid access token"}]}, 401)
        return Reply(answers.page(*answers.teapots()))

    source.on(answers.SEARCH, search)
    assert len((await ask(alya_antiques_undervalued, query="silver teapot"))["listings"]) == 1
    assert source.count(answers.TOKEN) == 2
    assert (await ask(alya_antiques_undervalued, query="another teapot"))["compared"] == 15
    assert source.count(answers.TOKEN) == 2


@pytest.mark.parametrize("place", [answers.TOKEN, answers.SEARCH])
async def test_wrong_keys_are_told_without_them(ask: Ask, source: LoopbackSource, place: str) -> None:
    script(source, *answers.teapots())
    source.on(place, Reply({"error": "invalid_client"}, 401))
    with pytest.raises(NotConfigured, match="ALYA_EBAY_CLIENT_ID") as refused:
        await ask(alya_antiques_undervalued, query="silver teapot")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("day", ["429 with Retry-After", "500", "truncated", "another shape", "a web page"])
async def test_a_bad_day_is_an_error_that_names_ebay(ask: Ask, source: LoopbackSource, day: str) -> None:
    script(source)
    source.on(answers.SEARCH, BAD_DAYS[day])
    with pytest.raises(Unavailable, match="eBay"):
        await ask(alya_antiques_undervalued, query="silver teapot")


async def test_a_kept_answer_needs_no_token_and_stands_in_for_a_new_one(
    ask: Ask, hub: Hub, source: LoopbackSource, clock: Any
) -> None:
    script(source, *answers.teapots())
    await ask(alya_antiques_undervalued, query="silver teapot")
    hub.kept(Ebay, lambda: Ebay("", "")).close()
    again = await ask(alya_antiques_undervalued, query="silver teapot")
    assert (again["sources"][0]["state"], source.count(answers.TOKEN)) == ("cached", 1)
    clock.ahead = 3600
    source.on(answers.TOKEN, BAD_DAYS["500"])
    alone = await ask(alya_antiques_undervalued, query="silver teapot")
    assert alone["sources"][0]["state"] == "stale"
    source.on(answers.SEARCH, Reply("", 401), BAD_DAYS["500"])
    source.on(answers.TOKEN, answers.token("another"))
    answer = await ask(alya_antiques_undervalued, query="silver teapot")
    assert len(answer["listings"]) == 1
    assert answer["sources"][0]["state"] == "stale"


def imported(count: int = 12) -> list[Listing]:
    found = [
        Listing(id=str(n), title=f"Ottoman copper ewer no {n}", sale="fixed", price=300.0 + n, currency="USD",
                url=f"https://shop.example/{n}")
        for n in range(count)
    ]  # fmt: skip
    return [*found, replace(found[0], id="cheap", title="Ottoman copper ewer", price=110.0)]


async def test_imported_listings_are_compared_without_keys(
    ask: Ask, ask_as: Any, hub: Hub, source: LoopbackSource
) -> None:
    object.__setattr__(hub.settings, "source_secrets", {})
    with pytest.raises(NotConfigured, match="ALYA_EBAY_CLIENT_ID"):
        await ask(alya_antiques_undervalued, query="copper ewer")
    kept = hub.kept(ImportedListings, lambda: ImportedListings(hub.settings.home))
    kept.keep("local", imported())
    answer = await ask(alya_antiques_undervalued, query="Copper EWER")
    (found,) = answer["listings"]
    assert (found["title"], found["source"], found["priceUsd"]) == ("Ottoman copper ewer", "import", 110)
    assert (answer["sources"], source.asked) == ([], [])
    with pytest.raises(NotConfigured):
        await ask_as("other", alya_antiques_undervalued, query="copper ewer")
    sold = [replace(each, sale="sold") if each.id == "cheap" else each for each in imported()]
    kept.keep("local", sold)
    assert (await ask(alya_antiques_undervalued, query="copper ewer"))["listings"] == []


async def test_imports_answer_when_ebay_fails_and_half_a_pair_of_keys_is_told(
    ask: Ask, hub: Hub, source: LoopbackSource
) -> None:
    hub.kept(ImportedListings, lambda: ImportedListings(hub.settings.home)).keep("local", imported())
    script(source)
    source.on(answers.SEARCH, BAD_DAYS["500"])
    answer = await ask(alya_antiques_undervalued, query="copper ewer")
    assert len(answer["listings"]) == 1
    assert (answer["sources"][0]["source"], answer["sources"][0]["state"]) == ("eBay", "failed")
    object.__setattr__(hub.settings, "source_secrets", {"ALYA_EBAY_CLIENT_ID": "x"})
    with pytest.raises(Failure, match="ALYA_EBAY_CLIENT_SECRET"):
        await ask(alya_antiques_undervalued, query="copper ewer")


def test_planted_bargains_are_found_and_few_claims_are_false() -> None:
    """Six markets guard against mistakes; `scripts/eval/antiques.py` measures on sixty."""
    planted, right, false = market_maker.play(200, 6)
    assert right >= 0.7 * planted
    assert false <= 0.25 * (right + false)


@pytest.mark.parametrize(
    ("title", "flaw"),
    [
        ("Cracked vase", "damaged"),
        ("Clock, spares or repairs", "damaged"),
        ("Vase a/f", "damaged"),
        ("K\u0131r\u0131k vazo", "damaged"),
        ("Louis XV style chair", "reproduction"),
        ("Ming bowl, copy", "reproduction"),
        ("Bowl without chips, cracks or restoration", None),
        ("Boxed, not a reproduction", None),
        ("Undamaged bowl", None),
        ("No box, damaged case", "damaged"),
        ("Teapot, small dent", "damaged"),
        ("Pocket watch by Dent, London", None),
        ("Reproduction teapot free post", "reproduction"),
        ("Damage free bowl", None),
        ("Osmanlı stili tepsi", "reproduction"),
        ("Onarım ister gümüş tepsi", "damaged"),
        ("Hasarsız, kusursuz tepsi", None),
        ("Tepside kırık veya çatlak yok", None),
        ("Married piece, chest of drawers", "damaged"),
    ],
)
def test_faults_and_copies_are_read_from_titles(title: str, flaw: str | None) -> None:
    assert Listing(id="1", title=title, sale="fixed", price=1.0, currency="USD", url=None).flaw == flaw


def listing(title: str, description: str = "") -> Listing:
    return Listing(
        id="1", title=title, sale="fixed", price=1.0, currency="USD", url=None, description=description
    )


@pytest.mark.parametrize(
    ("title", "description", "apart"),
    [
        ("Book about the Victorian silver teapot", "", "paper"),
        ("Auction catalogue silver teapot Victorian", "", "paper"),
        ("Lid only, silver teapot", "", "part"),
        ("Handle from a silver teapot", "", "part"),
        ("Silver teapot", "You get the base only.", "part"),
        ("Dolls house miniature silver teapot", "", "miniature"),
        ("Minyatür gümüş silver teapot", "", "miniature"),
        ("Silver teapot with its book of receipts in a box", "", None),
        ("Silver teapot and stand for a lady", "The lid closes well.", None),
    ],
)
def test_parts_paper_and_miniatures_are_other_objects(
    title: str, description: str, apart: str | None
) -> None:
    assert listing(title, description).apart("silver teapot") == apart


def test_what_a_query_asks_for_is_no_other_object() -> None:
    assert listing("Miniature portrait of a lady").apart("miniature portrait") is None
    assert listing("Auction catalogue Sotheby 1921").apart("auction catalogue") is None


def test_faults_of_a_description_count() -> None:
    assert listing("Silver teapot", "There is a crack and an old repair.").flaw == "damaged"
    assert listing("Silver teapot", "Please note this is a later reproduction.").flaw == "reproduction"
    assert listing("Silver teapot", "No dents, cracks or repairs.").flaw is None


def test_unlike_things_are_not_compared() -> None:

    spoon = listing("Victorian sterling silver spoon")
    assert spoon.like(listing("silver spoon London"))
    assert not spoon.like(listing("pair of Victorian silver spoons"))
    assert not spoon.like(listing("Victorian silver plated spoon"))
    assert not spoon.like(listing("Georgian silver spoon"))
    assert not listing("Edwardian gold watch").like(listing("Edwardian rolled gold watch"))
    assert not listing("bronze figure").like(listing("bronze coloured resin figure"))
    assert listing("set of 6 forks").pieces == 6
    assert listing("job lot of 4 teapots").pieces == listing("4'lü takım demlik").pieces == 4
