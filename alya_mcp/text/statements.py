"""The sentences of a text that state something: no headings, questions, calls to click or fragments.

There is no tagger here. A statement ends with a full stop and has a lower-case verb, which a heading in
title case lacks; verbs are recognised by a table and by endings. In languages other than English and Turkish
no verb is required.
"""

import re
from typing import Final

from alya_mcp.text.folding import fold
from alya_mcp.text.markup import prose
from alya_mcp.text.words import sentences

_FEWEST_WORDS: Final = 4
_LONGEST: Final = 400
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_ENDED: Final = re.compile(r"(?<!\.)(?<!\u2026)[.!][\"'\u201d\u2019)\]]*$")
_BEGINS: Final = re.compile(r"^[\"'\u201c\u2018(\u00ab\u201e`*_]*[^\W_]")
_LABEL: Final = re.compile(r"^[A-Z][a-z]{2,20}:(?=[A-Z])")
_NO_TEXT: Final = re.compile(r"[\u203a\u2192\u00bb\u00a9\u25b6{}<>|]|\.{3}|\u2026")
_CALLS: Final = re.compile(
    r"^(?:(?:please |now |just )?(?:view|click|read|see|learn|explore|sign up|sign in|log in|subscribe"
    r"|download|skip|browse|discover|find|get|check|visit|join|follow|buy|shop|try|watch|contact|compare"
    r"|scroll|tap|enjoy|introducing|presenting|welcome|featuring|table of contents|copyright"
    r"|all rights reserved"
    r"|tiklay\w*|daha fazla|devamini|kesfed\w*|inceley\w*)\b(?! (?:is|are|was|were|has)\b)"
    r"|(?:photo|image|source|updated|posted|published|tags?|categor(?:y|ies)|related|kaynak|foto)\s?:)"
)
_VERBS_TEXT: Final = (
    "is are was were be been being am has have had does do did can cannot could will would may might must "
    "shall should need needs become becomes became begin begins began bring brings brought build builds "
    "built buy buys bought call calls came come comes consist consists contain contains cost costs cover "
    "covers differ differs eat eats ate fell fall falls find finds found fly flies flew gave get gets "
    "give gives go goes got grew grow grows held help helps hold holds keep keeps kept knew know knows "
    "last lasts led lead leads leave leaves left let lets lie lies like likes live lives lost lose loses "
    "made make makes mean means meant meet meets met move moves offer offers open opens paid pay pays "
    "play plays provide provides put puts ran reach reaches remain remains require requires rise rises "
    "rose run runs said saw say says see sees sell sells send sends sent serve serves show shows sit sits "
    "sold speak speaks spoke stand stands start starts stay stays stood stretch stretches support "
    "supports take takes tell tells think thinks told took turn turns use uses want wants went won work "
    "works write writes wrote allow allows include includes connect connects depend depends exist exists "
    "happen happens seem seems feel feels it's that's there's here's he's she's what's"
)
_VERBS: Final = frozenset(_VERBS_TEXT.split())
_VERBAL: Final = re.compile(r"[a-z]+n't|[a-z]+'(?:re|ve|ll|d)|[a-z]{2,}(?<!e)ed")
_PREDICATE: Final = re.compile(
    r"(?:[dt][iu]r(?:ler|lar)?|[dt][iu](?:ler|lar|k|m)?|yor(?:lar|um|uz|du)?|m[iu]s(?:tir|tur|ler|lar)?"
    r"|[ae]ca[kg](?:tir|lar)?|ece[kg](?:tir|ler)?|m[ae]z(?:lar|ler)?|[aeiu]r(?:lar|ler)?|m[ae]li(?:dir)?"
    r"|var|yok|degil|gerek|mumkun)$"
)
_ENGLISH_TEXT: Final = "the and of to it its that this with for from by on as at a an in"
_ENGLISH: Final = frozenset(_ENGLISH_TEXT.split())
_OTHER_TEXT: Final = (
    "der die das ist und nicht ein eine le la les est et une des dans el los las es en una il che di gli "
    "non de het een van niet o os uma nao com"
)
_OTHER: Final = frozenset(_OTHER_TEXT.split())


def statements(text: str) -> list[str]:
    """The statements of a text in their order, word for word, white space as single spaces."""
    found: list[str] = []
    for block in prose(text):
        for sentence in sentences(block):
            bare = _LABEL.sub("", sentence)
            if is_statement(bare):
                found.append(bare)
    return found


def is_statement(sentence: str) -> bool:
    """Whether a sentence states something by itself."""
    words = [word.replace("\u2019", "'") for word in _WORD.findall(sentence)]
    if len(words) < _FEWEST_WORDS or len(sentence) > _LONGEST:
        return False
    if not _ENDED.search(sentence) or not _BEGINS.match(sentence) or _NO_TEXT.search(sentence):
        return False
    return not _CALLS.match(fold(sentence)) and _has_verb(words)


def _has_verb(words: list[str]) -> bool:
    small = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word[1:].islower() and (word[0].islower() or "'" in word) and before != "to"
    ]
    if any(word.lower() in _VERBS or _VERBAL.fullmatch(word.lower()) for word in small):
        return True
    if _PREDICATE.search(fold(words[-1])) and words[-1][0].islower():
        return True
    folded = [fold(word) for word in words]
    return sum(word in _OTHER for word in folded) > sum(word in _ENGLISH for word in folded)
