"""Features of a question for the classifier: words, stems, meanings, word pairs and parts."""

import math
import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from alya_mcp.text.folding import fold
from alya_mcp.text.words import stem

NUMBERS: Final = 1 << 21
"""A feature's number is its CRC-32 modulo this; few of those that the classifier knows collide."""
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_DIGITS: Final = re.compile(r"\d+")
_SHORT: Final = 5
_SHORTEST_PART: Final = 3
_LONGEST_PART: Final = 4
_LONGEST_PHRASE: Final = 3
_NONE: Final = frozenset[str]()
_VALUES: Final = {"stem": 1.0, "part": 0.7, "pair": 1.0, "meaning": 1.5, "meanings": 0.3}
"""Chosen by cross-validation on the questions that the classifier learns from."""


def features(question: str) -> dict[int, float]:
    """The features of `question` with their values, of which the squares add up to 1.

    Marks on letters don't count, and all digits are one. The kinds count differently, a meaning most.
    """
    words = [
        _DIGITS.sub("0", fold(re.split("['\u2019]", match[0])[0]))
        for match in _WORD.finditer(unicodedata.normalize("NFC", question))
    ]
    english = [stem(word, "en") for word in words]
    short = [stem(word, "tr")[:_SHORT] for word in english]
    meant = meanings(words)
    kinds: dict[str, set[str]] = {
        "stem": {*words, *english, *short, *(stem(word, "tr") for word in words)},
        "part": set().union(*map(_parts, words)),
        "pair": {f"{one} {two}" for one, two in zip(["^", *short], [*short, "$"], strict=True)},
        "meaning": meant,
        "meanings": {f"{one} {two}" for one in meant for two in meant if one < two},
    }
    found: dict[int, float] = {}
    for kind, each in kinds.items():
        for text in each:
            found[zlib.crc32(f"{kind} {text}".encode()) % NUMBERS] = _VALUES[kind]
    length = math.sqrt(math.fsum(value * value for value in found.values()))
    return {number: found[number] / length for number in sorted(found)}


def _parts(word: str) -> set[str]:
    whole = f"<{word}>"
    return {
        whole[start : start + length]
        for length in range(_SHORTEST_PART, _LONGEST_PART + 1)
        for start in range(len(whole) - length + 1)
    }


def meanings(words: Sequence[str]) -> set[str]:
    """The meanings of `concepts.txt` that occur in `words`, which are folded."""
    exact, beginnings, firsts = _concepts()
    found: set[str] = set()
    for start, word in enumerate(words):
        known = 0
        for length in range(1, _LONGEST_PHRASE + 1 if word in firsts else 2):
            phrase = "_".join(words[start : start + length])
            found |= exact.get(phrase, _NONE)
            for end in range(known + 1, len(phrase) + 1):
                found |= beginnings.get(phrase[:end], _NONE)
            known = len(phrase)
    return found


@cache
def _concepts() -> tuple[Mapping[str, set[str]], Mapping[str, set[str]], set[str]]:
    """The meanings by word and by a word's beginning, and the first words of phrases."""
    exact: dict[str, set[str]] = {}
    beginnings: dict[str, set[str]] = {}
    for line in Path(__file__).with_name("concepts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, words = line.partition(":")
        for word in words.split():
            by = beginnings if word.endswith("*") else exact
            by.setdefault(word.removesuffix("*"), set()).add(name)
    firsts = {phrase.partition("_")[0] for phrase in (*exact, *beginnings) if "_" in phrase}
    return exact, beginnings, firsts
