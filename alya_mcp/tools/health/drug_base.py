"""The bundled knowledge of drugs: the files of `data/`, read at first use."""

import csv
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.tools.health.logic.drug_classes import ClassWords, DrugClass
from alya_mcp.tools.health.logic.drug_names import DrugNames, MatchedBy, Named, as_table, listed, plain
from alya_mcp.tools.health.logic.drug_rules import DrugRule, DrugRules, Ingredient

_DATA: Final = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a rule is from."""

    title: str
    address: str


class DrugBase:
    """Names, ingredients and rules of the files in `folder`."""

    def __init__(self, folder: Path = _DATA) -> None:
        rows = _table(folder / "ingredients.csv")
        products = [
            (row["product"], tuple(listed(row["ingredients"]))) for row in _table(folder / "combinations.csv")
        ]
        combined: list[tuple[str, tuple[str, ...], MatchedBy]] = [
            (product, parts, "combination") for product, parts in products
        ]
        self.names = DrugNames([*as_table(rows), *combined], _classes(folder))
        self.unknown: set[str] = set()
        """Names in rules and effects that no ingredient has; empty when the data are whole."""
        effects = self._effects(folder, rows)
        self.ingredients: Mapping[str, Ingredient] = {
            name: Ingredient(
                name=name,
                kind=row["kind"],
                groups=frozenset(listed(row["groups"])),
                effects=effects.get(name, {}),
            )
            for row in rows
            for name in (row["ingredient"],)
        }
        document: dict[str, Any] = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
        self.citations: Mapping[str, Citation] = {
            key: Citation(**each) for key, each in document["sources"].items()
        }
        self.all_rules = [self._rule(each) for each in document["rule"]]
        self.rules = DrugRules(self.all_rules)

    def _effects(self, folder: Path, rows: Sequence[Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """Effects by ingredient; of several strengths the first listed, which is the strongest.

        `group:NAME` in the table stands for every ingredient of a group.
        """
        members: dict[str, list[str]] = {}
        for row in rows:
            for group in listed(row["groups"]):
                members.setdefault(f"group:{group}", []).append(row["ingredient"])
        effects: dict[str, dict[str, str]] = {}
        for row in _table(folder / "effects.csv"):
            for listing in listed(row["ingredients"]):
                for name in members.get(listing) or [self._own(listing)]:
                    effects.setdefault(name, {}).setdefault(row["effect"], row["strength"])
        return effects

    def _rule(self, fields: Mapping[str, Any]) -> DrugRule:
        first, second, but = (
            tuple(each if ":" in each else self._own(each) for each in cast("list[str]", fields.get(key, [])))
            for key in ("a", "b", "but")
        )
        return DrugRule(
            id=fields["id"],
            first=first,
            second=second,
            severity=fields["severity"],
            mechanism=fields["mechanism"],
            description=fields["description"],
            recommendation=fields["recommendation"],
            evidence=fields["evidence"],
            sources=tuple(fields["sources"]),
            but=but,
        )

    def _own(self, name: str) -> str:
        """The ingredient that `name` stands for; files may use a synonym."""
        found = self.names.find(name)
        if isinstance(found, Named) and found.matched_by != "spelling" and len(found.ingredients) == 1:
            return found.ingredients[0]
        self.unknown.add(name)
        return name


@cache
def drug_base() -> DrugBase:
    """The knowledge base that comes with the package, read once."""
    return DrugBase()


def _classes(folder: Path) -> ClassWords:
    return ClassWords(
        (plain(word), DrugClass(row["class"], tuple(listed(row["examples"]))))
        for row in _table(folder / "class_words.csv")
        for word in listed(row["words"])
    )


def _table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
