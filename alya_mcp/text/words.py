"""Turkish and English text as words that can be compared, and as sentences."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal

from alya_mcp.text.folding import fold

Language = Literal["tr", "en"]

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_ONLY_TURKISH: Final = frozenset("ığşİĞŞ")
_TURKISH_TELLING: Final = (
    "ve bir bu su icin mi midir nedir nasil kac hangi kim nerede neden niye ne zaman var yok ile gibi daha "
    "en cok olan olarak degil mudur misin miyim neler kadar sonra once hakkinda merhaba selam lutfen"
)
_TURKISH_SMALL: Final = "de da ki mu ya ise o su her"
_ENGLISH_SMALL: Final = (
    "a about an and are as at be by can did do does for from had has have how i in is it its me my of on or "
    "that the their there these this those to was were what when where which who why will with you your"
)
_TELLING: Final = frozenset(_TURKISH_TELLING.split())
_STOP: Final[dict[Language, frozenset[str]]] = {
    "tr": _TELLING | frozenset(_TURKISH_SMALL.split()),
    "en": frozenset(_ENGLISH_SMALL.split()),
}

# Suffixes without marks, as `fold` leaves words, the longest first; each with how much has to stay.
_TURKISH: Final = tuple(
    sorted(
        (
            *((suffix, 2) for suffix in ("lar", "ler", "lari", "leri", "larin", "lerin", "larda", "lerde")),
            *((suffix, 2) for suffix in ("lardan", "lerden", "larini", "lerini", "larina", "lerine")),
            *((suffix, 3) for suffix in ("sinda", "sinde", "sindan", "sinden", "sunda", "sundan")),
            *((suffix, 3) for suffix in ("nin", "nun", "dan", "den", "tan", "ten", "daki", "deki", "taki")),
            *((suffix, 3) for suffix in ("lik", "luk", "dir", "dur", "tir", "tur", "yla", "yle", "ndan")),
            *((suffix, 4) for suffix in ("nda", "nde", "nden", "imiz", "umuz", "iniz", "unuz", "teki")),
            *((suffix, 4) for suffix in ("da", "de", "ta", "te", "in", "un", "im", "um", "la", "le")),
            *((suffix, 4) for suffix in ("ya", "ye", "yi", "yu", "na", "ne", "ni", "nu")),
            *((suffix, 5) for suffix in ("si", "su", "i", "u", "a", "e")),
        ),
        key=lambda rule: -len(rule[0]),
    )
)
_TURKISH_ENDS: Final = tuple(suffix for suffix, _ in _TURKISH)
_ENGLISH: Final = (
    ("ization", "ize", 3), ("ations", "ate", 3), ("ation", "ate", 3), ("nesses", "", 4), ("ness", "", 4),
    ("iest", "y", 3), ("ies", "y", 2), ("ied", "y", 2), ("sses", "ss", 2), ("xes", "x", 2), ("ches", "ch", 2),
    ("shes", "sh", 2), ("ing", "", 3), ("ed", "", 3), ("ly", "", 4), ("s", "", 3),
)  # fmt: skip
_ENGLISH_ENDS: Final = tuple(suffix for suffix, _, _ in _ENGLISH)
_NOT_PLURAL: Final = ("ss", "us", "is")
_SMALL: Final = "a-z\u00e7\u011f\u0131\u00f6\u015f\u00fc"
_ABBREVIATED: Final = re.compile(
    r"(?:^|[\s(])(?:dr|mr|mrs|ms|st|prof|do\u00e7|no|vs|vb|vd|bkz|\u00f6rn|e\.g|i\.e|approx|inc|ltd|jr|sr|"
    rf"[{_SMALL}])\.$",
    re.IGNORECASE,
)
_END: Final = re.compile(rf"[.!?\u2026][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]?[^\W_{_SMALL}])|\n+")


def guess_language(text: str) -> Language:
    """Turkish if `text` has letters or words that English doesn't have, else English."""
    text = unicodedata.normalize("NFC", text)
    if _ONLY_TURKISH.intersection(text):
        return "tr"
    words = {fold(word) for word in _WORD.findall(text)}
    return "tr" if len(words & _TELLING) > len(words & _STOP["en"]) else "en"


def terms(text: str, language: Language) -> list[str]:
    """The words of `text` without stop words, folded and stemmed, in order.

    Dotted and dotless i are one letter, as people leave the dots out; what follows an apostrophe is an
    ending.
    """
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFC", text)):
        word = fold(re.split("['\u2019]", match[0])[0])
        if word and word not in _STOP[language]:
            found.append(stem(word, language))
    return found


def stem(word: str, language: Language) -> str:
    """A folded word without its most common endings: a light stemmer, which misses some forms."""
    return _turkish(word) if language == "tr" else _english(word)


def sentences(text: str) -> list[str]:
    """The sentences of `text`, with single spaces; an abbreviation doesn't end one."""
    found: list[str] = []
    ends = [*(match.end() for match in _END.finditer(text)), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        tidy = " ".join(text[start:end].split())
        if tidy and found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {tidy}"
        elif tidy:
            found.append(tidy)
    return found


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of their words that two texts have in common, 0 to 1 (Jaccard)."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left | right else 0.0


def _turkish(word: str) -> str:
    for _ in range(3):
        if not word.endswith(_TURKISH_ENDS):
            return word
        for suffix, stays in _TURKISH:
            if word.endswith(suffix) and len(word) - len(suffix) >= stays:
                word = word[: -len(suffix)]
                break
        else:
            return word
    return word


def _english(word: str) -> str:
    if not word.endswith(_ENGLISH_ENDS):
        return word.removesuffix("e") if len(word) > 4 else word
    for suffix, instead, stays in _ENGLISH:
        if not word.endswith(suffix) or len(word) - len(suffix) < stays:
            continue
        if suffix == "s" and word.endswith(_NOT_PLURAL):
            return word
        word = word[: -len(suffix)] + instead
        if suffix in {"ing", "ed"} and word[-1] == word[-2] and word[-1] not in "lsz":
            word = word[:-1]
        break
    return word.removesuffix("e") if len(word) > 4 else word
