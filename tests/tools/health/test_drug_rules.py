"""The embedded rules of interactions: whole, consistent, and right where it matters most."""

import itertools

import pytest

from alya_mcp.tools.health.drug_base import DrugBase
from alya_mcp.tools.health.logic.drug_names import Named
from alya_mcp.tools.health.logic.drug_rules import SEVERITIES, DrugInteraction, DrugRule, Ingredient


@pytest.fixture(scope="module")
def base() -> DrugBase:
    return DrugBase()


def ingredient(base: DrugBase, name: str) -> Ingredient:
    found = base.names.find(name)
    assert isinstance(found, Named), name
    (own,) = found.ingredients
    return base.ingredients[own]


def worst(base: DrugBase, one: str, other: str) -> str:
    found = base.rules.findings(ingredient(base, one), ingredient(base, other))
    return found[0].severity if found else "none-known"


def test_every_name_in_the_rules_and_effects_is_an_ingredient(base: DrugBase) -> None:
    assert base.unknown == set()
    assert len(base.ingredients) >= 700
    assert len(base.all_rules) >= 100


def test_every_rule_is_cited_about_somebody_and_has_an_id_of_its_own(base: DrugBase) -> None:
    ids = [rule.id for rule in base.all_rules]
    assert len(set(ids)) == len(ids)
    traits = {trait for each in base.ingredients.values() for trait in each.traits}
    for rule in base.all_rules:
        assert rule.sources
        assert set(rule.sources) <= set(base.citations)
        assert rule.severity in SEVERITIES[1:]
        assert traits.intersection(rule.first), rule.id
        assert traits.intersection(rule.second), rule.id
    assert all(each.address.startswith("https://") for each in base.citations.values())


def test_the_index_of_rules_finds_what_a_slow_look_at_each_rule_finds(base: DrugBase) -> None:
    def about(rule: DrugRule, one: Ingredient, other: Ingredient) -> bool:
        if one.traits.intersection(rule.but) or other.traits.intersection(rule.but):
            return False
        return any(
            a.traits.intersection(rule.first) and b.traits.intersection(rule.second)
            for a, b in ((one, other), (other, one))
        )

    some = sorted(base.ingredients)[::37]
    for one, other in itertools.combinations([base.ingredients[name] for name in some], 2):
        found = [
            each.rule for each in base.rules.findings(one, other) if not each.rule.startswith("pathway:")
        ]
        assert sorted(found) == sorted(rule.id for rule in base.all_rules if about(rule, one, other))


def test_the_order_of_two_drugs_changes_nothing_and_the_most_severe_comes_first(base: DrugBase) -> None:
    def told(findings: list[DrugInteraction]) -> set[tuple[str, str]]:
        return {(each.rule, each.severity) for each in findings}

    some = [base.ingredients[name] for name in sorted(base.ingredients)[::61]]
    for one, other in itertools.combinations(some, 2):
        found = base.rules.findings(one, other)
        assert told(found) == told(base.rules.findings(other, one))
        ranks = [SEVERITIES.index(each.severity) for each in found]
        assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("phenelzine", "sertraline"),  # the 15 pairs of classes of ONC's list
        ("tranylcypromine", "procarbazine"),
        ("amphetamine", "phenelzine"),
        ("atazanavir", "omeprazole"),
        ("febuxostat", "azathioprine"),
        ("irinotecan", "ketoconazole"),
        ("pethidine", "selegiline"),
        ("imipramine", "tranylcypromine"),
        ("haloperidol", "amiodarone"),
        ("ramelteon", "fluvoxamine"),
        ("rifampicin", "darunavir"),
        ("simvastatin", "clarithromycin"),
        ("ergotamine", "ritonavir"),
        ("tizanidine", "ciprofloxacin"),
        ("sumatriptan", "moclobemide"),
        ("Viagra", "Nitroglycerin"),
        ("warfarin", "metronidazole"),
        ("lithium", "ibuprofen"),
        ("methotrexate", "trimethoprim"),
        ("spironolactone", "potassium chloride"),
        ("oxycodone", "Xanax"),
        ("disulfiram", "alcohol"),
        ("capecitabine", "brivudine"),
        ("ethinylestradiol", "carbamazepine"),
        ("tacrolimus", "St John's wort"),
        ("colchicine", "clarithromycin"),
        ("ceftriaxone", "calcium gluconate"),
        ("ozanimod", "phenelzine"),
        ("didanosine", "ribavirin"),
        ("halofantrine", "mefloquine"),
    ],
)
def test_what_can_kill_is_severe(base: DrugBase, one: str, other: str) -> None:
    assert worst(base, one, other) == "severe"


@pytest.mark.parametrize(
    ("one", "other", "severity"),
    [
        ("potassium chloride", "atropine", "severe"),
        ("potassium chloride", "diphenhydramine", "moderate"),
        ("potassium chloride", "cetirizine", "none-known"),
        ("ciprofloxacin", "colchicine", "moderate"),
        ("efavirenz", "rifampicin", "moderate"),
        ("efavirenz", "carbamazepine", "severe"),
        ("lopinavir", "rifampicin", "severe"),
        ("ondansetron", "citalopram", "severe"),
        ("vancomycin", "piperacillin", "moderate"),
        ("eluxadoline", "morphine", "moderate"),
        ("lidocaine", "amiodarone", "moderate"),
        ("mefloquine", "quinidine", "severe"),
    ],
)
def test_a_pair_is_as_severe_as_its_labels_say(base: DrugBase, one: str, other: str, severity: str) -> None:
    assert worst(base, one, other) == severity


def test_a_rule_about_an_ingredient_is_about_its_group_of_the_same_name(base: DrugBase) -> None:
    """`alcohol` alone would miss tap beer; the three that are left mean the ingredient."""
    groups = {
        group: each.name for each in base.ingredients.values() for group in each.groups if group != each.name
    }
    named = {name for rule in base.all_rules for name in (*rule.first, *rule.second) if name in groups}
    assert named & set(base.ingredients) == {"iron", "magnesium", "tetracycline"}
    for drug, severity in (("morphine", "severe"), ("metronidazole", "severe"), ("warfarin", "moderate")):
        assert worst(base, "tap beer", drug) == worst(base, "wine", drug) == severity
    assert worst(base, "kombucha", "disulfiram") == "severe"
    assert worst(base, "kombucha", "morphine") == "none-known"


@pytest.mark.parametrize(
    ("one", "other"),
    [("paracetamol", "amoxicillin"), ("levothyroxine", "loratadine"), ("cetirizine", "metformin")],
)
def test_what_nobody_warns_of_is_none_known(base: DrugBase, one: str, other: str) -> None:
    assert worst(base, one, other) == "none-known"
