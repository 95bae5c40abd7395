"""Figures of public record: what is known of each, and how a query finds them."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, get_args

from alya_mcp.text.folding import fold

Category = Literal[
    "science", "mathematics", "philosophy", "literature", "art", "music", "leadership", "exploration",
    "stage", "sport", "other",
]  # fmt: skip
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

_OCCUPATIONS: Final[dict[Category, str]] = {
    "science": "anthropologist, archaeologist, astronomer, biologist, chemist, economist, engineer, "
    "geologist, inventor, linguist, physician, physicist, psychologist, sociologist, political scientist",
    "mathematics": "computer scientist, mathematician, statistician",
    "philosophy": "philosopher",
    "literature": "writer, critic, journalist, historian, comic artist",
    "art": "architect, artist, designer, fashion designer, painter, photographer, sculptor",
    "music": "composer, conductor, musician, singer",
    "leadership": "diplomat, judge, lawyer, military personnel, nobleman, politician, public worker, "
    "religious figure, social activist",
    "exploration": "astronaut, explorer, geographer, mountaineer, pilot",
    "stage": "actor, comedian, dancer, film director, magician, model, presenter, producer",
    "sport": "american football player, athlete, baseball player, basketball player, boxer, chessmaster, "
    "coach, cricketer, cyclist, golfer, gymnast, hockey player, martial arts, racecar driver, referee, "
    "skater, skier, snooker, soccer player, swimmer, tennis player, wrestler",
}
_CATEGORY_OF: Final[dict[str, Category]] = {
    word: category for category, words in _OCCUPATIONS.items() for word in words.split(", ")
}
_WORD: Final = re.compile(r"[^\W_]+")
_FULL_FACTS: Final = 4
_FULL_SOURCES: Final = 2
_NEAR: Final = 0.75


@dataclass(frozen=True, slots=True)
class FigureReference:
    """A page that an entry was written from."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One person. Years before the common era are negative, None where the sources don't say.

    `facts` is empty for people of Pantheon alone; alya_clone_chat doesn't simulate those.
    """

    name: str
    category: Category
    born: int | None
    died: int | None = None
    approximate: bool = False
    nationality: str | None
    bio: str
    personality: str | None = None
    known_for: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    sources: tuple[FigureReference, ...]

    @property
    def chat(self) -> bool:
        """Whether enough is known of the figure to simulate it."""
        return bool(self.facts)

    @cached_property
    def slug(self) -> str:
        """The name by which clients may ask for the figure."""
        return "-".join(_WORD.findall(fold(self.name)))

    @property
    def era(self) -> str:
        """The years of its life in words."""
        if self.born is None:
            return "unknown"
        about = "c. " if self.approximate else ""
        if self.died is None:
            return f"born {about}{_year(self.born)}"
        if self.born < 0 < self.died:
            return f"{about}{_year(self.born)} to {self.died} CE"
        if self.born < 0:
            return f"{about}{-self.born} to {_year(self.died)}"
        return f"{about}{self.born} to {self.died}"

    @property
    def quality(self) -> float:
        """How much is known of the figure, 0 to 1; not a judgement of the person.

        Half for four facts, three tenths for two sources, a tenth each for exact years and for what the
        figure is known for. Without facts at most three tenths: for a year, a place and an occupation.
        """
        if not self.facts:
            return round(0.1 * sum((self.born is not None, self.nationality is not None, bool(self.bio))), 2)
        score = 0.5 * min(len(self.facts), _FULL_FACTS) / _FULL_FACTS
        score += 0.3 * min(len(self.sources), _FULL_SOURCES) / _FULL_SOURCES
        return round(score + 0.1 * (not self.approximate) + 0.1 * bool(self.known_for), 2)

    @cached_property
    def names(self) -> frozenset[str]:
        """Its names as they are compared."""
        return frozenset({self.slug, *(fold(each) for each in (self.name, *self.aliases))})

    @cached_property
    def name_words(self) -> frozenset[str]:
        """The words of its names."""
        return frozenset(word for name in self.names for word in _WORD.findall(name))

    @cached_property
    def _other_words(self) -> frozenset[str]:
        told = (self.category, self.nationality or "", self.bio, *self.known_for, *self.facts)
        return frozenset(_WORD.findall(fold(" ".join(told))))

    def fit(self, words: Sequence[str]) -> float:
        """How well folded words fit: 0 when one of them doesn't occur; words of the name count most."""
        total = 0.0
        for word in words:
            if word in self.name_words:
                total += 3
            elif len(word) > 2 and any(other.startswith(word) for other in self.name_words):
                total += 2
            elif word in self._other_words:
                total += 1
            else:
                return 0.0
        return total


def category_of(occupation: str) -> Category:
    """The category of an occupation as Pantheon names it."""
    return _CATEGORY_OF.get(occupation, "other")


def search(figures: Iterable[Figure], query: str) -> list[Figure]:
    """The figures that have every word of a query, the best fit first, else in their order."""
    words = _WORD.findall(fold(query))
    found = [(score, figure) for figure in figures if (score := figure.fit(words)) > 0]
    return [figure for _, figure in sorted(found, key=lambda each: -each[0])]


def named(figures: Sequence[Figure], name: str) -> Figure | None:
    """The figure of a name, an alias or a slug; of a part of a name when only one has it."""
    asked = fold(name)
    for figure in figures:
        if asked in figure.names:
            return figure
    words = set(_WORD.findall(asked))
    having = [figure for figure in figures if words and words <= figure.name_words]
    return having[0] if len(having) == 1 else None


def near(figures: Sequence[Figure], name: str) -> list[str]:
    """Names that look like one that isn't there."""
    known = {each: figure.name for figure in figures for each in figure.names}
    close = difflib.get_close_matches(fold(name), known, n=3, cutoff=_NEAR)
    return list(dict.fromkeys(known[each] for each in close))


def _year(year: int) -> str:
    return f"{-year} BCE" if year < 0 else str(year)
