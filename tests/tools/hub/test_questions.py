"""Which tool or section a question is led to: docs/tools/agents.md, "alya_ask"."""

import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from alya_mcp.text.words import guess_language
from alya_mcp.tools import load_catalogue
from alya_mcp.tools.hub.knowledge import questions as module
from alya_mcp.tools.hub.knowledge.classifier import ABOUT_THE_HUB, ELSEWHERE, classifier
from alya_mcp.tools.hub.knowledge.passages import documentation
from alya_mcp.tools.hub.knowledge.questions import Guide, Lead

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = tomllib.loads(Path(module.__file__).with_name("sections.toml").read_text(encoding="utf-8"))
ASKED = {name: tool.asked for name, tool in load_catalogue().items()}


@pytest.fixture(scope="module")
def guide() -> Guide:
    return Guide(classifier(), ASKED, SECTIONS)


def test_the_classifier_knows_the_tools_and_was_learnt_from_the_questions_that_stand_here() -> None:
    assert set(classifier().names) == {*ASKED, ELSEWHERE}
    command = [sys.executable, ROOT / "scripts/ask/train.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.stdout, checked.returncode) == ("up to date\n", 0), checked.stderr


@pytest.mark.parametrize("name", ASKED)
def test_a_tool_is_found_by_nearly_all_of_its_questions_in_two_languages(guide: Guide, name: str) -> None:
    examples = ASKED[name].questions
    assert min(Counter(map(guess_language, examples)).values()) >= 5
    assert sum(guide.lead(each).tool == name for each in examples) >= 0.9 * len(examples)
    assert guess_language(ASKED[name].turkish or "") == "tr"


def test_a_section_exists_and_is_found_by_each_of_its_questions(guide: Guide) -> None:
    places = {passage.place for passage in documentation()}
    for place, examples in SECTIONS.items():
        assert place in places
        lead = Lead(tool=ABOUT_THE_HUB, section=place)
        assert {each: guide.lead(each) for each in examples} == dict.fromkeys(examples, lead)


@pytest.mark.parametrize(
    ("question", "lead"),
    [
        ("Which tool tells what people would pay for?", Lead(tool="alya_demand_signals")),
        ("HANGI ARAC INTERNETTE ARAMA YAPAR", Lead(tool="web_search")),
        ("Will Rome get rain?", Lead(tool="alya_weather_now")),
        ("Roma'da artçı olur mu?", Lead(tool="alya_seismic_forecast")),
        (
            "Where are the pictures stored?",
            Lead(tool="alya_ask", section="docs/storage.md \u203a On this machine"),
        ),
        ("Which tool reads barcodes?", Lead()),
        ("Bana bir taksi çağır", Lead()),
        ("what does ALYA_WEATHER_IMAGE do", Lead(tool="alya_ask", pages=True)),
        ("", Lead()),
        ("\u4f60\u597d", Lead()),
    ],
)
def test_a_question_is_led_to_a_tool_a_section_or_nowhere(guide: Guide, question: str, lead: Lead) -> None:
    assert guide.lead(question) == lead


def test_a_hidden_tool_is_as_if_it_were_not() -> None:
    seen = [name for name in ASKED if not name.startswith("alya_seismic")]
    assert Guide(classifier(), seen, SECTIONS).lead("Which tool lists earthquakes?") == Lead()


def test_the_evaluation_counts_what_is_found_and_what_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "questions.txt"
    asked = "Hava nasıl?|alya_weather_now\nDraw a cat|web_search\nWho wrote Emma?|-\n"
    file.write_text(f"{asked}how long is the audit log kept|alya_ask\n", "utf-8")
    script = ROOT / "scripts/eval/ask.py"
    done = subprocess.run(
        [sys.executable, script, "--questions", file, "--output", "json"], capture_output=True, text=True
    )
    summary = json.loads(done.stdout)["summary"]
    assert [summary[each] for each in ("tool first", "don't know")] == [[2, 3], [1, 1]]
