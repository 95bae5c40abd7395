"""Passages in an FTS5 table in memory, found by their words."""

import sqlite3
from collections.abc import Sequence

from alya_mcp.text.words import terms
from alya_mcp.tools.hub.knowledge.glossary import search_terms
from alya_mcp.tools.hub.knowledge.passages import Passage
from alya_mcp.tools.hub.knowledge.questions import identifiers

_TITLE_WEIGHT = 4.0
_CANDIDATES = 20
_ALL = -1
_COVERED = 0.6


class PassageIndex:
    """Finds the passages that a question is about; whoever asks may do so from any thread, one at a time."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._words = [set(_words(f"{each.title} {each.text}")) for each in passages]
        self._titles = [set(_words(each.title)) for each in passages]
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE VIRTUAL TABLE passage USING fts5(title, body, tokenize='ascii')")
        self._database.executemany(
            "INSERT INTO passage (rowid, title, body) VALUES (?, ?, ?)",
            (
                (number, " ".join(_words(each.title)), " ".join(_words(each.text)))
                for number, each in enumerate(self._passages)
            ),
        )

    def find(
        self, question: str, most: int, without: Sequence[str] = (), *, covered: float = _COVERED
    ) -> list[Passage]:
        """At most `most` passages that `question` is about, the best first; none that names one of `without`.

        A passage is taken when it holds the share `covered` of the question's words, where each counts as one
        in whatever language or synonym, and its headings hold one of them. Of a question with identifiers it
        has to hold one of those instead. So a question about something else finds nothing, although single
        words occur.
        """
        names = identifiers(question)
        asked = search_terms(question)
        words = {word for meanings in asked for word in meanings}
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in sorted(words) if word.isascii())
        if not match:
            return []
        rows = self._database.execute(
            "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY bm25(passage, ?, 1.0) LIMIT ?",
            # Of a name's parts, such as "audit", many passages have more than the one that names it.
            (match, _TITLE_WEIGHT, _ALL if names else _CANDIDATES),
        )
        numbers = [int(row[0]) for row in rows]
        found = [self._passages[number] for number in numbers]
        if names:
            found = [each for each in found if any(name in each.text for name in names)]
        else:
            found = [
                self._passages[number] for number in numbers if self._covers(number, asked, words, covered)
            ]
        return [each for each in found if not any(_names(each, name) for name in without)][:most]

    def section(self, place: str, without: Sequence[str] = ()) -> list[Passage]:
        """The passages of a section, named as `PAGE \u203a HEADING`."""
        found = [each for each in self._passages if each.place == place]
        return [each for each in found if not any(_names(each, name) for name in without)]

    def close(self) -> None:
        """Let go of the table."""
        self._database.close()

    def _covers(self, number: int, asked: Sequence[Sequence[str]], words: set[str], covered: float) -> bool:
        held = sum(any(word in self._words[number] for word in meanings) for meanings in asked)
        return held >= covered * len(asked) and bool(words & self._titles[number])


def _names(passage: Passage, name: str) -> bool:
    return name in passage.text or name in passage.title or name in passage.source


def _words(text: str) -> list[str]:
    return terms(text.replace("_", " "), "en")
