"""Documented answers of eBay's Browse API and of the ECB's reference rates."""

from typing import Any

SEARCH = "/buy/browse/v1/item_summary/search"
TOKEN = "/identity/v1/oauth2/token"
RATES = "/stats/eurofxref/eurofxref-daily.xml"

ECB_XML = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='2026-11-30'><Cube currency='USD' rate='1.2500'/><Cube currency='GBP' rate='0.8000'/>
<Cube currency='TRY' rate='50.0'/></Cube></Cube></gesmes:Envelope>"""


def token(value: str = "t-1", seconds: int = 7200) -> dict[str, Any]:
    return {"access_token": value, "expires_in": seconds, "token_type": "Application Access Token"}


def item(number: int, title: str, price: float | None = 100.0, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "itemId": f"v1|{number}|0",
        "title": title,
        "itemWebUrl": f"https://www.ebay.com/itm/{number}",
        "buyingOptions": ["FIXED_PRICE"],
        "condition": "Pre-Owned",
        "conditionId": "3000",
        "image": {"imageUrl": "https://i.ebayimg.com/x.jpg"},
    }
    if price is not None:
        made["price"] = {"value": f"{price:.2f}", "currency": "USD"}
    return made | more


def page(*items: Any, total: int | None = None) -> dict[str, Any]:
    """A page; eBay leaves `itemSummaries` out when nothing fits."""
    found = {"href": "https://api.ebay.com/x", "total": len(items) if total is None else total, "limit": 200}
    return found | ({"itemSummaries": list(items)} if items else {})


def teapots(count: int = 14) -> list[dict[str, Any]]:
    """Teapots at about 400 USD and one, number 1, at 150."""
    prices = (400, 385, 410, 430, 395, 405, 420, 390, 415, 388, 402, 398, 425, 407)
    found = [
        item(number + 10, f"Victorian sterling silver teapot London {1860 + number}", prices[number % 14])
        for number in range(count)
    ]
    return [*found, item(1, "Sterling silver teapot Victorian London 1861", 150)]
