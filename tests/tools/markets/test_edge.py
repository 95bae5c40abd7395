"""Fees, fills, fair prices and Kelly fractions, against values worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.markets.logic.book import Book, Level, depth_usd, microprice
from alya_mcp.tools.markets.logic.edge import BinaryMarket, annualised, assess, bet, days_to, kelly, own_fair
from alya_mcp.tools.markets.logic.fair import (
    WEIGHT,
    Opinion,
    RecalibrationFit,
    about,
    bundled,
    by_words,
    expit,
    logit,
    pooled,
    weight,
    words,
)
from alya_mcp.tools.markets.logic.fees import Fees

BOOK = Book(
    bids=(Level(0.48, 100), Level(0.46, 400)),
    asks=(Level(0.50, 100), Level(0.52, 400)),
)
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_a_fee_is_the_documented_formula_to_five_decimals() -> None:
    """100 shares at 0.5 and 5 %: 100 x 0.05 x 0.25 = 1.25 USD; geopolitics costs nothing."""
    assert Fees(0.05).of(100, 0.5) == 1.25
    assert Fees(0.04).of(3, 0.17) == 0.01693  # 3 x 0.04 x 0.1411 = 0.016932
    assert Fees(0.0).of(100, 0.5) == 0
    assert Fees(0.05).of(0.0001, 0.5) == 0


def test_a_size_walks_the_book() -> None:
    """154 USD: 100 shares at 0.50 and the other 104 USD at 0.52 make 300 shares at 0.5133."""
    bought = BOOK.buy(154)
    assert bought is not None
    assert bought.shares == pytest.approx(300)
    assert bought.price == pytest.approx(154 / 300)
    assert bought.standing == 500
    sold = BOOK.sell(300)
    assert sold is not None
    assert sold.usd == pytest.approx(48 + 92)  # 100 at 0.48, 200 at 0.46
    assert BOOK.buy(259) is None
    assert BOOK.sell(501) is None


def test_the_other_side_of_a_book_is_its_mirror() -> None:
    other = BOOK.other
    assert [round(each.price, 9) for each in other.asks] == [0.52, 0.54]
    assert [round(each.price, 9) for each in other.bids] == [0.50, 0.48]
    assert other.other.asks[0].price == pytest.approx(0.50)
    assert BOOK.spread == pytest.approx(0.02)
    assert depth_usd(BOOK.asks, within=0.02) == pytest.approx(258)
    assert depth_usd(BOOK.asks, within=0.01) == pytest.approx(50)


def test_the_microprice_leans_to_the_side_that_gives_way() -> None:
    """25 USD: 50 shares bought at 0.50 and sold at 0.48, with 100 on each side: the middle.

    Three times as many bids: (0.50 x 300 + 0.48 x 100) / 400 = 0.495.
    """
    assert own_fair(BOOK, 25) == pytest.approx(0.49)
    leaning = Book(bids=(Level(0.48, 300),), asks=(Level(0.50, 100),))
    assert own_fair(leaning, 25) == pytest.approx(0.495)
    assert own_fair(leaning, 60) is None


def test_a_bet_is_priced_net_of_fee_and_spread() -> None:
    """25 USD at 0.50 and 5 %: 50 shares, fee 50 x 0.05 x 0.25 = 0.625, cost (25 + 0.625) / 50 = 0.5125.

    Fair 0.60: edge 0.0875, EV 4.375 USD, 17.07 % of what is spent, Kelly 0.0875 / 0.4875 = 0.1795.
    """
    found = bet("Yes", BOOK, Fees(0.05), 0.60, 25)
    assert found is not None
    assert (found.shares, found.price, found.fee) == (50, 0.50, 0.625)
    assert found.cost == pytest.approx(0.5125)
    assert found.edge == pytest.approx(0.0875)
    assert found.ev == pytest.approx(4.375)
    assert found.ev_share == pytest.approx(0.0875 / 0.5125)
    assert found.kelly == pytest.approx(0.0875 / 0.4875)


def test_the_no_side_pays_the_mirrored_price() -> None:
    """No at 1 - 0.48 for 26 USD: 50 shares, fee 50 x 0.05 x 0.2496 = 0.624, cost 0.53248; fair 0.40."""
    found = bet("No", BOOK.other, Fees(0.05), 0.40, 26)
    assert found is not None
    assert found.cost == pytest.approx(0.53248)
    assert found.edge == pytest.approx(-0.13248)
    assert found.kelly == 0


@pytest.mark.parametrize(
    ("fair", "cost", "fraction"),
    [(0.6, 0.5, 0.2), (0.55, 0.5, 0.1), (0.5, 0.5, 0), (0.3, 0.5, 0), (1.0, 0.9, 1.0), (0.9, 1.0, 0)],
)
def test_kelly_bets_nothing_without_an_edge(fair: float, cost: float, fraction: float) -> None:
    assert kelly(fair, cost) == pytest.approx(fraction)


def test_days_and_a_year_of_bets() -> None:
    assert days_to(NOW + timedelta(days=73), NOW) == 73
    assert annualised(0.1, 73) == pytest.approx(0.5)
    assert days_to(NOW, NOW) is days_to(None, NOW) is None
    assert annualised(0.1, None) is annualised(0.1, 0.5) is None


@given(
    st.lists(st.tuples(st.floats(0.01, 0.49), st.floats(1, 1e5)), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0.51, 0.99), st.floats(1, 1e5)), min_size=1, max_size=6),
    st.floats(1, 1e4),
    st.floats(0, 0.07),
)
def test_a_book_alone_never_shows_an_edge(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], usd: float, rate: float
) -> None:
    """What only the market's own book is known of costs its spread and its fee, whatever the book."""
    book = Book(
        bids=tuple(Level(*each) for each in sorted(bids, reverse=True)),
        asks=tuple(Level(*each) for each in sorted(asks)),
    )
    fair = own_fair(book, usd)
    if fair is None:
        return
    bought = book.buy(usd)
    assert bought is not None
    sold = book.sell(bought.shares)
    assert sold is not None
    assert sold.price - 1e-9 <= microprice(bought, sold) <= bought.price + 1e-9
    yes = bet("Yes", book, Fees(rate), fair, usd)
    assert yes is not None
    assert yes.edge <= 1e-9


