"""From posts to signals and themes."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import HELD_OUT, SEEN
from post_maker import NOW, SINCE, post

from alya_mcp.tools.demand.logic.plain import plain
from alya_mcp.tools.demand.logic.posts import DemandSentence, Post
from alya_mcp.tools.demand.logic.signals import SAME, find_signals
from alya_mcp.tools.demand.logic.strength import LEAST
from alya_mcp.tools.demand.logic.themes import find_themes
from alya_mcp.tools.demand.logic.words import fold, likeness, shingles


def find(*posts: Post, topic: str = "invoicing") -> list[DemandSentence]:
    return find_signals(posts, topic, since=SINCE, until=NOW)


def test_the_strongest_comes_first_with_its_post() -> None:
    found = find(
        post(1, "Is there a tool for that?"),
        post(2, "I&#x27;d pay $5 for it. It rains."),
        post(3, "I wish it had dark mode."),
    )
    assert [signal.quote for signal in found] == [
        "I'd pay $5 for it.",
        "I wish it had dark mode.",
        "Is there a tool for that?",
    ]
    assert [signal.post.url[-1] for signal in found] == ["2", "3", "1"]


def test_the_topic_is_looked_for_in_the_sentence_or_the_title() -> None:
    text = "Invoicing is dull.<p>I'd pay $5 for a better umbrella.<p>I'd pay $6 for better invoicing."
    assert [signal.amount for signal in find(post(1, text, title="Weather"))] == ["$6"]
    assert [signal.amount for signal in find(post(1, text))] == ["$6", "$5"]


IDLE = (
    "We wish the invoicing club the very best of luck.",
    "I couldn't find anything about invoicing while searching, sorry if this is a dumb question.",
    "I've tried googling the invoicing error but couldn't find any answers.",
    "I am not looking for invoicing fame at all.",
    "We'd love to have an invoicing meet up with you all.",
    "Is there an easy way to list the invoicing groups that I am subscribed to?",
    "I figured I would throw my 2 cents in about invoicing.",
    "Most of your suggestions about invoicing make the same assumption.",
    "Our invoicing team is looking for someone with a passion for programming.",
    "Any other suggestions?",
    "The invoicing fair had a lack of proper toilets, which is disappointing.",
    "I bought an invoicing book years ago.",
    "We paid for an invoicing seminar and it bored everyone.",
    "The invoicing stamp I bought smudges.",
    "Must I pay VAT on invoicing to Norway?",
    "My boss pays us by the hour for invoicing.",
    "We pay 30 pence a mile for delivering the invoices.",
    "Wish I had studied invoicing law instead.",
    "I'd love to pay 5 a month to be nagged by an invoicing app.",
    "The invoicing vendor has my business card and still calls me.",
    "I'd order lunch for the invoicing team.",
    "They sell me another invoicing plan every year.",
    "Please make a backup of the invoicing files before you update.",
    "What we need is an honest discussion of invoicing.",
    "Does such a file exist in the invoicing folder?",
)


def test_what_reads_like_demand_and_is_none_is_left_out() -> None:
    assert [sentence for sentence in IDLE if find(post(1, sentence))] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "I wonder if the makers of the invoicing app would consider a feature request for a dark mode.",
        "I'm really just looking for a good invoicing app that doesn't empty my wallet.",
        "Whoever fixes invoicing for choirs has my money.",
        "Show me invoicing that speaks Welsh and I'll be your first customer.",
        "My wallet is open for invoicing that works on a boat.",
        "Would somebody please sell me an invoicing stamp that counts?",
        "Invoicing by voice would be worth twenty a month to us.",
        "What I'm looking for is an invoicing service that prints braille.",
        "We've a dozen clients abroad, so urgently looking for an invoicing tool that knows their taxes.",
        "There's got to be an invoicing app for florists.",
        "What I'd give for invoicing software that reads my mind.",
        "We bought an invoicing suite and still type by hand, so I'm looking for something else.",
    ],
)
def test_a_wish_that_is_put_in_other_words_is_found(sentence: str) -> None:
    assert [signal.quote for signal in find(post(1, sentence))] == [sentence]


def test_what_many_say_is_listed_once_and_counted() -> None:
    found = find(
        post(1, "I would pay for an app that does invoicing offline."),
        post(2, "I would pay for an app that does invoicing offline!", reactions=100),
        post(3, "I would pay for an app that does invoicing offline, seriously."),
        post(4, "Is there a tool that reads receipts?"),
    )
    assert [(signal.post.url[-1], signal.repeats) for signal in found] == [("2", 2), ("4", 0)]


def test_a_post_that_two_searches_found_counts_once() -> None:
    (signal,) = find(post(1, "I would pay for it."), post(1, "I would pay for it."))
    assert signal.repeats == 0


def test_time_and_topic_bound_what_is_read() -> None:
    assert not find(post(1, "I would pay for it.", days_ago=91))
    assert not find(post(1, "I would pay for it.", days_ago=-1))
    assert not find(post(1, "I would pay for it.", title="Gardening"))
    assert find(post(1, "I would pay for it.", title="How invoices are sent"))
    assert find(post(1, "Faturalama için para veririm.", title=""), topic="fatura")
    assert find(post(1, "I would pay for it.", title="C++ или Rust"), topic="c++ или")
    assert not find(post(1, "I would pay for it.", title="C or Rust"), topic="c++")


def test_a_thread_speaks_once_and_not_in_its_replies() -> None:
    title = "Ask HN: Is there a tool for invoicing?"
    found = find(
        post(1, "", title=title, is_reply=False),
        post(2, "No idea.", title=title),
        post(3, "Same.", title=title),
    )
    assert [(signal.quote, signal.post.url[-1]) for signal in found] == [(title, "1")]


def test_job_threads_are_no_demand() -> None:
    assert not find(post(1, "We need a tool that does invoicing.", title="Ask HN: Who is hiring? (November)"))


def test_reactions_freshness_and_topic_help_a_little() -> None:
    (plain_,) = find(post(1, "I would pay for it."))
    assert find(post(1, "I would pay for it.", reactions=200))[0].strength > plain_.strength
    assert find(post(1, "I would pay for it.", days_ago=80))[0].strength < plain_.strength
    assert find(post(1, "I would pay for invoicing."))[0].strength > plain_.strength
    assert find(post(1, "I would pay for invoicing.", reactions=10**6))[0].strength < 0.83


SENTENCES = [sentence for sentence, _ in SEEN + HELD_OUT]
wild = st.lists(
    st.tuples(
        st.lists(st.sampled_from(SENTENCES), max_size=4),
        st.sampled_from(["<p>", " ", "<p>&gt; ", "<i>"]),
        st.integers(0, 1000),
        st.floats(0, 90),
    ),
    max_size=12,
)


@given(wild)
@settings(max_examples=60, deadline=None)
def test_quotes_are_exact_single_and_between_0_and_1(rows: list[tuple[list[str], str, int, float]]) -> None:
    posts = [
        post(number, join.join(texts), reactions=reactions, days_ago=days)
        for number, (texts, join, reactions, days) in enumerate(rows)
    ]
    found = find(*posts)
    assert all(signal.quote in plain(signal.post.text, "html") for signal in found)
    assert all(LEAST <= signal.strength <= 1 for signal in found)
    marks = [shingles(fold(signal.quote)) for signal in found]
    assert all(likeness(one, other) < SAME for one, other in combinations(marks, 2))
    assert [signal.strength for signal in found] == sorted((s.strength for s in found), reverse=True)
    assert find(*reversed(posts)) == found


@given(wild)
@settings(max_examples=60, deadline=None)
def test_themes_hold_each_signal_once_at_most(rows: list[tuple[list[str], str, int, float]]) -> None:
    found = find(*(post(number, "<p>".join(texts)) for number, (texts, *_) in enumerate(rows)))
    themes = find_themes(found, "invoicing")
    members = [member for theme in themes for member in theme.members]
    assert len(members) == len(set(members))
    assert set(members) <= set(range(len(found)))
    assert all(len(theme.members) > 1 for theme in themes)
    assert find_themes(found, "invoicing") == themes


THEMED = [
    ("I'd pay $20 for invoicing that connects to my bank account.", "bank"),
    ("Is there a tool that matches bank statements to invoices?", "bank"),
    ("I wish my bank had an API for invoices.", "bank"),
    ("Looking for something to send payment reminders to late clients.", "remind"),
    ("I'd pay for automatic reminders when a client is late.", "remind"),
    ("Why is there no app that reads paper receipts?", "receipts"),
    ("I would happily pay for a scanner of paper receipts.", "receipts"),
    ("Is there a version for Haiku OS?", "alone"),
]


def test_themes_are_what_the_signals_are_about_and_named_by_it() -> None:
    found = find(*(post(number, text) for number, (text, _) in enumerate(THEMED)))
    label = dict(THEMED)
    themes = find_themes(found, "invoicing")
    groups = [{label[found[member].quote] for member in theme.members} for theme in themes]
    assert groups == [{"bank"}, {"remind"}, {"receipts"}] or groups == [{"bank"}, {"receipts"}, {"remind"}]
    assert [len(theme.members) for theme in themes] == [3, 2, 2]
    assert themes[0].words[0] == "bank"
    assert all(1 <= len(theme.words) <= 3 for theme in themes)


@pytest.mark.parametrize("size", [0, 1])
def test_few_signals_have_no_themes(size: int) -> None:
    assert find_themes(find(*[post(1, "I would pay for it.")][:size]), "invoicing") == []
