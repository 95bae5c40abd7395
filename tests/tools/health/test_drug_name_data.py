"""The tables of names behind the drug interactions tool: complete, consistent, unambiguous."""

import csv
from pathlib import Path

import alya_mcp
from alya_mcp.text.folding import fold

DATA = Path(alya_mcp.__file__).parent / "tools" / "health" / "data"
LISTS = ("synonyms", "brands_en", "brands_tr", "salts", "turkish")


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def parts(field: str) -> list[str]:
    return field.split("|") if field else []


def bare(name: str) -> str:
    return "".join(letter for letter in fold(name) if letter.isalnum())


def test_every_group_of_an_ingredient_is_defined_and_every_defined_group_is_used() -> None:
    groups = [row["group"] for row in rows("groups.csv")]
    used = {group for row in rows("ingredients.csv") for group in parts(row["groups"])}
    assert len(groups) == len(set(groups))
    assert used == set(groups)


def test_every_ingredient_has_a_kind_and_a_group_and_clean_fields() -> None:
    for row in rows("ingredients.csv"):
        assert row["kind"] in {"drug", "food", "substance"}, row
        assert row["ingredient"] == row["ingredient"].lower()
        assert row["groups"], row
        for field in row.values():
            assert all(part and part == part.strip() for part in parts(field)), row


def test_a_name_means_one_ingredient_or_one_product() -> None:
    meanings: dict[str, str] = {}
    for row in rows("ingredients.csv"):
        for name in (row["ingredient"], *(name for key in LISTS for name in parts(row[key]))):
            assert meanings.setdefault(bare(name), row["ingredient"]) == row["ingredient"], name
    for row in rows("combinations.csv"):
        name, contents = bare(row["product"]), row["ingredients"]
        assert meanings.setdefault(name, contents) == contents, row["product"]


def test_a_product_has_two_or_more_known_ingredients() -> None:
    known = {row["ingredient"] for row in rows("ingredients.csv")}
    for row in rows("combinations.csv"):
        contents = parts(row["ingredients"])
        assert len(contents) == len(set(contents)) >= 2, row
        assert set(contents) <= known, row


def test_the_tables_are_as_large_as_promised_and_small_enough_to_ship() -> None:
    ingredients = rows("ingredients.csv")
    brands = sum(len(parts(row[key])) for row in ingredients for key in ("brands_en", "brands_tr"))
    assert len(ingredients) >= 750
    assert brands >= 1200
    assert len(rows("combinations.csv")) >= 120
    names = ("groups.csv", "ingredients.csv", "combinations.csv")
    assert sum((DATA / name).stat().st_size for name in names) < 250_000


def test_a_class_word_is_no_name_and_its_examples_are_of_the_class() -> None:
    groups = {row["ingredient"]: parts(row["groups"]) for row in rows("ingredients.csv")}
    names = {bare(name) for row in rows("ingredients.csv") for key in LISTS for name in parts(row[key])}
    names |= {bare(row["product"]) for row in rows("combinations.csv")} | {bare(name) for name in groups}
    words: dict[str, str] = {}
    for row in rows("class_words.csv"):
        examples = parts(row["examples"])
        assert len(examples) == 3
        for example in examples:
            assert set(groups[example]) & set(parts(row["groups"])), (row["class"], example)
        assert set(parts(row["groups"])) <= {row["group"] for row in rows("groups.csv")}
        for word in parts(row["words"]):
            assert words.setdefault(bare(word), row["class"]) == row["class"], word
    assert not words.keys() & names