def test_pooling_is_the_weighted_mean_of_log_odds() -> None:
    """50 people weigh 0.25 x 50 / 150 = 1/12 beside the market, 100 of them 1/8; logit 0.9 = ln 9 = 2.1972.

    ln 9 / 12 = 0.1831 is a probability of 0.54565, ln 9 / 8 = 0.2747 one of 0.56824.
    """
    assert pooled(0.5, []) == 0.5
    assert weight(50) == pytest.approx(1 / 12)
    assert weight(10**9) == pytest.approx(WEIGHT)
    assert pooled(0.5, [opinion("Q", 0.9)]) == pytest.approx(0.54565, abs=1e-5)
    assert pooled(0.5, [opinion("Q", 0.9), opinion("Q", 0.9)]) == pytest.approx(0.56824, abs=1e-5)
    assert pooled(0.5, [opinion("Q", 0.9), opinion("Q", 0.1)]) == pytest.approx(0.5)


def test_recalibration_moves_longshots_down_and_favourites_up() -> None:
    """logit q = 1.2 logit p: 0.1 becomes 1 / (1 + 9^1.2) = 0.0668."""
    steeper = RecalibrationFit(
        fitted=True, intercept=0, slope=1.2, markets=500, days_before=7, date="2026-01-01", source="x"
    )
    assert steeper.of(0.1) == pytest.approx(1 / (1 + 9**1.2))
    assert steeper.of(0.9) == pytest.approx(1 - 1 / (1 + 9**1.2))
    assert steeper.of(0.5) == 0.5


def test_a_fitted_recalibration_is_independent_of_the_book_and_told() -> None:
    """logit q = 2 logit 0.49: 0.49^2 / (0.49^2 + 0.51^2) = 0.48000."""
    steeper = RecalibrationFit(
        fitted=True, intercept=0, slope=2, markets=500, days_before=3, date="2026-01-01", source="x"
    )
    question = BinaryMarket(
        text="Will it rain?", outcomes=("Yes", "No"), book=BOOK, fees=Fees(0.05), ends=NOW + timedelta(days=1)
    )
    found = assess(question, {}, steeper, 25)
    assert found is not None
    assert found.fair == pytest.approx(0.2401 / (0.2401 + 0.2601))
    assert found.independent
    assert "resolved markets of that price came true in 0.4800" in found.reasons
    assert not any("others" in reason or "no independent" in reason for reason in found.reasons)
    plain = assess(question, {}, bundled(), 25)
    assert plain is not None
    assert not plain.independent


def test_the_bundled_recalibration_says_that_it_is_none() -> None:
    assert not bundled().fitted
    assert bundled().of(0.123) == 0.123


@given(st.floats(1e-5, 1 - 1e-5))
def test_log_odds_go_there_and_back(probability: float) -> None:
    assert expit(logit(probability)) == pytest.approx(probability)


def opinion(question: str, probability: float, **more: object) -> Opinion:
    fields = {"venue": "V", "url": "https://v.example/1", "people": 50, "ends": NOW} | more
    return Opinion(question=question, probability=probability, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "more"),
    [("Will China invade Taiwan in 2026?", {}), ("will china invade taiwan in 2026", {}),
     ("China invade Taiwan in 2026", {}),
     ("Will China invade Taiwan in 2026?!", {"ends": NOW + timedelta(days=30)})],
)  # fmt: skip
def test_the_same_question_elsewhere_is_recognised(question: str, more: dict[str, object]) -> None:
    assert about("Will China invade Taiwan in 2026?", NOW, by_words([opinion(question, 0.1, **more)]))


@pytest.mark.parametrize(
    ("question", "more"),
    [("Will China invade Taiwan in 2027?", {}), ("Will China invade Taiwan by 2026?", {}),
     ("Will Taiwan invade China in 2026?", {}), ("Will China not invade Taiwan in 2026?", {}),
     ("Will China invade Taiwan in 2026?", {"people": 19}),
     ("Will China invade Taiwan in 2026?", {"ends": None}),
     ("Will China invade Taiwan in 2026?", {"ends": NOW + timedelta(days=40)})],
)  # fmt: skip
def test_what_may_be_another_question_is_left_out(question: str, more: dict[str, object]) -> None:
    assert not about("Will China invade Taiwan in 2026?", NOW, by_words([opinion(question, 0.1, **more)]))


def test_signs_and_numbers_are_part_of_a_question() -> None:
    assert words("Will Bitcoin fall by -5% to $90k?") == ("bitcoin", "fall", "by", "-5%", "to", "$90k")
