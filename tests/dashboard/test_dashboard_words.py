"""How the dashboard words money, spans, durations and text that can't be seen."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from alya_mcp.dashboard import words


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (0.021, "$0.021"),
        (0.00005, "$0.00005"),
        (1, "$1.00"),
        (1234.5, "$1,234.50"),
        (-0.5, "$-0.50"),
    ],
)
def test_money_has_two_to_four_digits_and_is_never_nothing(amount: float, text: str) -> None:
    assert words.dollars(amount) == text


@given(st.integers(1, 10**9).map(lambda billionths: billionths / 10**9))
def test_a_little_money_is_shown_as_some(amount: float) -> None:
    shown = Decimal(words.dollars(amount).removeprefix("$"))
    assert shown > 0
    assert abs(shown - Decimal(amount)) <= Decimal("0.000051")


@pytest.mark.parametrize(
    ("seconds", "span", "lasting"),
    [
        (60, "minute", "1 minute"),
        (7200, "2 hours", "2 hours"),
        (86_400, "day", "1 day"),
        (90, "90 s", "90 s"),
        (0.5, "0.5 s", "0.5 s"),
        (172_800, "2 days", "2 days"),
    ],
)
def test_a_span_is_worded_in_its_largest_unit(seconds: float, span: str, lasting: str) -> None:
    assert (words.span(seconds), words.lasting(seconds)) == (span, lasting)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0.4, "<1 ms"),
        (1, "1 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_900, "59.9 s"),
        (60_000, "1 min 0 s"),
        (125_900, "2 min 5 s"),
    ],
)
def test_a_duration_is_worded(ms: float | None, text: str) -> None:
    assert words.duration(ms) == text


def test_what_cannot_be_seen_is_an_escape_and_markup_stays() -> None:
    assert words.seen("a\n\tb") == "a\n\tb"
    assert words.seen("a\u202eb") != "a\u202eb"
    assert words.seen(Markup("<b>\u202e</b>")) == Markup("<b>\u202e</b>")
    assert words.seen(3) == 3
    assert (words.when(None), words.number(1234567), words.number(0.5)) == ("", "1,234,567", "0.5")
    assert 'datetime="1970-01-01T00:01:00Z"' in words.when(60)
    assert words.parsed_arguments('{"a": "ş", "b": [1]}') == [("a", '"ş"'), ("b", "[1]")]
