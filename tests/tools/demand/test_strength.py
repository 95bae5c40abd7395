"""What a sentence says and how strongly, on sentences labelled by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled import HELD_OUT, SEEN

from alya_mcp.tools.demand.logic.phrases import HINT, PHRASES
from alya_mcp.tools.demand.logic.posts import Kind
from alya_mcp.tools.demand.logic.strength import (
    BASE,
    LEAST,
    Claim,
    claim,
    said_by_phrase,
    strength,
)
from alya_mcp.tools.demand.logic.words import fold

LABELLED = Path(__file__).parents[3] / "scripts/eval/data"


def judged(sentence: str) -> str | None:
    said = claim(sentence)
    if said is None or strength(said, reactions=10, freshness=0.5, relevance=0.5) < LEAST:
        return None
    return said.kind.value


def rates(rows: list[tuple[str, str | None]]) -> tuple[float, float, float]:
    """Precision, recall, and the share of those found by a phrase that are of the right kind."""
    pairs = [(judged(sentence), label) for sentence, label in rows]
    both = [(found, label) for found, label in pairs if found and label]
    told = [
        found == judged(text) for text, found in rows if found and said_by_phrase(fold(text)) and judged(text)
    ]
    return (
        len(both) / sum(found is not None for found, _ in pairs),
        len(both) / sum(label is not None for _, label in pairs),
        sum(told) / len(told),
    )


def test_there_are_enough_labelled_sentences() -> None:
    assert len({sentence for sentence, _ in SEEN + HELD_OUT}) >= 250


@pytest.mark.parametrize(("rows", "recall"), [(SEEN, 0.85), (HELD_OUT, 0.85)], ids=["seen", "held out"])
def test_most_of_what_people_want_is_found_and_little_else(
    rows: list[tuple[str, str | None]], recall: float
) -> None:
    precision, found, right = rates(rows)
    assert precision >= 0.95
    assert found >= recall
    assert right >= 0.95


@pytest.mark.parametrize("file", sorted(LABELLED.glob("demand*.jsonl")), ids=lambda file: file.stem)
def test_the_words_were_learnt_from_every_labelled_set(file: Path) -> None:
    """The rates of what was learnt from; those on sentences that nobody has seen are in the docs."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    precision, found, _ = rates([(row["sentence"], "wish" if row["demand"] else None) for row in rows])
    assert precision >= 0.85
    assert found >= 0.75


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        (
            "My mother keeps asking me for a display that glows when power is cheap, all I find is sold out.",
            Kind.MISSES,
        ),
        ("Where do people with two large dogs go, every kennel near us said no?", Kind.ASKS),
        ("We moved to a table with a cache two years ago and nobody misses the vendor.", None),
        ("Put an expiry date into the name and fail the build when it has passed.", None),
    ],
)
def test_a_wish_without_a_phrase_is_told_by_its_words(sentence: str, kind: Kind | None) -> None:
    said = claim(sentence)
    assert (said.kind if said else None) is kind
    assert said is None or said.doubt < 1


@pytest.mark.parametrize(
    ("sentence", "amount"),
    [
        ("I'd pay $20 a month for that.", "$20 a month"),
        ("We pay 40k EUR a year for it.", "40k EUR a year"),
        ("We spend about $3,000/month on it.", "$3,000/month"),
        ("I would pay 50 bucks once.", "50 bucks once"),
        ("Buna ayda 200 lira veririm.", "200 lira"),
        ("Yılda 1.500₺ ödüyoruz.", "1.500₺"),
        ("I would pay for it.", None),
    ],
)
def test_an_amount_is_given_as_it_was_written(sentence: str, amount: str | None) -> None:
    said = claim(sentence)
    assert said is not None
    assert said.amount == amount
    assert (said.kind is Kind.AMOUNT) == (amount is not None)


