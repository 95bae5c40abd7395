"""Words of a complaint, and the patterns that recognise findings.

A pattern is a row of elements: `cough* up <blood>`. An element is one or more spellings joined by `|`: a
whole word, the beginning of one (`cough*`), or a Turkish noun with any of its case and possessive endings
(`karin~`). Between two elements up to two words may stand (little words never count), at `_` none, at `...`
up to seven. `<name>` stands for a list of spellings that many patterns share. Words are compared as `fold`
leaves them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.text.folding import fold

_SENTENCE: Final = re.compile(r"[.!?;]+(?!\d)|(?<=\s)-(?=\s)")
_TOKEN: Final = re.compile(r"\d+(?:[.,]\d+)?|[a-z]+|[,:()/%]")
_NOUN_ENDING: Final = re.compile(
    r"(?:l[ae]r)?(?:[iu]?m|[iu]?n|s?[iu]|[iu]?m[iu]z|[iu]?n[iu]z)?"
    r"(?:n?[dt][ae](?:n|ki)?|[yn]?[iuae]|n?[iu]n|yl[ae]|l[ae]|l[iu])?"
)
_WITHOUT: Final = re.compile(
    r"(agri|aci|sanci|ates|oksuruk|kasinti|bulanti|balgam|kusma|ishal|akinti|dokuntu)s[iu]z\w*"
)
_LITTLE_TEXT: Final = (
    "a an the my his her their our your of in on at is are was were be been being am have has had i "
    "im ive it its very really so quite to with some this that these there he she we you me them feel "
    "feels feeling felt get gets getting got also just like kind bit little extremely terribly rather "
    "when whenever while from for by as which cok bir biraz da de bu o su hafif asiri fazla ben benim "
    "onun oldukca gibi sanki her surekli hep bayagi bazen zaman bile ise ile olarak fena siddetli "
    "kotu"
)
_LITTLE: Final = frozenset(_LITTLE_TEXT.split())
_JOINING_TEXT: Final = "and ve or veya ya plus ayrica"
_JOINING: Final = frozenset(_JOINING_TEXT.split())
_JOINED: Final = frozenset((",", "/", "left", "right", "both", "sol", "sag"))
_GAP: Final = 2
_GAPS: Final = {"_": 0, "...": 7}
_COMMA_COST: Final = 2
_FUZZY_FROM: Final = 6
_FUZZY_TO: Final = 20
_PLURAL_FROM: Final = 4
_LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True)
class PhrasePattern:
    """Elements in their order, and before each how many words may stand; `target` is what it tells."""

    target: str
    elements: tuple[int, ...]
    gaps: tuple[int, ...]
    wanted: frozenset[int]


@dataclass(frozen=True, slots=True)
class PhraseHit:
    """A pattern that was found: the positions of its words in the sentence."""

    target: str
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """The folded words of a sentence (commas and the like among them), the elements of each and its cost."""

    words: tuple[str, ...]
    elements: tuple[frozenset[int], ...]
    costs: tuple[int, ...]


class Vocabulary:
    """All patterns of one language, made to be looked for together.

    `classes` are the shared lists of spellings; `rewrites` are words that are read as others.
    """

    def __init__(self, classes: Mapping[str, str], rewrites: Mapping[str, str]) -> None:
        self._classes = classes
        longest = sorted(rewrites, key=len, reverse=True)
        self._rewrites = rewrites
        self._rewritten = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b") if rewrites else None
        self._numbers: dict[str, int] = {}
        self._exact: dict[str, set[int]] = defaultdict(set)
        self._prefix: dict[str, set[int]] = defaultdict(set)
        self._noun: dict[str, set[int]] = defaultdict(set)
        self._first: dict[int, list[PhrasePattern]] = defaultdict(list)
        self._typos: dict[str, set[str]] = {}
        self._seen: dict[str, frozenset[int]] = {}

    def add(self, target: str, patterns: Iterable[str]) -> None:
        """Add patterns that tell `target`.

        Raises:
            ValueError: a pattern has no word, or names a list that there isn't.
        """
        for text in patterns:
            elements: list[int] = []
            gaps: list[int] = []
            gap = _GAP
            for part in text.split():
                if part in _GAPS:
                    gap = _GAPS[part]
                    continue
                elements.append(self._element(part))
                gaps.append(gap)
                gap = _GAP
            if not elements:
                raise ValueError(f"{target} has an empty pattern")
            pattern = PhrasePattern(target, tuple(elements), tuple(gaps), frozenset(elements))
            self._first[pattern.elements[0]].append(pattern)

    def number(self, spellings: str) -> int:
        """The number of an element; a new one when nothing has these spellings yet."""
        return self._element(spellings)

    def read(self, text: str) -> list[Sentence]:
        """The sentences of a text."""
        sentences: list[Sentence] = []
        folded = fold(_plain(text))
        if self._rewritten is not None:
            folded = self._rewritten.sub(lambda match: self._rewrites[match[0]], folded)
        for part in _SENTENCE.split(folded):
            words = tuple(_TOKEN.findall(part))
            if words:
                costs = tuple(map(word_cost, words))
                sentences.append(Sentence(words, tuple(map(self._elements_of, words)), costs))
        return sentences

    def hits(self, sentence: Sentence) -> list[PhraseHit]:
        """Every pattern that is found in a sentence, at its first place from each start."""
        found: list[PhraseHit] = []
        nothing: frozenset[int] = frozenset()
        there = nothing.union(*sentence.elements)
        possible = {
            element: [pattern for pattern in self._first[element] if pattern.wanted <= there]
            for element in there
            if element in self._first
        }
        for start, elements in enumerate(sentence.elements):
            for element in elements:
                for pattern in possible.get(element, ()):
                    at = self._follow(sentence, start, pattern)
                    if at is not None:
                        found.append(PhraseHit(pattern.target, at))
        return found

    def known(self, word: str) -> bool:
        """Whether a word is a spelling of some element."""
        return bool(self._elements_of(word))

    def _follow(self, sentence: Sentence, start: int, pattern: PhrasePattern) -> tuple[int, ...] | None:
        at = [start]
        for element, gap in zip(pattern.elements[1:], pattern.gaps[1:], strict=True):
            cost = 0
            place = at[-1] + 1
            while place < len(sentence.words):
                if element in sentence.elements[place]:
                    break
                cost += sentence.costs[place]
                if cost > gap:
                    return None
                place += 1
            else:
                return None
            at.append(place)
        return tuple(at)

    def _element(self, spellings: str) -> int:
        wanted = spellings
        for name in re.findall(r"<(\w+)>", spellings):
            if name not in self._classes:
                raise ValueError(f"there is no list of words <{name}>")
            wanted = wanted.replace(f"<{name}>", "|".join(self._classes[name].split()))
        number = self._numbers.get(wanted)
        if number is None:
            number = self._numbers[wanted] = len(self._numbers)
            for spelling in wanted.split("|"):
                if spelling.endswith("*"):
                    self._prefix[spelling[:-1]].add(number)
                elif spelling.endswith("~"):
                    self._noun[spelling[:-1]].add(number)
                else:
                    self._exact[spelling].add(number)
        return number

    def _elements_of(self, word: str) -> frozenset[int]:
        known = self._seen.get(word)
        if known is None:
            found = self._spelled(word)
            if len(word) >= _PLURAL_FROM and word.endswith("s"):
                found |= self._exact.get(word[:-1], set())
            if not found and _FUZZY_FROM <= len(word) <= _FUZZY_TO and word.isalpha():
                for near in self._near(word):
                    found |= self._spelled(near)
            known = frozenset(found)
            if len(self._seen) < 20_000:
                self._seen[word] = known
        return known

    def _spelled(self, word: str) -> set[int]:
        if len(word) > _LONGEST_WORD:
            return set()
        found = set(self._exact.get(word, ()))
        without = _WITHOUT.fullmatch(word)
        for end in range(2 if without is None else without.end(1) + 1, len(word) + 1):
            begin = word[:end]
            if begin in self._prefix:
                found |= self._prefix[begin]
            if begin in self._noun and _NOUN_ENDING.fullmatch(word, end):
                found |= self._noun[begin]
        return found

    def _near(self, word: str) -> set[str]:
        """Spellings of six letters or more that one slip leads from; the first letter is right."""
        if not self._typos:
            for spelling in (*self._exact, *self._prefix, *self._noun):
                if len(spelling) >= _FUZZY_FROM:
                    for form in _without_one(spelling):
                        self._typos.setdefault(form, set()).add(spelling)
        near: set[str] = set()
        for length in {len(word), *(n for n in range(_FUZZY_FROM - 1, len(word) + 1))}:
            for form in _without_one(word[:length]):
                for spelling in self._typos.get(form, ()):
                    if abs(len(spelling) - length) <= 1 and spelling[0] == word[0]:
                        whole = spelling in self._exact and spelling not in self._prefix
                        if not whole or length == len(word):
                            near.add(spelling)
        return near


def word_cost(word: str) -> int:
    """How much a word between two elements of a pattern counts."""
    if word in _LITTLE:
        return 0
    return _COMMA_COST if word in ",:()" else 1


def joins(words: Sequence[str]) -> bool:
    """Whether words only join what stands around them: `, my left ... and`."""
    return all(word in _LITTLE or word in _JOINING or word in _JOINED for word in words)


def is_joining(word: str) -> bool:
    """Whether a word is an `and` or an `or`."""
    return word in _JOINING


def _plain(text: str) -> str:
    for mark in "'\u2019\u02bc":
        text = text.replace(mark, "")
    return (
        text.replace("\n", " . ").replace("\u2026", " . ").replace("\u2022", " . ").replace(" \u2013 ", " . ")
    )


def _without_one(word: str) -> set[str]:
    return {word, *(word[:index] + word[index + 1 :] for index in range(1, len(word)))}
