"""Posts as text: markup taken off, quotations left out, sentences exactly as they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.demand.logic.plain import plain
from alya_mcp.tools.demand.logic.sentences import LONGEST, sentences


@pytest.mark.parametrize(
    ("markup", "text", "right"),
    [
        ("html", "One &amp; <i>two</i>.<p>Three&#x27;s.", "One & two.\nThree's."),
        ("html", "<p>&gt; I would pay<p>I wouldn&#x27;t.", "I wouldn't."),
        ("html", "<blockquote><p>I would pay.</p></blockquote><p>No.</p>", "No."),
        ("html", "Look:<pre><code>pay()\n</code></pre>Nice.", "Look:\nNice."),
        ("html", "a\nb  c<br>d", "a b c\nd"),
        ("html", "cut <a href='x'>off", "cut off"),
        ("html", "1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("markdown", "We **pay** for [this](https://a.example/b) & that.", "We pay for this & that."),
        ("markdown", "> I would pay\n\nI wouldn't.", "I wouldn't."),
        ("markdown", "&gt; I would pay\n\n* one\n2. two", "one\ntwo"),
        ("markdown", "Before\n\n```\nI wish\n```\n\n    I wish\n\nafter", "Before\nafter"),
        ("markdown", "snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
    ],
)
def test_markup_quotations_and_code_are_left_out(markup: str, text: str, right: str) -> None:
    assert plain(text, markup) == right  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("I'd pay. really? yes!", ["I'd pay.", "really?", "yes!"]),
        ("Use e.g. Stripe, version 2.0 or v. 3.", ["Use e.g. Stripe, version 2.0 or v. 3."]),
        ("It costs $9.99 a month.Then", ["It costs $9.99 a month.Then"]),
        ('He said "no way." Then left.', ['He said "no way."', "Then left."]),
        ("One line\nanother", ["One line", "another"]),
        ("Örn. muhasebe. Güzel… Peki?", ["Örn. muhasebe.", "Güzel…", "Peki?"]),
        ("So do I. Me too.", ["So do I.", "Me too."]),
        (". ...", [".", "..."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, right: list[str]) -> None:
    assert list(sentences(text)) == right


@given(st.text(alphabet="ab .!?…\"')\nİ1e", max_size=1500))
def test_every_sentence_stands_in_the_text_and_none_is_lost(text: str) -> None:
    found = list(sentences(text))
    assert all(each and len(each) <= LONGEST and each in text for each in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<a b='", "</", "<pre>", "[a](", "```\n", "**"])
@pytest.mark.parametrize("markup", ["html", "markdown"])
def test_markup_that_never_ends_ends(piece: str, markup: str) -> None:
    """A parser that looks for the end from every beginning takes hours for this."""
    assert isinstance(plain(piece * 20_000, markup), str)  # type: ignore[arg-type]


@given(st.text(max_size=400), st.sampled_from(["html", "markdown"]))
def test_any_text_has_a_plain_form(text: str, markup: str) -> None:
    assert not any(line.startswith(">") for line in plain(text, markup).split("\n"))  # type: ignore[arg-type]
