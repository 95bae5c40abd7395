"""Names of drugs as people write them: brands, salts, doses, misspellings, Turkish letters."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from alya_mcp.text.folding import fold
from alya_mcp.tools.health.logic.drug_classes import ClassWords

MatchedBy = Literal["name", "synonym", "brand", "combination", "spelling", "rxnorm"]

MOST_SUGGESTIONS: Final = 3
_DOSE: Final = re.compile(
    r"\b\d+(?:[.,]\d+)?\s*(?:mg|mcg|g|ml|iu|ui|units?|%|mg/ml|mikrogram|unite)?\b(?:\s*/\s*(?:ml|day|g))?"
)
_FORMS_WORDS: Final = """
tablet tablets tab tabs capsule capsules cap caps pill pills syrup suspension injection inhaler spray
drops cream gel patch oral film coated retard sr er xr xl cr mr la forte fort tb plus retard tablets'
effervescent tableti kapsul surup damla krem jel iv im po daily hap hapi ampul saşe sase eye nasal drop goz
"""
_FORMS: Final = frozenset(_FORMS_WORDS.split())
_SALTS_WORDS: Final = """
hydrochloride hcl hydrobromide sodium potassium calcium magnesium sulfate sulphate maleate fumarate
tartrate bitartrate citrate phosphate acetate succinate besylate besilate mesylate mesilate tosylate
nitrate mononitrate dinitrate bromide chloride dipropionate propionate valerate lactate gluconate
dihydrate monohydrate anhydrous hemihydrate trihydrate disodium dipotassium hydrogen medoxomil cilexetil
proxetil axetil etexilate erbumine arginine tromethamine trometamol stearate ethylsuccinate decanoate
enanthate palmitate pamoate xinafoate furoate oxalate salt hidroklorur sodyum potasyum sulfat maleat
fumarat tartarat
"""
_SALTS: Final = frozenset(_SALTS_WORDS.split())
_WORD: Final = re.compile(r"[\w'+-]+")
_SHORTEST_MISSPELLED: Final = 5
_LONG: Final = 9


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for, and how it was recognised; `read_as` where that isn't literal."""

    given: str
    ingredients: tuple[str, ...]
    matched_by: MatchedBy
    read_as: str | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name that stands for nothing known, and known names that look like it.

    `of_class`: the name means a whole class of drugs, of which `suggestions` are examples.
    """

    given: str
    suggestions: tuple[str, ...]
    of_class: str | None = None


class DrugNames:
    """Finds ingredients by names: (name, ingredients, how it is one) each; the first of equal ones counts.

    A word of `classes` stands for no single drug, so it is never read as a name that looks like it.
    """

    def __init__(
        self, names: Iterable[tuple[str, tuple[str, ...], MatchedBy]], classes: ClassWords | None = None
    ) -> None:
        self._classes = classes or ClassWords(())
        self._known: dict[str, tuple[str, tuple[str, ...], MatchedBy]] = {}
        for name, ingredients, how in names:
            self._known.setdefault(plain(name), (name, ingredients, how))
        self._trigrams: dict[str, list[str]] | None = None

    def find(self, given: str) -> Named | Unresolved:
        """What `given` stands for. A misspelling counts when one known name alone is as near."""
        whole = plain(given)
        dosed, formed = _without_doses(whole), _without_forms(_without_doses(whole))
        for candidate in dict.fromkeys((whole, dosed, formed, _without_salts(formed))):
            found = self._known.get(candidate)
            if found is not None:
                name, ingredients, how = found
                literal = how == "name" and candidate == plain(name)
                return Named(given, ingredients, how, None if literal else name)
            meant = self._classes.find(candidate)
            if meant is not None:
                return Unresolved(given, meant.examples, meant.name)
        return self._near(given, _without_salts(formed))

    def _near(self, given: str, asked: str) -> Named | Unresolved:
        if len(asked) < 3:
            return Unresolved(given, ())
        ranked = sorted(
            (distance, abs(len(name) - len(asked)), name)
            for name in self._alike(asked)
            if (distance := edits(asked, name, 3)) <= 3
        )
        allowed = 0 if len(asked) < _SHORTEST_MISSPELLED else 2 if len(asked) >= _LONG else 1
        nearest = {self._known[name][1] for distance, _, name in ranked if distance == ranked[0][0]}
        if ranked and ranked[0][0] <= allowed and len(nearest) == 1 and ranked[0][2][0] == asked[0]:
            name, ingredients, _ = self._known[ranked[0][2]]
            return Named(given, ingredients, "spelling", name)
        return Unresolved(given, tuple(self._known[name][0] for _, _, name in ranked[:MOST_SUGGESTIONS]))

    def _alike(self, asked: str) -> set[str]:
        """Known names that share a third of their trigrams or begin alike."""
        if self._trigrams is None:
            self._trigrams = {}
            for name in self._known:
                for part in _trigrams(name):
                    self._trigrams.setdefault(part, []).append(name)
        shared: dict[str, int] = {}
        parts = _trigrams(asked)
        for part in parts:
            for name in self._trigrams.get(part, ()):
                shared[name] = shared.get(name, 0) + 1
        return {name for name, count in shared.items() if 3 * count >= len(parts)}


def plain(name: str) -> str:
    """`name` for comparison: folded, without marks and with single blanks."""
    return " ".join(_WORD.findall(fold(name).replace("®", " ").replace("™", " ")))


def edits(one: str, other: str, most: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours between two words; more than `most` is any.

    Optimal string alignment, the restricted Damerau-Levenshtein distance.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, its in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return most + 1
        before, last = last, line
    return last[-1]


def _trigrams(name: str) -> set[str]:
    padded = f"  {name} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


def _without_doses(name: str) -> str:
    return " ".join(_DOSE.sub(" ", name).split()) or name


def _without_forms(name: str) -> str:
    return " ".join(word for word in name.split() if word not in _FORMS) or name


def _without_salts(name: str) -> str:
    words = name.split()
    kept = [word for at, word in enumerate(words) if at == 0 or word not in _SALTS]
    return " ".join(kept)


def as_table(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, tuple[str, ...], MatchedBy]]:
    """The names in rows of ingredients.csv, the ingredients' own first."""
    columns: tuple[tuple[str, MatchedBy], ...] = (
        ("ingredient", "name"),
        ("synonyms", "synonym"),
        ("turkish", "synonym"),
        ("salts", "synonym"),
        ("brands_en", "brand"),
        ("brands_tr", "brand"),
    )
    return [
        (name, (row["ingredient"],), how)
        for column, how in columns
        for row in rows
        for name in listed(row[column])
    ]


def listed(cell: str) -> list[str]:
    """The entries of a cell that holds a list."""
    return [entry for part in cell.split("|") if (entry := part.strip())]
