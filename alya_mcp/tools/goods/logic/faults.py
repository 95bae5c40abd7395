"""Faults in a listing's text: damage, a copy, or another object than the one searched for."""

import re
from typing import Final, Literal

from alya_mcp.text.folding import fold

Flaw = Literal["damaged", "reproduction"]
Apart = Literal["part", "paper", "miniature"]

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019/][^\W_]+)*")
_NEGATIONS_TEXT: Final = "no not never without non free non none zero isn't wasn't nothing un degil yok"
_NEGATIONS: Final = frozenset(_NEGATIONS_TEXT.split())
_BETWEEN_TEXT: Final = (
    "or nor and any a an of visible obvious signs major old previous been later modern is hic bir veya ya da"
)
_BETWEEN: Final = frozenset(_BETWEEN_TEXT.split())
"""Words that may stand between a no and what it denies."""
_FAULTS_TEXT: Final = """
    damaged damage broken cracked crack cracks chipped chip chips chipping repaired repair repairs restored
    restoration faulty defective incomplete missing spares salvage project untested scrap dented dents
    fragment fragments shard shards a/f af glued hole holes hairline hairlines bent torn worn-out split
    splits losses loss riveted cancelled seconds marriage kirik catlak eksik defolu
"""
_FAULTS: Final = frozenset(_FAULTS_TEXT.split())
_FAULT_STEMS: Final = re.compile(
    r"(?:kirig|kirik|catlak|catlag|hasar|tamir|onarim|kusur|ezik|ezig|restor[ae]s?yon|yedek|hurda)"
    r"(?!s[iu]z)\w*|delik|delig\w+|deligi"
)
_COPIES_TEXT: Final = """
    reproduction reproductions repro replica replicas copy copies imitation fake faux reprint recast revival
    reissue homage lookalike replik taklit
"""
_COPIES: Final = frozenset(_COPIES_TEXT.split())
_COPY_STEMS: Final = re.compile(
    r"(?:replika|kopya|r[eo]prod[uo]ks[iu]yon|imitasyon|taklit)(?!s[iu]z)\w*|stili|tarzi|usulu"
)
_CONNECTING: Final = frozenset(("a", "an", "of", "on", "for", "from", "off", "the", "only", "about"))
_FAULTY_PHRASES: Final = re.compile(
    r"\b(?:for (?:parts|spares|repair|restoration|scrap)|parts only|spares or repairs?|as[- ]is|"
    r"needs? (?:\w+ )?(?:repair|work|restoration|attention)|not working|"
    r"doesn'?t work|does not work|sold as (?:seen|found)|yedek parca|calismiyor|oldugu gibi satil\w+|"
    r"(?:a|one|small|slight|minor|tiny|little|shallow|has|with) dent|dent (?:to|on|in)|"
    r"married piece|second (?:choice|quality)|factory seconds?|(?:two|2|three|3) strikes|"
    r"associated (?:lid|cover|base|top|stand)|later (?:lid|handle|spout|top|base|dial|movement|feet))\b"
)
_COPY_PHRASES: Final = re.compile(
    r"\b(?:in the (?:style|manner) of|(?:[a-z]+|\d+(?:st|nd|rd|th)? c(?:entury)?) style|style of|"
    r"after the antique|antique[- ]look|newly made|brand new|"
    r"yeni (?:uretim|yapim|imalat)\w*|antika degil\w*)\b"
)
_NO_FAULT: Final = re.compile(
    r"\b(?:parts of|missing nothing|original copy|(?:professionally|museum) restored to|"
    r"copy of (?:the )?(?:certificate|receipt|letter|report|invoice)|chip(?:s)? carv\w+|split cane|"
    r"crack(?:ed)? ice|hasar yok|kirik yok)\b"
)
_PIECES: Final = (
    "lid|cover|base|stand|handle|spout|finial|box|case|top|bottom|movement|dial|frame|mount|key|knob|drawer|foot|"
    "feet|leg|hinge|chain|strap|bezel|glass|plate|tray|stopper|shade|saucer"
)
_PARTS: Final = re.compile(
    rf"\b(?:{_PIECES})s? only\b|\bonly the (?:{_PIECES})s?\b|\bthe (?:{_PIECES})s? alone\b"
    rf"|\bempty (?:box|case|frame)\b|^\W*(?:spare |replacement )?(?:{_PIECES})s? (?:from|for|off|of) an?\b"
    rf"|\b(?:spare|replacement) (?:{_PIECES})s?\b"
    r"|\bsadece \w*(?:kulp|kapa[kg]|kutu|ayak|ayag|taban|sap|cerceve|kadran)\w*|\bbos kutu\w*|\bkutusu bos\b"
)
_PAPER: Final = re.compile(
    r"\b(?:books?|booklet|guide|brochure) (?:about|of|on|for)\b"
    r"|\b(?:prints?|photos?|photograph|poster|drawing|sketch) of an?\b"
    r"|\b(?:auction|sale|exhibition|trade) catalogu?es?\b"
    r"|\b(?:catalogu?e of|postcards?|paperback|hardback|hardcover)\b"
    r"|\b(?:vintage|magazine|print|newspaper) (?:ad|advert|advertisement)\b|\b(?:pattern|plans) for an?\b"
    r"|\b(?:kitabi|kartpostali|afisi|posteri|katalogu|fotografi|dergisi)\b|\bkartpostal\b"
)
_MINIATURE: Final = re.compile(
    r"\bminiatures?\b|\bdoll'?s?'? ?house\b|\bdollhouse\b|\b1[:/](?:6|12|24) scale\b|\bminyatur\w*"
    r"|\bbebek evi\w*"
)
_WITH_IT: Final = re.compile(r"\bwith (?:(?:its|the|an?|original|fitted|matching) )*\w+")
"""What comes with the piece."""
_KINDS: Final[tuple[tuple[Apart, re.Pattern[str]], ...]] = (
    ("paper", _PAPER), ("miniature", _MINIATURE), ("part", _PARTS),
)  # fmt: skip
_TOLD: Final[tuple[tuple[Apart, re.Pattern[str]], ...]] = (
    ("part", re.compile(rf"\b(?:{_PIECES})s? only\b|\bsadece \w*(?:kulp|kapa[kg]|kutu|ayak|taban|sap)\w*")),
    ("miniature", re.compile(r"\bdoll'?s?'? ?house\b|\bbebek evi\b")),
)
"""What a description tells of the piece itself, rather than of what comes with it."""


