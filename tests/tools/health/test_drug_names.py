"""Names as people write them, and those that stand for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.health.drug_base import DrugBase
from alya_mcp.tools.health.logic.drug_names import Named, Unresolved, edits


@pytest.fixture(scope="module")
def base() -> DrugBase:
    return DrugBase()


@pytest.mark.parametrize(
    ("given", "ingredients", "how"),
    [
        ("warfarin", ("warfarin",), "name"),
        ("WARFARİN", ("warfarin",), "name"),
        ("Warfarin Sodium 5 mg tablets", ("warfarin",), "synonym"),
        ("acetaminophen", ("paracetamol",), "synonym"),
        ("Tylenol", ("paracetamol",), "brand"),
        ("Parol", ("paracetamol",), "brand"),
        ("parasetamol", ("paracetamol",), "synonym"),
        ("isosorbide mononitrate", ("isosorbide mononitrate",), "name"),
        ("Augmentin", ("amoxicillin", "clavulanic acid"), "combination"),
        ("Delix Plus 5/25 mg", ("ramipril", "hydrochlorothiazide"), "combination"),
        ("Delix 5 mg tb", ("ramipril",), "brand"),
        ("warfarn", ("warfarin",), "spelling"),
        ("kumadin", ("warfarin",), "synonym"),
        ("atorvastatine", ("atorvastatin",), "spelling"),
    ],
)
def test_a_name_is_recognised(base: DrugBase, given: str, ingredients: tuple[str, ...], how: str) -> None:
    found = base.names.find(given)
    assert isinstance(found, Named)
    assert (set(found.ingredients), found.matched_by) == (set(ingredients), how)


@pytest.mark.parametrize("given", ["xyzzyplugh", "Robert'); DROP TABLE drugs;--", "zzz", "варфарин", "?"])
def test_what_stands_for_nothing_is_unresolved(base: DrugBase, given: str) -> None:
    assert isinstance(base.names.find(given), Unresolved)


def test_a_short_or_doubtful_misspelling_is_not_taken_but_suggested(base: DrugBase) -> None:
    found = base.names.find("xasix")  # as near to Lasix as to Fusix
    assert isinstance(found, Unresolved)
    assert {"Lasix", "Fusix"} <= set(found.suggestions)


def test_no_known_name_is_taken_for_another_by_its_spelling(base: DrugBase) -> None:
    for name in base.ingredients:
        found = base.names.find(name)
        assert isinstance(found, Named)
        assert found.ingredients == (name,)


words = st.text("abcd", max_size=6)


@given(words, words)
def test_the_distance_is_that_of_a_slow_definition(one: str, other: str) -> None:
    def slow(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        best = min(slow(a[:-1], b) + 1, slow(a, b[:-1]) + 1, slow(a[:-1], b[:-1]) + (a[-1] != b[-1]))
        if len(a) > 1 and len(b) > 1 and a[-2:] == b[-1] + b[-2]:
            best = min(best, slow(a[:-2], b[:-2]) + 1)
        return best

    expected = slow(one[:5], other[:5])
    assert edits(one[:5], other[:5], 5) == expected
    assert min(edits(one[:5], other[:5], 2), 3) == min(expected, 3)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("nitrates", "nitrates"),
        ("MAOI", "MAO inhibitors"),
        ("a triptan", "triptans"),
        ("ACE inhibitor", "ACE inhibitors"),
        ("ARBs", "angiotensin receptor blockers"),
        ("beta-blockers", "beta blockers"),
        ("benzodiazepine", "benzodiazepines"),
        ("my statin 20 mg", "statins"),
        ("NSAID", "NSAIDs"),
        ("SSRIs", "SSRIs"),
        ("antibiotic", "antibiotics"),
        ("antibiyotik", "antibiotics"),
        ("blood thinner", "blood thinners"),
        ("kan sulandırıcılar", "blood thinners"),
        ("diuretic", "diuretics"),
        ("opioid", "opioids"),
        ("live vaccine", "live vaccines"),
        ("antihistamine tablets", "antihistamines"),
        ("birth control pill", "contraceptives"),
        ("DOĞUM KONTROL HAPI", "contraceptives"),
        ("tansiyon ilacı", "blood pressure medicines"),
        ("tansiyon ilaçlarım", "blood pressure medicines"),
    ],
)
def test_a_word_for_a_class_is_not_taken_for_one_drug(base: DrugBase, given: str, meant: str) -> None:
    found = base.names.find(given)
    assert isinstance(found, Unresolved)
    assert found.of_class == meant
    assert len(found.suggestions) == 3
    assert all(isinstance(base.names.find(example), Named) for example in found.suggestions)
