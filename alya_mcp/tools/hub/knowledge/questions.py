"""Finds the tool or the section of the documentation that answers a question, by cues and examples."""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language, stem, terms
from alya_mcp.toolkit.asked import ToolQuestions

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_IDENTIFIER: Final = re.compile(r"\w+_\w+")
_LONGEST_PHRASE: Final = 3
_TURKISH_PREFIX: Final = 5
_OF_THE_EXAMPLE: Final = 0.3
_LIKE: Final = 0.55
_ALIKE: Final = 0.42
_ASKS_FOR_TOOL: Final = re.compile(r"\b(?:which|what) (?:of the )?tools?\b|\bhangi arac|\barac hangi")


class CueMatch(NamedTuple):
    """A tool of which cues occur in a question: how many groups the largest has, and how many there are."""

    name: str
    groups: int
    cues: int


class Lead(NamedTuple):
    """What answers a question: a tool, a section of the documentation (`PAGE \u203a HEADING`), or neither."""

    tool: str | None = None
    section: str | None = None


def asks_for_tool(question: str) -> bool:
    """Whether a question says in so many words that it asks for a tool."""
    return _ASKS_FOR_TOOL.search(fold(question)) is not None


def identifiers(question: str) -> list[str]:
    """Names of variables, tools and the like in a question."""
    return _IDENTIFIER.findall(question)


class Guide:
    """Leads a question to the tool or the section of the documentation that answers it, or nowhere.

    A tool is found by its cues, a section by its example questions; a section goes first where the question
    is close to one of its examples and doesn't ask for a tool in so many words.
    """

    def __init__(self, asked: Mapping[str, ToolQuestions], sections: Mapping[str, Sequence[str]]) -> None:
        self._cues = Cues(asked)
        self._sections = frozenset(sections)
        self._examples = Examples({**{name: each.questions for name, each in asked.items()}, **sections})

    def lead(self, question: str) -> Lead:
        """What answers `question`: a tool, a section, or neither."""
        found = self._cues.find(question)
        ranked = self._examples.nearest(question)
        likeness, nearest = ranked[0] if ranked else (0.0, "")
        if nearest in self._sections and not asks_for_tool(question):
            only_a_word = bool(found) and found[0].groups == 1
            if likeness >= (_ALIKE if only_a_word else _LIKE):
                return Lead(section=nearest)
        if found:
            equal = [each.name for each in found if each[1:] == found[0][1:]]
            return Lead(tool=next((name for _, name in ranked if name in equal), equal[0]))
        return Lead()


class Cues:
    """Tools by the cues that occur in a question."""

    def __init__(self, asked: Mapping[str, ToolQuestions]) -> None:
        self._sizes: dict[tuple[str, int], int] = {}
        self._words: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        self._beginnings: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
        for name, each in asked.items():
            for number, cue in enumerate(each.cues):
                self._sizes[name, number] = len(cue)
                for position, group in enumerate(cue):
                    for word in group:
                        place = (name, number, position)
                        if word.endswith("*"):
                            self._beginnings[word[:-1]].add(place)
                        else:
                            self._words[word].add(place)
                            self._words["_".join(stem(part, "en") for part in word.split("_"))].add(place)

    def find(self, question: str) -> list[CueMatch]:
        """The tools of which a cue occurs in `question`, those with the largest cue and most cues first."""
        met: dict[tuple[str, int], set[int]] = defaultdict(set)
        for phrase in _phrases(question):
            places = set(self._words.get(phrase, ()))
            for length in range(1, len(phrase) + 1):
                places |= self._beginnings.get(phrase[:length], set())
            for name, number, position in places:
                met[name, number].add(position)
        whole = [cue for cue, positions in met.items() if len(positions) == self._sizes[cue]]
        largest: dict[str, tuple[int, int]] = {}
        for cue in whole:
            groups, count = largest.get(cue[0], (0, 0))
            largest[cue[0]] = (max(groups, self._sizes[cue]), count + 1)
        order = sorted(largest, key=lambda name: largest[name], reverse=True)
        return [CueMatch(name, *largest[name]) for name in order]


class Examples:
    """Example questions by the share of their telling words that a question has in common with them."""

    def __init__(self, questions: Mapping[str, Sequence[str]]) -> None:
        self._owners: list[str] = []
        self._weights: list[float] = []
        self._holding: dict[str, set[int]] = defaultdict(set)
        words: list[set[str]] = []
        for name, examples in questions.items():
            for example in examples:
                words.append(set(_stems(example)))
                self._owners.append(name)
        for number, each in enumerate(words):
            for word in each:
                self._holding[word].add(number)
        self._weights = [sum(map(self._rarity, each)) for each in words]

    def nearest(self, question: str) -> list[tuple[float, str]]:
        """The owners of examples that share words with `question`, with their likeness from 0 to 1."""
        asked = set(_stems(question))
        shared: dict[int, float] = defaultdict(float)
        for word in asked:
            for number in self._holding.get(word, ()):
                shared[number] += self._rarity(word)
        total = sum(map(self._rarity, asked))
        best: dict[str, float] = {}
        for number, weight in shared.items():
            likeness = weight / ((1 - _OF_THE_EXAMPLE) * total + _OF_THE_EXAMPLE * self._weights[number])
            owner = self._owners[number]
            best[owner] = max(best.get(owner, 0.0), likeness)
        return sorted(((likeness, owner) for owner, likeness in best.items()), reverse=True)

    def _rarity(self, word: str) -> float:
        return math.log((len(self._owners) + 1) / (len(self._holding.get(word, ())) + 0.5))


def _stems(text: str) -> Iterator[str]:
    language = guess_language(text)
    for word in terms(text.replace("_", " "), language):
        yield word[:_TURKISH_PREFIX] if language == "tr" else word


def _phrases(text: str) -> set[str]:
    """The words of `text` and up to three that follow each other, folded, as they stand and as stems.

    Identifiers, such as names of variables, are left out: they aren't words of the question.
    """
    words = [
        fold(re.split("['\u2019]", match[0])[0])
        for match in _WORD.finditer(_IDENTIFIER.sub(" ", unicodedata.normalize("NFC", text)))
    ]
    found: set[str] = set()
    for forms in (words, [stem(word, "en") for word in words], [stem(word, "tr") for word in words]):
        found.update(_joined(forms))
    return found


def _joined(words: Sequence[str]) -> Iterable[str]:
    for length in range(1, _LONGEST_PHRASE + 1):
        for start in range(len(words) - length + 1):
            yield "_".join(words[start : start + length])
