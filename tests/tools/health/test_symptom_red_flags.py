"""Warning signs in plain sentences, English and Turkish. docs/tools/symptoms.md."""

import pytest
from moved import Ask

from alya_mcp.tools.health.logic.symptoms.flags import raised
from alya_mcp.tools.health.logic.symptoms.reading import Case
from alya_mcp.tools.health.symptom_check import alya_symptom_check
from alya_mcp.tools.health.symptoms.knowledge import knowledge

pytestmark = pytest.mark.anyio


def flags(text: str) -> dict[str, str]:
    """The warning signs of a text by id, with their levels; none where the text would be refused."""
    known = knowledge()
    told, language = known.told(text)
    case = Case(language=language)
    case.hear(text, told, known.network.findings)
    if not case.tells_enough(known.network):
        return {}
    return {
        each.rule.id: each.rule.level
        for each in raised(known.flags, case.present(known.network), case.patient)
    }


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("nefes darlığı ve göğüs ağrısı", "emergency"),
        ("chest pain and sweating", "emergency"),
        ("sudden severe back pain", "emergency"),
        ("fainted this morning", "urgent"),
        ("My son has a fever and is breathless", "emergency"),
        ("kızım nefes almakta zorlanıyor, hızlı hızlı soluyor", "emergency"),
        ("my baby has a fever", "emergency"),
    ],
)
def test_an_age_that_is_not_known_counts_as_each_that_it_may_be(text: str, level: str) -> None:
    assert level in flags(text).values()


@pytest.mark.parametrize(
    "text",
    [
        "I have a fever and a cough",
        "ateşim var",
        "I can't put weight on my ankle",
        "chest pain, I'm 20 and sweating",
    ],
)
def test_a_rule_for_other_ages_stays_silent(text: str) -> None:
    assert not {"baby_fever", "sick_child", "limp_child", "heart"} & flags(text).keys()


async def test_what_rests_on_an_age_that_was_not_given_says_so(ask: Ask) -> None:
    text = "chest pain and sweating"
    unknown = await ask(alya_symptom_check, complaint=text)
    assert "No age was given; this counts from 30 years on." in unknown["redFlags"][0]["action"]
    known = await ask(alya_symptom_check, complaint=text, age=50)
    assert "No age" not in known["redFlags"][0]["action"]
    turkish = await ask(alya_symptom_check, complaint="bebeğimin ateşi var")
    again = await ask(alya_symptom_check, complaint="hâlâ aynı", sessionId=turkish["sessionId"])
    for answer in (turkish, again):
        assert "Yaş belirtilmedi; bu, 3 ay altında geçerlidir." in answer["redFlags"][0]["action"]
    told = await ask(alya_symptom_check, complaint="8 aylık", sessionId=turkish["sessionId"], age=0.7)
    assert "baby_fever" not in {each["id"] for each in told["redFlags"]}
