"""The sources of goods, for the tests that every source has to pass."""

from typing import Any

import goods_answers as answers
from source_case import SourceCase

from alya_mcp.net.client import Http
from alya_mcp.tools.goods.sources import ebay, ecb


async def search(http: Http) -> Any:
    return await ebay.Ebay("an-id", "a-secret").search(http, "teapot")


def are_listings(value: ebay.EbayListings) -> None:
    assert value.total >= len(value.listings) > 0
    assert all(each.title and (each.url or "").startswith("https://") for each in value.listings)


def are_rates(value: ecb.Rates) -> None:
    assert value.usd["USD"] == 1
    assert value.usd["EUR"] > 0.5
    assert value.name.startswith("ECB reference rate of 20")


CASES = [
    SourceCase(
        name="eBay",
        source=ebay.EBAY,
        ask=search,
        answers={answers.TOKEN: answers.token(), answers.SEARCH: answers.page(*answers.teapots())},
        right=are_listings,
        live=False,
    ),
    SourceCase(
        name="ECB",
        source=ecb.ECB,
        ask=ecb.rates,
        answers={answers.RATES: answers.ECB_XML},
        right=are_rates,
        old=86_400.0,
    ),
]
