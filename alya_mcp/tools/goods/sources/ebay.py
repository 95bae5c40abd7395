"""eBay's Browse API: listings by keywords, in one page of at most 200.

https://developer.ebay.com/api-docs/buy/browse/resources/item_summary/methods/search, with a token of the
application (https://developer.ebay.com/api-docs/static/oauth-client-credentials-grant.html), which holds for
two hours. By default it lists fixed prices only; an auction has a `currentBidPrice`, and a `price` only where
it can be bought at once. A price that eBay converted says from which currency.
"""

import base64
import time
from typing import TYPE_CHECKING, Annotated, Final

import anyio
from pydantic import Field

from alya_mcp.errors import NotConfigured
from alya_mcp.net import urls as links
from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape, SourceRefused
from alya_mcp.net.records import Records
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.goods.logic.listings import Listing, Sale

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

EBAY: Final = SOURCES["ebay"]
MARKETPLACE: Final = "EBAY_US"
MOST: Final = 200
_SCOPE: Final = "https://api.ebay.com/oauth/api_scope"
_EARLY: Final = 60.0
"""Seconds before its end at which a token counts as old."""
_REFUSED: Final = frozenset({400, 401, 403})
_ID, _SECRET = EBAY.keys

Short = Annotated[str, Field(max_length=400)]


class _Amount(Shape):
    value: Annotated[float, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    converted_from: str | None = Field(None, alias="convertedFromCurrency")


class _Item(Shape):
    id: Annotated[str, Field(min_length=1, max_length=100)] = Field(alias="itemId")
    title: Short
    url: Annotated[str, Field(max_length=2000)] = Field(alias="itemWebUrl")
    price: _Amount | None = None
    bid: _Amount | None = Field(None, alias="currentBidPrice")
    options: list[str] = Field(default_factory=list[str], alias="buyingOptions")
    condition: Short | None = None
    condition_id: Short | None = Field(None, alias="conditionId")
    description: str | None = Field(None, alias="shortDescription")


class _Page(Shape):
    total: int
    items: Records[_Item] = Field(default_factory=list[_Item], alias="itemSummaries")


class _Token(Shape):
    token: Annotated[str, Field(min_length=1)] = Field(alias="access_token")
    seconds: Annotated[float, Field(gt=0)] = Field(alias="expires_in")


class EbayListings(Shape):
    """What a search gave: `total` is how many listings eBay has for it."""

    listings: tuple[Listing, ...]
    total: int


class Ebay:
    """Searches eBay for an application; its token is in memory and renewed when it ends or is refused."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._id = client_id
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._token: str | None = None
        self._until = 0.0
        self._turn = anyio.Lock()

    async def search(self, http: "Http", query: str) -> Fetched[EbayListings]:
        """The best 200 matches that can be bought for a fixed price.

        Raises:
            NotConfigured: eBay doesn't take the keys.
            SourceFailed: it gives no usable answer and none is kept.
        """
        try:
            return await self._ask(http, query)
        except SourceRefused as refused:
            if refused.status != 401:
                raise
        self._token = None
        try:
            return await self._ask(http, query)
        except SourceRefused as refused:
            if refused.status == 401:
                raise _wrong_keys(401) from None
            raise

    def close(self) -> None:
        """Forget the token."""
        self._token = None

    async def _ask(self, http: "Http", query: str) -> Fetched[EbayListings]:
        return await http.get(
            EBAY,
            "/buy/browse/v1/item_summary/search",
            {"q": query, "limit": MOST, "fieldgroups": "EXTENDED"},
            read=_read,
            headers={"X-EBAY-C-MARKETPLACE-ID": MARKETPLACE},
            identity=self._id,
            authorise=lambda: self._bearer(http),
            fresh_for=900,
            stale_for=86_400,
        )

    async def _bearer(self, http: "Http") -> dict[str, str]:
        async with self._turn:
            if self._token is None or time.monotonic() >= self._until:
                found = await self._renewed(http)
                self._token = found.token
                self._until = time.monotonic() + found.seconds - _EARLY
            return {"Authorization": f"Bearer {self._token}"}

    async def _renewed(self, http: "Http") -> _Token:
        try:
            answer = await http.post(
                EBAY,
                "/identity/v1/oauth2/token",
                form={"grant_type": "client_credentials", "scope": _SCOPE},
                read=_read_token,
                secrets={"Authorization": f"Basic {self._basic}"},
                repeatable=True,
            )
        except SourceRefused as refused:
            if refused.status in _REFUSED:
                raise _wrong_keys(refused.status or 400) from None
            raise
        return answer.value


def open_ebay(settings: Settings) -> Ebay | None:
    """eBay with the keys of `settings`; None when they have none.

    Raises:
        NotConfigured: half a pair is set.
    """
    held = settings.source_secrets
    if _ID in held and _SECRET in held:
        return Ebay(held[_ID], held[_SECRET])
    if _ID in held or _SECRET in held:
        there, missing = (_ID, _SECRET) if _ID in held else (_SECRET, _ID)
        raise NotConfigured(f"{there} is set and {missing} isn't; eBay needs both")
    return None


def _wrong_keys(status: int) -> NotConfigured:
    return NotConfigured(
        f"eBay refuses the application's keys ({status}). The user should check {_ID} and {_SECRET}: they "
        "are those of the production keyset, not of the sandbox"
    )


def _read_token(body: Body) -> _Token:
    found = body.json(_Token)
    if not (found.token.isascii() and found.token.isprintable()):
        raise ChangedShape(EBAY, "gave a token that a header can't carry")
    return found


def _read(body: Body) -> EbayListings:
    page = body.json(_Page)
    found = tuple(listing for item in page.items if (listing := _listing(item)) is not None)
    return EbayListings(listings=found, total=page.total)


def _listing(item: _Item) -> Listing | None:
    url = links.shown(item.url)
    if url is None:
        return None
    fixed = "FIXED_PRICE" in item.options or not item.options
    running = "AUCTION" in item.options and not fixed
    sale: Sale = "auction" if running or item.price is None else "fixed"
    amount = item.price or item.bid
    return Listing(
        id=item.id,
        title=item.title,
        sale=sale,
        price=None if amount is None or amount.value == 0 else amount.value,
        currency="USD" if amount is None else amount.currency,
        url=url,
        condition=item.condition or "",
        parts=item.condition_id == "7000",
        rate="eBay's own" if amount is not None and amount.converted_from else None,
        source=EBAY.title,
        description=(item.description or "")[:2000],
    )