_DENIES_BEFORE: Final = frozenset(("yok", "yoktur", "degil", "degildir", "bulunmamaktadir"))
_FREE_OF_CHARGE: Final = (["post"], ["postage"], ["shipping"], ["delivery"], ["p"], ["uk"], ["ship"])


def flaw_of(title: str, condition: str, description: str) -> Flaw | None:
    """Why it can't be a bargain, by words that stand there without a no: the title's count first."""
    for text in (title, condition, description):
        folded = _NO_FAULT.sub(" ", plain(text))
        if _says(folded, _COPIES, _COPY_STEMS) or _said(_COPY_PHRASES, folded):
            return "reproduction"
        if _says(folded, _FAULTS, _FAULT_STEMS) or _said(_FAULTY_PHRASES, folded):
            return "damaged"
    return None


def apart_of(title: str, description: str, query: str) -> Apart | None:
    """What it is instead of the object searched for: a part of one, paper about one, a miniature.

    What the query itself asks for is never apart.
    """
    wanted = set(_WORD.findall(plain(query)))
    for kinds, text in ((_KINDS, title), (_TOLD, description)):
        for kind, pattern in kinds:
            match = pattern.search(_WITH_IT.sub(" ", plain(text)))
            if match and wanted.isdisjoint(set(_WORD.findall(match[0])) - _CONNECTING):
                return kind
    return None


def plain(text: str) -> str:
    """Text as the patterns here read it."""
    return fold(text).replace("\u2019", "'")


def _says(folded: str, words: frozenset[str], stems: re.Pattern[str]) -> bool:
    """Whether one of the words occurs without a no before it, or behind it in Turkish."""
    found = _WORD.findall(folded)
    return any(
        (word in words or stems.fullmatch(word) is not None) and not _denied(found, index)
        for index, word in enumerate(found)
    )


def _said(pattern: re.Pattern[str], folded: str) -> bool:
    """Whether a phrase occurs without a no before it."""
    for match in pattern.finditer(folded):
        before = _WORD.findall(folded[: match.start()])
        if not _denied([*before, "."], len(before)):
            return True
    return False


def _denied(words: list[str], place: int) -> bool:
    """Whether a no denies a word, as in "no chips, cracks or", "kırık veya çatlak yok"."""
    for word in reversed(words[:place]):
        if word in _NEGATIONS:
            return True
        if not _transparent(word):
            break
    if words[place + 1 : place + 2] == ["free"] and words[place + 2 : place + 3] not in _FREE_OF_CHARGE:
        return True
    for word in words[place + 1 :]:
        if word in _DENIES_BEFORE:
            return True
        if not _transparent(word):
            break
    return False


def _transparent(word: str) -> bool:
    """Whether a no reaches over a word."""
    return (
        word in _BETWEEN
        or word in _FAULTS
        or word in _COPIES
        or _FAULT_STEMS.fullmatch(word) is not None
        or _COPY_STEMS.fullmatch(word) is not None
    )
