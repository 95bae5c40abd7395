"""Negation: which words of a sentence are denied, about somebody else, or long past.

English denies ahead ("no fever, cough or rash"), Turkish behind ("ateş, öksürük yok", "ağrımıyor").
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from alya_mcp.tools.health.logic.symptoms.model import SpokenLanguage


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO: Final = _words(
    "no not without never denies deny denied denying dont doesnt didnt havent hasnt hadnt isnt arent wasnt "
    "nor neither nothing none negative lacks absence"
)
_ENDS: Final = _words("but however except although though yet just only because since until unless apart")
_SUBJECT: Final = _words("i my he she his her we they it im ive there")
_VERB: Final = _words(
    "have has had having feel feels felt is are was am got get started notice noticed thinks says "
    "keeps sees hears believes looks seems cant wont"
)
_OPENS: Final = _words("a an my i some is are am also")
_REACH: Final = 14
_FALSE_FRIENDS: Final = _words(
    "only sure idea longer matter wonder doubt relief improvement help better warning reason stop stops "
    "stopping ends goes quits ,"
)
_YOK: Final = re.compile(
    r"yok(?:tu|tur|mus)?|degil(?:di|dir|im)?|olma(?:di|dim|yan)|olmuyo\w*|hissetm\w+|gorulme\w+|gormed\w+"
    r"|gorme(?:dim|dik)|yasam(?:adim|iyo\w*)|fark\s?etmedim|etmiyo\w*|cikmadi|gelmedi"
)
_FEELS_NOTHING: Final = re.compile(r"hissetm[ei]\w+|hissedemi\w+")
_FELT: Final = re.compile(
    r"(?:agri|aci|sizi|sanci|bulanti|uyusma|kasinti|yanma|ates|carpinti|yorgun|halsiz|rahatsiz|korku|bir|sey)\w*"
)
"""What may go unfelt; of anything else, as in "ayağımı hissetmiyorum", not feeling is numbness."""
_DENIED_VERB: Final = re.compile(
    r"(?:agri|aci|kasin|sis|kus|oksur|yan|bulan|kana|titre|terle|bayil|don|uyus|hapsir|sizla|yayil|vur|bat"
    r"|zorlan|daral|tikan|cik|ol|morar|kizar|ak|karar|carp)"
    r"(?:m[iu]yo\w*|m[ae]di\w*|m[ae]z\w*|m[ae]m[ia]s\w*|m[ae]dan|m[ae]ksizin)"
)
_FINITE: Final = re.compile(
    r"var(?:di|dir)?|[a-z]{2,}(?:yor?(?:um|m|du|lar)?|[dt][iu](?:m|k|r)?|m[iu]s(?:ti|tim)?)"
)
_DURING: Final = _words("over for since during within past in son boyunca")
_PARTING: Final = _words("but now although though however ama fakat ancak simdi lakin")
_NEW_SUBJECT: Final = _words("i my im ive now last he she his her it there this today ben benim simdi bende")
_THINGS: Final = re.compile(
    r"dogs?|cats?|puppy|kitten|engine|laptop|printer|phone|router|battery|car|van|server|website|traffic|roses?"
    r"|plants?|tree|lawn|drawers|chair|table|kopegim\w*|kedim\w*|arabam\w*|telefon\w*|bilgisayar\w*|yaprak\w*"
    r"|saksi\w*|bitki\w*"
)
_SUBJECT_WORDS: Final = 4
_HARMS: Final = re.compile(
    r"bit|scratch|allerg|hair|around|near|play|crash|accident|hit|sick|isir|tirmal|alerji|tuy|kaza|gel|temas|swallow|ate$|ingest|yut"
    r"|burn|explod|shock|electr|crush|trap|fell|carp|patla|dustu"
)
_NOUNS_LIKE_VERBS: Final = _words("kedi adi tadi cildi simdi kendi idrari sirti alti ayaklari karti hali")
_TR_ENDS: Final = _words("ama fakat ancak lakin yalniz sadece fakat oysa")
_SENSES: Final = _words("agri aci kasinti sislik bulanti")
_FAMILY_EN: Final = _words(
    "mother father mum mom dad brother sister uncle aunt grandfather grandmother cousin parents sibling"
)
_FAMILY_TR: Final = re.compile(
    r"(?:anne|baba|kardes|abi|abla|dayi|amca|teyze|hala|dede|nine|anneanne|babaanne|kuzen|aile)(?:m|mde|mizde|n|si)?\w{0,4}"
)
_PAST_EN: Final = _words("died had suffered diagnosed passed history runs")
_PAST_TR: Final = re.compile(r"gecir(?!iyo)\w+|vefat|vardi|oyku\w*|yakalan\w+|kaybet\w+|hikaye\w*|tani")
_JUST_NOW: Final = _words(
    "hour hours minute minutes now just today tonight morning saat dakika simdi demin bugun sabah aksam az"
)
_SINCE: Final = re.compile(r"start\w*|began|begin\w*|since|basla\w*|beri|onset|dan|gelip")
_PRESENT: Final = re.compile(
    r"im|ive|is|am|are|has|have|hes|shes|its|now|today|cant|wont|keeps?|suddenly|feels?|hurts?|\w{3,}iyor\w*|\w{2,}[iu]yo"
    r"|var|simdi|bugun|birden"
)
_YOUNG: Final = re.compile(r"\d{1,2}|young\w*|little|small|a|in")
_AGO_EN: Final = (
    ("years", "ago"),
    ("year", "ago"),
    ("last", "year"),
    ("childhood",),
    ("as", "a", "child"),
    ("as", "a", "toddler"),
    ("as", "a", "baby"),
    ("as", "a", "kid"),
)
_AGO_TR: Final = (("yil", "once"), ("sene", "once"), ("gecen", "yil"), ("gecen", "sene"), ("cocukken",),
                  ("cocuklugumda",), ("yasindayken",), ("kucukken",), ("yillar", "once"))  # fmt: skip


def denied(words: Sequence[str], language: SpokenLanguage) -> list[int]:
    """For each word the position of what denies it, or -1."""
    return _denied_turkish(words) if language == "tr" else _denied_english(words)


def others(words: Sequence[str], language: SpokenLanguage) -> set[int]:
    """The positions in clauses that tell of an illness that a relative had."""
    return {
        place
        for start, end in _clauses(words)
        if _of_family(words[start:end], language) or _of_things(words[start:end])
        for place in range(start, end)
    }


def past(words: Sequence[str], language: SpokenLanguage) -> set[int]:
    """The positions in clauses that tell of something over for a year or more."""
    found: set[int] = set()
    for start, end in _clauses(words):
        said = _long_past(words[start:end], language)
        if said is not None:
            found.update(range(start, _until_now(words, start + said, end)))
    return found


def _until_now(words: Sequence[str], said: int, end: int) -> int:
    """Where the past ends: at the next comma or `and` if what follows tells of the present."""
    for place in range(said, end):
        if words[place] in {",", "and", "ve"} and any(map(_PRESENT.fullmatch, words[place + 1 : end])):
            return place
    return end


def _clauses(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        new_subject = after in _NEW_SUBJECT or _FAMILY_TR.fullmatch(after) is not None
        if word in _PARTING or (word in {",", "and", "ve"} and new_subject):
            yield start, place
            start = place + 1
    yield start, len(words)


def _of_family(words: Sequence[str], language: SpokenLanguage) -> bool:
    if not _JUST_NOW.isdisjoint(words):
        return False
    if language == "tr":
        died = any(
            word.startswith("oldu") and cause.endswith(("dan", "den", "tan", "ten"))
            for cause, word in pairwise(words)
        )
        return any(map(_FAMILY_TR.fullmatch, words)) and (died or any(map(_PAST_TR.fullmatch, words)))
    joined = " ".join(words)
    if "family history" in joined or "in the family" in joined or "in my family" in joined:
        return True
    for index, word in enumerate(words):
        if word.removesuffix("s") in _FAMILY_EN and not _PAST_EN.isdisjoint(words[index : index + 5]):
            return True
    return False


def _of_things(words: Sequence[str]) -> bool:
    """Whether a clause is about an animal or a device rather than about a person."""
    subject = words[:_SUBJECT_WORDS]
    return any(map(_THINGS.fullmatch, subject)) and not any(map(_HARMS.match, words))


def _long_past(words: Sequence[str], language: SpokenLanguage) -> int | None:
    """The position behind the words that put a clause a year or more back; None where none do."""
    if any(_SINCE.fullmatch(word) for word in words):
        return None
    phrases = _AGO_TR if language == "tr" else _AGO_EN
    for phrase in phrases:
        for index in range(len(words) - len(phrase) + 1):
            if tuple(words[index : index + len(phrase)]) == phrase:
                before = set(words[max(0, index - 2) : index])
                if before.isdisjoint(_DURING):
                    return index + len(phrase)
    if language == "en":
        for index in range(len(words) - 3):
            if words[index] == "when" and words[index + 2] == "was" and _YOUNG.fullmatch(words[index + 3]):
                return index + 4
    return None


def _denied_english(words: Sequence[str]) -> list[int]:
    by = [-1] * len(words)
    for index, word in enumerate(words):
        if word not in _NO:
            continue
        after = words[index + 1] if index + 1 < len(words) else ""
        if after in _FALSE_FRIENDS:
            continue
        comma = 0
        for place in range(index + 1, min(len(words), index + 1 + _REACH)):
            here = words[place]
            if here in _ENDS:
                break
            before = words[place - 1]
            if place > index + 2 and before in {",", "and", "then"} and (here in _SUBJECT or here in _OPENS):
                break
            if place > index + 3 and here in _SUBJECT:
                break
            if before == ",":
                comma = place
            if comma and here in _VERB:
                for back in range(comma, place):
                    by[back] = -1
                break
            by[place] = index
    return by


def _denied_turkish(words: Sequence[str]) -> list[int]:
    by = [-1] * len(words)
    for index, word in enumerate(words):
        if _DENIED_VERB.fullmatch(word) and not (word.startswith("ol") and len(word) < 5):
            if not word.startswith(("ol", "cik", "ak")):
                by[index] = index
                continue
        elif not _YOK.fullmatch(word) or _is_numb(words, index):
            continue
        for place in range(index - 1, max(-1, index - 1 - _REACH), -1):
            here = words[place]
            if here in _TR_ENDS or (here in {"ki", "ve"} and _finite(words, place - 1)):
                break
            if _finite(words, place) and here not in _SENSES:
                break
            by[place] = index
    return by


def _is_numb(words: Sequence[str], place: int) -> bool:
    """Whether "hissetmiyorum" tells of numbness rather than denies what stands before it."""
    if place == 0 or not _FEELS_NOTHING.fullmatch(words[place]):
        return False
    return _FELT.fullmatch(words[place - 1]) is None


def _finite(words: Sequence[str], place: int) -> bool:
    """Whether a Turkish clause ends with this word."""
    if place < 0 or not _FINITE.fullmatch(words[place]):
        return False
    return words[place] not in _NOUNS_LIKE_VERBS
