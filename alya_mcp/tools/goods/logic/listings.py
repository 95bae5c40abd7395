"""A listing on sale, and what its title says: faults, material, age, number of pieces, kind of object."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from alya_mcp.text.folding import fold
from alya_mcp.text.words import terms

Sale = Literal["fixed", "sold", "auction"]
"""fixed: asked for now; sold: paid; auction: a bid that may still rise, which is no price."""

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019/][^\W_]+)*")
_NEGATIONS_TEXT: Final = "no not never without non free none zero isn't wasn't un degil yok"
_NEGATIONS: Final = frozenset(_NEGATIONS_TEXT.split())
_BETWEEN_TEXT: Final = "or nor and any a an of visible obvious signs major old previous been"
_BETWEEN: Final = frozenset(_BETWEEN_TEXT.split())
"""Words that may stand between a no and what it denies."""
_FAULTS_TEXT: Final = """
    damaged damage broken cracked crack cracks chipped chip chips chipping repaired repair repairs restored
    restoration faulty defective incomplete missing spares salvage project untested scrap dented dent
    fragment fragments shard shards a/f af glued
    kirik catlak hasarli onarimli eksik tamirli yedek hurda defolu kusurlu
"""
_FAULTS: Final = frozenset(_FAULTS_TEXT.split())
_COPIES_TEXT: Final = """
    reproduction reproductions repro replica replicas copy copies imitation fake faux reprint recast revival
    reissue homage lookalike replik kopya roproduksiyon reproduksiyon taklit
"""
_COPIES: Final = frozenset(_COPIES_TEXT.split())
_FAULTY_PHRASES: Final = re.compile(
    r"\b(?:for (?:parts|spares|repair|restoration|scrap)|parts only|spares or repairs?|as[- ]is|"
    r"needs? (?:repair|work|restoration|attention)|not working|"
    r"doesn'?t work|does not work|sold as seen|yedek parca|calismiyor)\b"
)
_COPY_PHRASES: Final = re.compile(
    r"\b(?:in the (?:style|manner) of|(?:[a-z]+|\d+(?:st|nd|rd|th)? c(?:entury)?) style|style of|"
    r"after the antique|antique[- ]look|newly made|brand new)\b"
)
_NO_FAULT: Final = re.compile(
    r"\b(?:parts of|missing nothing|original copy|copy of (?:the )?(?:certificate|receipt|letter))\b"
)

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
_PLATE: Final = re.compile(r"\bsilver[- ]plat")
_PAIR: Final = re.compile(r"\b(?:pair|cift)\b")
_SET: Final = re.compile(
    r"\b(?:set of|lot of|group of)\s+(\d{1,3})\b|\b(\d{1,3})[ -]?(?:pcs?|pieces?|adet|parca)\b"
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
    def flaw(self) -> str | None:
        """Why it can't be a bargain: `damaged` or `reproduction`; None for a sound original."""
        if self.parts:
            return "damaged"
        for text in (self.title, self.condition):
            folded = _NO_FAULT.sub(" ", fold(text).replace("\u2019", "'"))
            if _says(folded, _COPIES):
                return "reproduction"
            if _says(folded, _FAULTS):
                return "damaged"
        whole = fold(f"{self.title} . {self.condition} . {self.description}").replace("\u2019", "'")
        if _said(_COPY_PHRASES, whole):
            return "reproduction"
        if _said(_FAULTY_PHRASES, whole):
            return "damaged"
        return None

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
        if "plated" in metals or _PLATE.search(fold(self.title)):
            found["metal"] = {"plated"}
        return {kind: frozenset(values) for kind, values in found.items()}

    @cached_property
    def pieces(self) -> int:
        """How many pieces it has; 99 for a set whose number isn't told."""
        folded = fold(self.title)
        number = _SET.search(folded)
        if number is not None:
            return int(number[1] or number[2])
        if _PAIR.search(folded):
            return 2
        return _MANY_PIECES if _MANY.search(folded) else 1

    def like(self, other: "Listing") -> bool:
        """Whether nothing that both titles say forbids a comparison."""
        if self.pieces != other.pieces:
            return False
        mine, theirs = self.attributes, other.attributes
        return all(mine[kind] & theirs[kind] for kind in mine.keys() & theirs.keys())


def _says(folded: str, words: frozenset[str]) -> bool:
    """Whether one of `words` occurs without a no before it."""
    found = _WORD.findall(folded)
    return any(word in words and not _denied(found[:index]) for index, word in enumerate(found))


def _said(pattern: re.Pattern[str], folded: str) -> bool:
    """Whether a phrase occurs without a no before it."""
    return any(not _denied(_WORD.findall(folded[: match.start()])) for match in pattern.finditer(folded))


def _denied(before: list[str]) -> bool:
    """Whether the words before one deny it, as in: no chips, cracks or."""
    for word in reversed(before):
        if word in _NEGATIONS:
            return True
        if word not in _BETWEEN and word not in _FAULTS and word not in _COPIES:
            return False
    return False


def matching(listings: Iterable[Listing], query: str) -> list[Listing]:
    """The listings whose titles have every word of a query."""
    words = frozenset(terms(query, "en"))
    return [each for each in listings if words <= each.words]
