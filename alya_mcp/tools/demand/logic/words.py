"""Words for comparison: folded, truncated, without stop words. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from alya_mcp.text.folding import fold as fold_letters

_WORD: Final = re.compile(r"[^\W_]+[+#]*(?:[.'-][^\W_]+[+#]*)*")
_STEM: Final = 6
_SHINGLE: Final = 3
_APOSTROPHES: Final = str.maketrans("\u2019\u2018\u02bc\u00b4`", "'''''")
_ENGLISH: Final = (
    "a about after all also am an and any anyone are as at be because been being but by can can't could "
    "did do does doesn't doing don't down even every few for from get gets getting give go good got "
    "great had has have haven't having he her here him his how i i'd i'll i'm i've if in into is isn't "
    "it it's its just know let like lot made make makes many me mean might mind more most much my need "
    "needs new nice no not now of off ok on one only or other our out over own people please put really "
    "right same say see she should so some someone something still such sure take than that that's the "
    "their them then there there's these they thing things think this those to too try two up us use "
    "used using very want wants was way we we'd we're we've well were what when where which while who "
    "why will with without won't would wouldn't yes yet you you'd you're your"
)
# Words that say that somebody wants or pays, which is what all signals have in common.
_WANTING: Final = (
    "buy cost costs find found gladly glad happily happy looking love miss missing money month monthly "
    "paid pay paying pays per price ready recommend recommendation recommendations search searching "
    "spend spending spent subscription suggest suggestions tool tools app apps software service willing "
    "wish worth year yearly alternative"
)
_TURKISH: Final = (
    "acaba ama ancak ayda aylik bana bazi belki ben beni benim bile bir biri biz bize bizi bu bunu cok "
    "cunku da daha de degil den diye dolar en gibi hem hep her hic icin ile ise iyi kadar keske ki kim "
    "lazim lira mi misiniz mu na ne neden nasil niye o olan olarak olsa olsaydi olur onu para sadece "
    "seve sey simdi su tl uygulama program var ve veya veririm verirdim veriyorum veriyoruz oderim "
    "oderdim oduyorum oduyoruz ya yani yok ariyorum ariyoruz oneri onerir tavsiye eder duzgun dogru"
)
_STOP_WORDS: Final = frozenset(f"{_ENGLISH} {_WANTING} {_TURKISH}".split())


def fold(text: str) -> str:
    """`text` in lower case, without marks, with plain apostrophes and single spaces."""
    return fold_letters(text.translate(_APOSTROPHES))


def words(folded: str) -> list[str]:
    """The words of folded text, in order."""
    return _WORD.findall(folded)


def stem(word: str) -> str:
    """What the forms of a word have in common, roughly: its first six letters, without a plural's s.

    A beginning of fixed length serves Turkish about as well as a real stemmer (Can et al., "Information
    retrieval on Turkish texts", JASIST 59(3), 2008, with five letters); English words need one more.
    """
    word = word.removesuffix("'s")
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:_STEM]


def telling(folded: str) -> list[str]:
    """The words that say what a text is about, in order."""
    return [
        word for word in words(folded) if len(word) > 1 and word not in _STOP_WORDS and not word.isdecimal()
    ]


def topic_stems(topic: str) -> frozenset[str]:
    """The stems of a topic's telling words; of all its words when none tells anything."""
    folded = fold(topic)
    return frozenset(stem(word) for word in telling(folded) or words(folded) or [folded])


def share(stems: frozenset[str], folded: str) -> float:
    """Which share of `stems` occur in a folded text, 0 to 1."""
    there = {stem(word) for word in words(folded)}
    return len(stems & there) / len(stems)


def shingles(folded: str) -> frozenset[tuple[str, ...]]:
    """The runs of three words in a folded text; the whole of a shorter one."""
    found = words(folded)
    return frozenset(tuple(found[at : at + _SHINGLE]) for at in range(max(1, len(found) - _SHINGLE + 1)))


def likeness(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """The Jaccard index of two sets of shingles, 0 to 1."""
    return len(one & other) / len(one | other)


def stems_of(texts: Iterable[str]) -> set[str]:
    """The stems of all words of some folded texts."""
    return {stem(word) for text in texts for word in words(text)}
