"""The symptom checker's data fits together: docs/tools/symptoms.md, "Correct an entry"."""

import shutil
import tomllib
from pathlib import Path

import pytest

from alya_mcp.tools.health.symptoms.knowledge import FOLDER, DataError, knowledge, read_knowledge


def test_every_finding_is_used_and_every_condition_cited() -> None:
    known = knowledge()
    findings, conditions = known.network.findings, known.network.conditions
    assert len(conditions) >= 150
    assert len(findings) >= 400
    used = {name for each in conditions.values() for name in each.findings}
    used |= {name for rule in known.flags for groups in rule.any_of for group in groups for name in group}
    used |= {parent for each in findings.values() for parent in each.parents}
    assert set(findings) - used == set()
    assert {name for name, each in conditions.items() if not each.sources} == set()
    assert all(each.url.startswith("https://") for each in known.references.values())


def test_every_probability_is_bounded_and_a_kind_is_no_more_frequent_than_what_it_is_a_kind_of() -> None:
    network = knowledge().network
    for name, each in network.conditions.items():
        assert each.prior > 0
        assert min(each.ages) >= 0 < max(each.ages)
        for finding, chance in each.findings.items():
            assert 0 < chance < 1
            for above in network.ancestors[finding]:
                assert network.chance(name, above) >= chance
    for name, each in network.findings.items():
        assert all(each.base <= network.findings[above].base for above in network.ancestors[name]), name
        assert name not in network.ancestors[name]


def test_names_are_not_shared_and_nothing_reads_as_a_diagnosis() -> None:
    known = knowledge()
    for kind in (known.network.conditions, known.network.findings):
        for language in ("en", "tr"):
            names = [each.name(language) for each in kind.values()]
            assert len(names) == len(set(names))
    said = [text for rule in known.flags for text in (rule.do_en, rule.do_tr, rule.en, rule.tr)]
    for text in said:
        assert "you have a" not in text.lower()
        assert "diagnos" not in text.lower()


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("conditions_head.toml", "headache_band 65", "headache_band 165", "headache_band is 165"),
        ("conditions_head.toml", "headache_band 65", "headache_bnad 65", "no finding headache_bnad"),
        ("conditions_head.toml", "nice:cg150, nhs:tension", "nise:cg150, nhs:tension", "'nise:cg150'"),
        ("conditions_head.toml", 'care = "self-care"', 'care = "later"', "care is one of"),
        ("red_flags.toml", 'level = "emergency"', 'level = "bad"', "level is one of"),
        ("findings_head.toml", "said_en", "said_english", "lacks said_en"),
        ("lexicon.toml", 'head = "head, skull', 'head = "he*ad, skull', "he*ad"),
        ("places.toml", "[emergency]", "[emergency", "places.toml"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, file: str, before: str, after: str, said: str) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "data")
    text = (folder / file).read_text(encoding="utf-8")
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(DataError) as raised:
        read_knowledge(folder)
    assert said in str(raised.value)


def test_the_data_is_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.glob("*.toml")) < 1_000_000


def test_every_pattern_tells_its_finding() -> None:
    """A text made of a pattern's own first spellings is read as that finding."""
    known = knowledge()
    missed: list[str] = []
    for file in FOLDER.glob("findings_*.toml"):
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
            for language in ("en", "tr"):
                vocabulary = known.extractors[language]._vocabulary
                lists = vocabulary._classes
                for pattern in entry[f"said_{language}"].split(","):
                    spelled = [part.split("|")[0] for part in pattern.split() if part not in {"_", "..."}]
                    spelled = [lists[each[1:-1]].split()[0] if each[0] == "<" else each for each in spelled]
                    text = " ".join(spelled).replace("*", "").replace("~", "")
                    targets = {hit.target for each in vocabulary.read(text) for hit in vocabulary.hits(each)}
                    if name not in targets:
                        missed.append(f"{language} [{name}] {pattern.strip()}")
    assert missed == []
