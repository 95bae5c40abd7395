"""Emergencies in many people's words, and harmless complaints. docs/tools/symptoms.md."""

from collections import defaultdict
from pathlib import Path

import pytest

from alya_mcp.tools.health.logic.symptoms.reading import PatientCase
from alya_mcp.tools.health.symptoms.knowledge import knowledge

TEXTS = Path(__file__).with_name("emergencies.txt")
FLOOR = {"en": 0.98, "tr": 0.97}
MOST_FALSE = 0.03


def test_emergencies_in_other_words_are_flagged_and_harmless_complaints_are_not() -> None:
    """A guard against losing ground: the data was mended with these texts, so this measures nothing."""
    known = knowledge()
    total: dict[tuple[str, bool], int] = defaultdict(int)
    wrong: dict[tuple[str, bool], list[str]] = defaultdict(list)
    harmless = False
    for line in TEXTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            harmless = line.startswith("[-")
            continue
        language, text = line[:2], line[3:]
        case = heard(text)
        flags = known.signs(case)
        total[language, harmless] += 1
        if bool(flags) == harmless:
            wrong[language, harmless].append(text)
    for language, floor in FLOOR.items():
        assert len(wrong[language, False]) <= (1 - floor) * total[language, False], wrong[language, False]
        assert len(wrong[language, True]) <= MOST_FALSE * total[language, True], wrong[language, True]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("my pulse is 170 and I feel odd", "pulse_fast"),
        ("tansiyonum 22'ye 13, başım zonkluyor", "very_high_bp"),
        ("34 weeks pregnant, headache, blood pressure 150/95", "very_high_bp"),
        ("short of breath, sats 86", "low_oxygen"),
        ("my son is 5 weeks old, 38.4 and sleepy", "fever"),
    ],
)
def test_a_dangerous_measurement_is_read(text: str, finding: str) -> None:
    assert heard(text).mentions[finding].present


@pytest.mark.parametrize(
    "text",
    [
        "headache, blood pressure 128 over 82, pulse 62, sats 98",
        "headache, 36 degrees out here",
        "I had a fever years ago, my nose is running",
    ],
)
def test_a_usual_measurement_and_what_is_past_are_no_finding(text: str) -> None:
    found = {"very_high_bp", "low_bp", "pulse_fast", "pulse_slow", "low_oxygen", "fever"}
    assert found.isdisjoint(heard(text).mentions)


def test_what_tells_of_the_present_after_the_past_counts() -> None:
    mentions = heard("I had a stent five years ago, my chest is tight and I'm sweating").mentions
    assert mentions["sweating"].present


def heard(text: str) -> PatientCase:
    """The case of a complaint."""
    known = knowledge()
    told, language = known.told(text)
    case = PatientCase(language=language)
    case.hear(text, told, known.network.findings)
    return case
