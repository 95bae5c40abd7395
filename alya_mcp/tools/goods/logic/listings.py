"""A listing, and what its title tells: material, age, number of pieces, kind of object."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from alya_mcp.text.folding import fold
from alya_mcp.text.words import terms
from alya_mcp.tools.goods.logic.faults import Apart, Flaw, apart_of, flaw_of

Sale = Literal["fixed", "sold", "auction"]
"""fixed: asked for now; sold: paid; auction: a bid that may still rise, so it isn't a price."""

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019/][^\W_]+)*")
_ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    "metal": {
        "plated": "plated silverplate silverplated epns electroplate electroplated kaplama",
        "silver": "silver sterling 925 800 gumus",
        "gold": "gold 9ct 9k 10k 14k 15ct 18k 18ct 22k 22ct 24k altin",
        "bronze": "bronze bronz",
        "brass": "brass pirinc",
        "copper": "copper bakir",
        "pewter": "pewter kalay",
        "iron": "iron demir dokum",
        "spelter": "spelter",
        "resin": "resin polyresin recine polyester",
        "alpaca": "alpaka alpaca",
    },
    "stuff": {
        "porcelain": "porcelain china porselen",
        "pottery": "pottery earthenware stoneware ceramic faience majolica seramik cini",
        "glass": "glass crystal cam kristal",
        "wood": "mahogany oak walnut rosewood pine teak satinwood ahsap ceviz mese maun",
        "marble": "marble mermer",
        "ivory": "ivory fildisi",
        "silk": "silk ipek",
        "wool": "wool yun",
    },
    "age": {
        "georgian": "georgian",
        "regency": "regency",
        "victorian": "victorian",
        "edwardian": "edwardian",
        "art nouveau": "nouveau jugendstil",
        "art deco": "deco",
        "mid century": "midcentury mid-century mcm",
        "17th century": "17th 17c",
        "18th century": "18th 18c",
        "19th century": "19th 19c",
        "20th century": "20th 20c",
        "ottoman": "ottoman osmanli",
    },
    "object": {
        "teapot": "teapot demlik",
        "spoon": "spoon spoons kasik",
        "fork": "fork forks catal",
        "clock": "clock saat",
        "watch": "watch wristwatch",
        "vase": "vase vazo",
        "plate": "dinnerplate saucer",
        "bowl": "bowl kase",
        "jug": "jug creamer ewer ibrik",
        "candlestick": "candlestick candlesticks samdan",
        "box": "box casket kutu",
        "ring": "ring yuzuk",
        "brooch": "brooch bros",
        "necklace": "necklace kolye",
        "bracelet": "bracelet bilezik",
        "chair": "chair armchair sandalye",
        "table": "table masa",
        "desk": "desk bureau",
        "chest": "chest commode sandik",
        "mirror": "mirror ayna",
        "lamp": "lamp lantern lamba",
        "rug": "rug carpet kilim hali",
        "map": "map harita",
        "print": "engraving etching lithograph gravur",
        "painting": "painting watercolour watercolor tablo",
        "figurine": "figurine statuette biblo",
        "coin": "coin sikke",
        "book": "book kitap",
    },
}
_VALUES: Final = {
    word: (kind, value)
    for kind, values in _ATTRIBUTES.items()
    for value, words in values.items()
    for word in words.split()
}
_PLATE: Final = re.compile(
    r"\b(?:silver|gold|chrome|nickel)[- ](?:plat\w+|filled|tone|wash\w*)|\brolled[- ]gold\b|\bvermeil\b"
    r"|\b(?:gumus|altin) (?:kapl|yald)\w+"
)
_LOOKS_LIKE: Final = re.compile(
    r"\b(?:bronze|gold|silver|brass|copper)[- ,]*(?:colou?red|effect|finish\w*|look|patina\w*|style)\b"
)
_CHEAPER: Final = frozenset(("spelter", "resin", "alpaca"))
"""Materials that stand for another one: they count alone."""
_PAIR: Final = re.compile(r"\b(?:pair|cift)\b")
_SET: Final = re.compile(
    r"\b(?:set of|lot of|group of|collection of|bundle of)\s+(\d{1,3})\b"
    r"|\b(\d{1,3})[ -]?(?:pcs?|pieces?|adet|parca)\b|\b(\d{1,2})\s?x(?=\s[a-z])|\b(\d{1,2})'?(?:li|lu)\b"
)
_MANY: Final = re.compile(r"\b(?:set|lot|job lot|bundle|collection|service|suite|takim)\b")
_MANY_PIECES: Final = 99


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Something that is, or was, on sale.

    `price` is in `currency` (ISO 4217), None where there is none. `rate` names by whose rate it came to be in
    that currency, None where nothing was converted. `parts`: it is sold for its parts. `source` says where it
    was listed.
    """

    id: str
    title: str
    sale: Sale
    price: float | None
    currency: str
    url: str | None
    condition: str = ""
    parts: bool = False
    rate: str | None = None
    source: str = ""
    description: str = ""

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the title that tell something, folded and stemmed."""
        return frozenset(terms(self.title, "en"))

    @cached_property
    def flaw(self) -> Flaw | None:
        """Why it can't be a bargain; None for a sound original."""
        return "damaged" if self.parts else flaw_of(self.title, self.condition, self.description)

    def apart(self, query: str) -> Apart | None:
        """What it is instead of the object that a query asks for; None for such an object."""
        return apart_of(self.title, self.description, query)

    @cached_property
    def attributes(self) -> dict[str, frozenset[str]]:
        """What the title says of metal, stuff, age and object; kinds that it doesn't name are left out."""
        found: dict[str, set[str]] = {}
        for word in _WORD.findall(fold(self.title)):
            for part in (word, *re.split(r"[/]", word)):
                if part in _VALUES:
                    kind, value = _VALUES[part]
                    found.setdefault(kind, set()).add(value)
        metals = found.get("metal", set())
        folded = fold(self.title)
        if metals & _CHEAPER:
            found["metal"] = metals & _CHEAPER
        elif "plated" in metals or _PLATE.search(folded):
            found["metal"] = {"plated"}
        elif _LOOKS_LIKE.search(folded):
            found["metal"] = {"imitated"}
        return {kind: frozenset(values) for kind, values in found.items()}

    @cached_property
    def pieces(self) -> int:
        """How many pieces it has; 99 for a set whose number isn't told."""
        folded = fold(self.title)
        number = _SET.search(folded)
        if number is not None:
            return int(next(filter(None, number.groups())))
        if _PAIR.search(folded):
            return 2
        return _MANY_PIECES if _MANY.search(folded) else 1

    def like(self, other: "Listing") -> bool:
        """Whether nothing that both titles say forbids a comparison."""
        if self.pieces != other.pieces:
            return False
        mine, theirs = self.attributes, other.attributes
        return all(mine[kind] & theirs[kind] for kind in mine.keys() & theirs.keys())


def matching(listings: Iterable[Listing], query: str) -> list[Listing]:
    """The listings whose titles have every word of a query."""
    words = frozenset(terms(query, "en"))
    return [each for each in listings if words <= each.words]
