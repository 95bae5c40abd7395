"""What each kind of setting takes, and what it refuses."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.settings import parsers

ADDRESS = parsers.web_address("https://a.example")
ADDRESSES = parsers.web_addresses("https://a.example")


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parsers.seconds(0), "0", 0),
        (parsers.seconds(1), "604800", 604_800),
        (parsers.count, "0", 0),
        (parsers.days, "99999", 99_999),
        (parsers.gigabytes, "7.5", 7_500_000_000),
        (parsers.models, "flux, sketch,, flux", ("flux", "sketch")),
        (parsers.model, "org/name", "org/name"),
        (parsers.key_prefix, "/a/b/", "a/b"),
        (parsers.contact, "me@a.example", "me@a.example"),
        (parsers.voice, "off", "off"),
        (parsers.voice, "/voices/de.onnx", "/voices/de.onnx"),
        (parsers.command_line, "say 'a b'", "say 'a b'"),
        (ADDRESS, "http://a.example:8000/x", "http://a.example:8000/x"),
        (ADDRESSES, "http://a.example, http://b.example http://a.example",
         ("http://a.example", "http://b.example")),
    ],
)  # fmt: skip
def test_what_fits_is_taken(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value
    assert parsers.problems_of(parse, text) == ()


@pytest.mark.parametrize(
    ("parse", "text", "problems"),
    [
        (parsers.seconds(1), "0", 1),
        (parsers.seconds(0), "604801", 1),
        (parsers.seconds(0), "1.5", 1),
        (parsers.count, "-1", 1),
        (parsers.days, "0", 1),
        (parsers.gigabytes, "0.9", 1),
        (parsers.gigabytes, "12 GB", 1),
        (parsers.model, "~nobody-of-that-name/model", 1),
        (parsers.models, "flux, random:flux", 1),
        (parsers.key_prefix, "a/../b", 1),
        (parsers.key_prefix, "x" * 2000, 1),
        (parsers.contact, "me at home", 1),
        (parsers.voice, "de.wav", 1),
        (parsers.command_line, "''", 0),
        (parsers.command_line, " ", 1),
        (parsers.command_line, "say 'a", 1),
        (ADDRESS, "https://me:secret@a.example", 1),
        (ADDRESS, "ftp://a.example", 1),
        (ADDRESS, "http://a.example:99999", 1),
        (ADDRESSES, "http://a.example ftp://b ftp://c", 2),
    ],
)
def test_what_does_not_fit_is_refused(parse: Callable[[str], object], text: str, problems: int) -> None:
    found = parsers.problems_of(parse, text)
    assert len(found) == problems
    assert not any("secret" in each for each in found)


@given(st.integers(0, 10**7))
def test_seconds_are_bounded_at_both_ends(number: int) -> None:
    fits = parsers.problems_of(parsers.seconds(5), str(number)) == ()
    assert fits == (5 <= number <= 604_800)


@pytest.mark.parametrize(
    "parse",
    [
        parsers.count,
        parsers.days,
        parsers.gigabytes,
        parsers.model,
        parsers.key_prefix,
        parsers.voice,
        ADDRESS,
    ],
)
@given(text=st.text(max_size=60))
def test_any_text_is_taken_or_refused_in_words(parse: Callable[[str], object], text: str) -> None:
    for problem in parsers.problems_of(parse, text):
        assert problem
        assert len(problem) < 400
