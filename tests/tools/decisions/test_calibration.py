"""Calibration against a slow model on a grid, and on ledgers whose truth is known."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.decisions.logic.calibration import (
    DRIFT,
    LEVEL,
    PRIOR_SD,
    Cell,
    calibrated,
    logit,
    sigmoid,
)
from alya_mcp.tools.decisions.logic.domains import normal, prefixes
from alya_mcp.tools.decisions.logic.opinions import Heard, pooled, weight
from alya_mcp.tools.decisions.logic.stakes import kelly

GRID = [step / 20 for step in range(-60, 61)]


def slow(cells: list[Cell], confidence: float) -> float:
    """The posterior mean of the probability by summing over a grid of (a, b)."""
    x, total, mean = logit(confidence), 0.0, 0.0
    for a, b in itertools.product(GRID, GRID):
        density = math.exp(-((a / PRIOR_SD[0]) ** 2 + ((b - 1) / PRIOR_SD[1]) ** 2) / 2)
        for cell in cells:
            p = sigmoid(a + b * cell.x)
            density *= p**cell.wins * (1 - p) ** (cell.n - cell.wins)
        total += density
        mean += density * sigmoid(a + b * x)
    return mean / total


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [Cell(logit(0.8), 10, 4)],
        [Cell(logit(0.6), 3, 3)],
        [Cell(logit(0.2), 8, 6), Cell(logit(0.9), 5, 5)],
    ],
)
@pytest.mark.parametrize("confidence", [0.0, 0.3, 0.8, 1.0])
def test_it_agrees_with_a_slow_model(cells: list[Cell], confidence: float) -> None:
    assert calibrated([cells], confidence).probability == pytest.approx(slow(cells, confidence), abs=0.01)


cells_ = st.lists(
    st.tuples(st.floats(0, 1), st.integers(1, 500), st.floats(0, 1)).map(
        lambda drawn: Cell(logit(drawn[0]), drawn[1], round(drawn[1] * drawn[2]))
    ),
    max_size=8,
)


@given(st.lists(cells_, min_size=1, max_size=4), st.floats(0, 1))
def test_whatever_happened_it_is_a_probability_inside_its_interval(
    levels: list[list[Cell]], confidence: float
) -> None:
    found = calibrated(levels, confidence)
    assert 0 < found.low <= found.probability <= found.high < 1


@given(cells_, st.floats(0.02, 0.98))
def test_one_more_win_never_lowers_it(cells: list[Cell], confidence: float) -> None:
    here = logit(confidence)
    more = calibrated([[*cells, Cell(here, 1, 1)]], confidence).probability
    fewer = calibrated([[*cells, Cell(here, 1, 0)]], confidence).probability
    assert more >= fewer


DISTORTED = {
    "overconfident": lambda x: 2.5 * x,
    "very overconfident": lambda x: 4 * x,
    "underconfident": lambda x: 0.4 * x,
    "optimistic": lambda x: x + 1,
    "pessimistic": lambda x: x - 1,
    "certain": lambda x: math.copysign(9, x),
}


@pytest.mark.parametrize("name", DISTORTED)
def test_it_improves_every_distorted_ledger(name: str) -> None:
    rng = random.Random(name)
    seen: dict[float, list[int]] = {}
    stated_score = found_score = 0.0
    for _ in range(600):
        truth = sigmoid(rng.gauss(0, 1.5))
        stated = sigmoid(DISTORTED[name](math.log(truth / (1 - truth))))
        won = rng.random() < truth
        cells = [Cell(x, n, wins) for x, (n, wins) in seen.items()]
        found = calibrated([cells], stated).probability
        stated_score += (stated - won) ** 2
        found_score += (found - won) ** 2
        cell = seen.setdefault(round(logit(stated), 1), [0, 0])
        cell[0] += 1
        cell[1] += won
    assert found_score < stated_score


def test_a_domain_without_cases_learns_from_its_relatives_and_one_with_many_goes_its_own_way() -> None:
    relatives = [Cell(logit(0.8), 200, 80)]
    own = [Cell(logit(0.8), 400, 360)]
    alone = calibrated([[]], 0.8).probability
    borrowed = calibrated([relatives, []], 0.8)
    told = calibrated([relatives, own], 0.8).probability
    assert borrowed.probability < alone - 0.2
    assert told == pytest.approx(0.9, abs=0.05)
    assert borrowed.high - borrowed.low > calibrated([relatives], 0.8).high - calibrated([relatives], 0.8).low


def test_intervals_hold_as_often_as_they_say() -> None:
    """Over domains drawn from the model's own prior."""
    rng = random.Random(7)
    held = 0
    rounds = 400
    for _ in range(rounds):
        a, b = rng.gauss(0, PRIOR_SD[0]), rng.gauss(1, PRIOR_SD[1])
        cells = []
        for share in (0.2, 0.5, 0.7, 0.9):
            truth = sigmoid(a + b * logit(share))
            cells.append(Cell(logit(share), 10, sum(rng.random() < truth for _ in range(10))))
        asked = rng.choice((0.1, 0.6, 0.8))
        found = calibrated([cells], asked)
        held += found.low <= sigmoid(a + b * logit(asked)) <= found.high
    assert held / rounds == pytest.approx(LEVEL, abs=0.04)
    assert DRIFT[0] > 0


@pytest.mark.parametrize(
    ("probability", "odds", "stake"),
    [(0.6, 2, 0.2), (0.5, 2, 0), (0.2, 3, 0), (0.25, 5, 0.0625), (1, 1.5, 1)],
)
def test_kelly_is_the_textbooks(probability: float, odds: float, stake: float) -> None:
    assert kelly(probability, odds) == pytest.approx(stake)


@given(st.floats(0, 1), st.floats(1.001, 1000))
def test_kelly_stakes_at_most_everything(probability: float, odds: float) -> None:
    assert 0 <= kelly(probability, odds) <= 1


def test_an_opinion_is_worth_what_its_record_is() -> None:
    rng = random.Random(3)
    good, bad = [], []
    for _ in range(200):
        truth = sigmoid(rng.gauss(0, 2))
        won = rng.random() < truth
        good.append(Heard(0.5, truth, won))
        bad.append(Heard(truth, sigmoid(rng.gauss(0, 2)), won))
    assert weight([]) == 0
    assert weight(good) > 0.7
    assert weight(bad) < 0.1
    assert pooled(0.3, 0.9, 0) == 0.3
    assert 0.3 < pooled(0.3, 0.9, 0.5) < 0.9


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("Equities.US > Tech", "equities/us/tech"),
        (" Prediction Market ", "prediction-market"),
        ("a//b/", "a/b"),
        ("Börse:İMKB", "börse/i̇mkb"),
        ("/ . :", ""),
        ("a/b/c/d/e/f/g/h", "a/b/c/d/e/f"),
    ],
)
def test_domains_have_one_form(asked: str, kept: str) -> None:
    assert normal(asked) == kept
    assert normal(kept) == kept


def test_a_domain_lies_in_its_prefixes() -> None:
    assert prefixes("a/b/c") == ["", "a", "a/b", "a/b/c"]
    assert prefixes("") == [""]