@pytest.mark.parametrize(
    ("plain", "doubtful"),
    [
        ("I would pay for that.", "I would never pay for that."),
        ("I would pay for that.", "lol I would pay for that."),
        ("I would pay for that.", "I would pay for that /s"),
        ("I would pay for that.", "I built this because I would pay for that."),
        ("I would pay for that.", "People would pay for that."),
        ("Buna para veririm.", "Buna para vermem."),
    ],
)
def test_denial_irony_and_offers_lower_the_strength(plain: str, doubtful: str) -> None:
    strong, weak = claim(plain), claim(doubtful)
    assert strong is not None
    assert strong.doubt == 1
    assert weak is None or weak.doubt < 1


@pytest.mark.parametrize(
    ("sentence", "doubt"),
    [
        ("I would pay for it, but never pay twice.", 0.1),
        ("Would you pay for that? I would pay for it.", 0.1),
        ("People would pay for that.", 0.7),
        ("People would pay for that, I would never pay for it.", 0.07),
        ("I would pay for that /s", 0.25),
        ("I would pay for it, but never pay twice lol", 0.025),
        ("I built this because I would pay for that.", 0.25),
        ("lol I built this because people would pay for that.", 0.7 / 16),
    ],
)
def test_each_doubt_is_multiplied_by_the_others(sentence: str, doubt: float) -> None:
    said = claim(sentence)
    assert said is not None
    assert said.doubt == pytest.approx(doubt)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("I wish there was a tool for that.", Kind.MISSES),
        ("I wish there was a tool to make everyone happy.", None),
        ("I paid for a tool last year.", Kind.PAYS),
        ("I paid for a tool in 2019.", None),
        ("I paid for a tool in 2019, and I would pay for another.", Kind.WOULD_PAY),
    ],
)
def test_a_purchase_that_is_over_and_a_mere_wish_are_no_demand(sentence: str, kind: Kind | None) -> None:
    said = claim(sentence)
    assert (said and said.kind) == kind


@pytest.mark.parametrize(
    ("reactions", "freshness", "relevance", "more"),
    [
        (-5, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0.01115), (500, 0, 0, 0.1), (10**6, 0, 0, 0.1),
        (0, 1, 0, 0.05), (0, 0, 1, 0.05), (500, 0.5, 0.5, 0.15),
    ],
)  # fmt: skip
def test_engagement_freshness_and_relevance_each_add_their_share(
    reactions: int, freshness: float, relevance: float, more: float
) -> None:
    said = strength(
        Claim(Kind.ASKS, None, 0.5), reactions=reactions, freshness=freshness, relevance=relevance
    )
    assert said == pytest.approx(0.5 * (BASE[Kind.ASKS] + more), abs=1e-5)


def test_no_phrase_is_passed_over_for_want_of_a_hint() -> None:
    for sentence, _ in SEEN + HELD_OUT:
        folded = fold(sentence)
        assert HINT.search(folded) or not any(phrases.search(folded) for _, phrases in PHRASES), sentence


def test_kinds_stand_in_their_order_whatever_helps_a_little() -> None:
    kinds = [Kind.AMOUNT, Kind.PAYS, Kind.WOULD_PAY, Kind.MISSES, Kind.ASKS]
    assert list(BASE) == kinds
    strengths = [strength(Claim(kind, None, 1), reactions=3, freshness=0.5, relevance=1) for kind in kinds]
    assert strengths == sorted(strengths, reverse=True)


@given(st.sampled_from(list(Kind)), st.floats(0, 1), st.integers(-5, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_strength_is_between_0_and_1(
    kind: Kind, doubt: float, reactions: int, freshness: float, relevance: float
) -> None:
    claimed = Claim(kind, None, doubt)
    assert 0 <= strength(claimed, reactions=reactions, freshness=freshness, relevance=relevance) <= 1


@given(st.text(alphabet="i'd payfor $20amonth wesptool .?", max_size=500))
def test_any_sentence_is_judged(sentence: str) -> None:
    said = claim(sentence)
    assert said is None or (said.amount is None or said.amount in " ".join(sentence.split()))
