"""Which sentences of strangers' text are statements, and which blocks of markup are running text."""

import pytest

from alya_mcp.text.markup import prose, without_emphasis
from alya_mcp.text.statements import is_statement, statements

STATEMENTS = (
    "A kite line holds the kite against the wind.",
    "The Bosphorus Bridge opened on 30 October 1973.",
    'He called it "the best line of all."',
    "It\u2019s made of polyester.",
    "Kentin nüfusu 15 milyon kişidir.",
    "Köprü 1973 yılında açıldı.",
    "Der Drachen fliegt bei gutem Wind und steht ruhig.",
)
OTHERS = (
    "Kite lines: what to buy.",
    "Kitely - The Kites For People Who Care.",
    "NASA Launches New Rover To Mars.",
    "Which kite lines are best?",
    "View a PDF of the paper titled A Study of Kite Lines.",
    "Learn how to set up a scale to measure pull in Kitely.",
    "A kite line is made of polyester and ...",
    "The kite flies in steady wind",
    "Home \u203a Kites \u203a Lines are here.",
    "It flew.",
    "Devamını okumak için tıklayın.",
)


@pytest.mark.parametrize(("sentences", "state"), [(STATEMENTS, True), (OTHERS, False)])
def test_a_statement_is_a_whole_sentence_with_a_verb(sentences: tuple[str, ...], state: bool) -> None:
    assert [each for each in sentences if is_statement(each) is not state] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("## Kites today. # What to buy. A kite is light.", []),
        ("A kite is light. ## What to buy is hard. # Again", ["A kite is light."]),
        ("# Kites\nA kite is light.", ["A kite is light."]),
        ("| Line is | Dyneema is strong. |\nA line is thin.", ["A line is thin."]),
        (
            "| Cite as: | 1 |. > Abstract:Kite lines stretch by two percent.",
            ["Kite lines stretch by two percent."],
        ),
        ("Q: Can I knot kite lines? A: Kite lines can be knotted.", ["Kite lines can be knotted."]),
        ("<h2>Lines are this</h2><p>A <b>line</b> holds the kite.</p>", ["A line holds the kite."]),
        ("* A line is thin. * A kite is light.", ["A line is thin.", "A kite is light."]),
        ("A **kite line** holds the __kite__ in `wind`.", ["A kite line holds the kite in wind."]),
    ],
)
def test_markup_is_understood_also_where_its_line_breaks_are_gone(text: str, found: list[str]) -> None:
    assert statements(without_emphasis(text)) == found


def test_running_text_is_all_there() -> None:
    assert prose("One. Two | three.\n\nFour.") == ["One. Two", "three.", "Four."]
    assert without_emphasis("snake__case, 2 * 3 and a < b") == "snake__case, 2 * 3 and a < b"
