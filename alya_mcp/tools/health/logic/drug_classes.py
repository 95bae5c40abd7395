"""Words for a class of drugs, such as `statin` or `blood thinner`, which stand for no single drug."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_ENDINGS: Final = tuple(re.compile(rf"(?<=...){end}$") for end in ("s", "l[ae]r(?:[iu]m?)?", "[iu]m?"))
"""The English plural, and the Turkish plural and possessive (ilacı, ilacım, ilaçları)."""
_ARTICLES: Final = frozenset(("a", "an", "my", "some", "bir"))


@dataclass(frozen=True, slots=True)
class DrugClass:
    """A class, and drugs of it as examples."""

    name: str
    examples: tuple[str, ...]


class ClassWords:
    """Finds classes by the words for them, given as `drug_names.plain` leaves them."""

    def __init__(self, words: Iterable[tuple[str, DrugClass]]) -> None:
        self._classes: Mapping[str, DrugClass] = {_key(word): of for word, of in words}

    def find(self, word: str) -> DrugClass | None:
        """The class that a word stands for, in the singular or plural, with an article or without."""
        return self._classes.get(_key(word))


def _key(word: str) -> str:
    parts = [part for part in word.replace("-", " ").split() if part not in _ARTICLES]
    for ending in _ENDINGS:
        parts = [ending.sub("", part) for part in parts]
    return " ".join(parts)
