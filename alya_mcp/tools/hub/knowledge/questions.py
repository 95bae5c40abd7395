"""Finds the tool or the section of the documentation that answers a question."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language, terms
from alya_mcp.tools.hub.knowledge.classifier import ABOUT_THE_HUB, ELSEWHERE, Classifier

_IDENTIFIER: Final = re.compile(r"\w+_\w+")
_TURKISH_PREFIX: Final = 5
_OF_THE_EXAMPLE: Final = 0.3
_LIKE: Final = 0.55
_ALMOST_THE_SAME: Final = 0.8
_THE_SAME: Final = 0.95
_ASKS_FOR_TOOL: Final = re.compile(r"\b(?:which|what) (?:of the )?tools?\b|\bhangi arac|\barac hangi")


class Lead(NamedTuple):
    """What answers a question: a tool, a section of the documentation (`PAGE \u203a HEADING`), or neither.

    The tool is `alya_ask` itself for what the documentation or the hub's state answers. `pages` says that
    they may, although no section is known.
    """

    tool: str | None = None
    section: str | None = None
    pages: bool = False


def asks_for_tool(question: str) -> bool:
    """Whether a question says in so many words that it asks for a tool."""
    return _ASKS_FOR_TOOL.search(fold(question)) is not None


def identifiers(question: str) -> list[str]:
    """Names of variables, tools and the like in a question."""
    return _IDENTIFIER.findall(question)


class Guide:
    """Leads a question to the tool or the section of the documentation that answers it, or nowhere.

    A classifier says which; a section is found by its example questions, and where the classifier knows
    better only by the question itself. Of a question with an identifier only the pages that hold it can tell.
    """

    def __init__(
        self, learnt: Classifier, tools: Collection[str], sections: Mapping[str, Sequence[str]]
    ) -> None:
        self._learnt = learnt
        self._tools = frozenset(tools)
        self._examples = Examples(sections)

    def lead(self, question: str) -> Lead:
        """What answers `question`: a tool of those that there are, a section, or neither."""
        best = next(iter(self._learnt.scores(question)))
        likeness, section = next(iter(self._examples.nearest(question)), (0.0, ""))
        like = {ABOUT_THE_HUB: _LIKE, ELSEWHERE: _THE_SAME}.get(best, _ALMOST_THE_SAME)
        if likeness >= like and not asks_for_tool(question):
            return Lead(tool=ABOUT_THE_HUB, section=section)
        tool = best if best in self._tools else None
        return Lead(tool=tool, pages=tool == ABOUT_THE_HUB or bool(identifiers(question)))


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
