"""The forecast's numbers against the USGS method's own (golden values), and properties that always hold."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alya_mcp.tools.earth.logic.aftershocks import Sequence, omori, search_radius_km
from alya_mcp.tools.earth.logic.counts import CountSum, Mixture, NegativeBinomial
from alya_mcp.tools.earth.logic.regimes import REGIME_NAMES, REGIMES, Regime, choose_regime, completeness

GOLDEN = Sequence.generic(7.0, REGIMES["ANSR-SHALCON"])
WINDOWS = (1, 7, 30, 365)


def close(value: float) -> object:
    return pytest.approx(value, rel=0.005)


def test_the_spread_of_productivity_is_the_usgs_s() -> None:
    assert REGIMES["ANSR-SHALCON"].sigma(7.0) == close(0.5221)
    assert REGIMES["ANSR-SHALCON"].sigma(5.5) == close(0.7517)
    assert REGIMES["CAL-SCSN"].sigma(6.5) == close(0.5)


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [(3, (147.4, 222.3, 280.6, 384.8)), (5, (1.474, 2.223, 2.806, 3.848))],
)
def test_expected_numbers_are_the_usgs_s(magnitude: float, expected: tuple[float, ...]) -> None:
    a = REGIMES["ANSR-SHALCON"].a_mean
    for days, number in zip(WINDOWS, expected, strict=True):
        assert GOLDEN.expected(magnitude, 0, days, a=a) == close(number)


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [
        (5, (0.7001, 0.7838, 0.8251, 0.8731)),
        (6, (0.2076, 0.2766, 0.3215, 0.3882)),
        (7, (0.0286, 0.0420, 0.0521, 0.0692)),
    ],
)
def test_probabilities_are_the_usgs_s(magnitude: float, expected: tuple[float, ...]) -> None:
    for days, probability in zip(WINDOWS, expected, strict=True):
        assert GOLDEN.counts(magnitude, 0, days).any == close(probability)


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [
        (3, ((13, 147, 1553), (20, 222, 2341), (26, 281, 2955), (36, 385, 4052))),
        (5, ((0, 1, 16), (0, 2, 24), (0, 3, 30), (0, 4, 41))),
    ],
)
def test_fractiles_are_the_usgs_s(magnitude: float, expected: tuple[tuple[int, ...], ...]) -> None:
    for days, fractiles in zip(WINDOWS, expected, strict=True):
        counts = GOLDEN.counts(magnitude, 0, days)
        assert tuple(counts.fractile(share) for share in (0.025, 0.5, 0.975)) == fractiles


@pytest.mark.parametrize(
    ("regime", "mainshock", "days", "number", "probability"),
    [
        ("ANSR-SHALCON", 7.0, (1, 8), 0.8014, 0.5592),
        ("ANSR-SHALCON", 5.5, (0, 7), 0.0703, 0.1584),
        ("CAL-SCSN", 6.5, (1, 8), 0.3949, 0.3907),
    ],
)
def test_later_windows_smaller_mainshocks_and_california_too(
    regime: str, mainshock: float, days: tuple[float, float], number: float, probability: float
) -> None:
    found = REGIMES[regime]
    sequence = Sequence.generic(mainshock, found)
    assert sequence.expected(5, *days, a=found.a_mean) == close(number)
    assert sequence.counts(5, *days).any == close(probability)


def test_omori_s_integral_has_no_seam_at_p_1() -> None:
    for near in (1 - 1e-7, 1 + 1e-7):
        assert omori(1, 9, p=near, c=0.02) == pytest.approx(omori(1, 9, p=1, c=0.02), rel=1e-5)


def test_the_search_radius_is_clipped() -> None:
    assert search_radius_km(3) == 10
    assert search_radius_km(7) == pytest.approx(10 ** (0.69 * 7 - 3.22))
    assert search_radius_km(9.9) == 2000


def test_many_aftershocks_raise_the_forecast_and_few_lower_it() -> None:
    where = completeness(39.0, 40.0)
    expected = GOLDEN.counts(5, 1, 8).mean
    assert GOLDEN.after(200, 1.0, where).counts(5, 1, 8).mean > 2 * expected
    assert GOLDEN.after(0, 30.0, where).counts(5, 30, 37).mean < GOLDEN.counts(5, 30, 37).mean
    updated = GOLDEN.after(100, 10.0, where)
    assert updated.a_sigma < 0.2 < GOLDEN.a_sigma
    assert (updated.observed, updated.days) == (100, 10.0)


def test_as_many_aftershocks_as_the_mean_says_leave_it_where_it_is() -> None:
    where = completeness(39.0, 40.0)
    exposure = GOLDEN.exposure(30.0, where)
    mean = REGIMES["ANSR-SHALCON"].a_mean
    updated = GOLDEN.after(round(10**mean * exposure), 30.0, where)
    assert updated.a_mean == pytest.approx(mean, abs=0.1)
    assert updated.a_sigma < GOLDEN.a_sigma / 2


regimes = st.sampled_from(REGIME_NAMES).map(REGIMES.__getitem__)
magnitudes = st.floats(4.5, 9.0)


@settings(max_examples=40, deadline=None)
@given(regimes, magnitudes, st.floats(0, 300), st.floats(0.01, 400), st.floats(3, 8))
@example(
    Regime(name="one by rounding", a_mean=-2.29, sigma0=0.49, sigma1=560, p=1.01, c=0.018, b=1.0),
    8.75,
    0.0,
    1.0,
    3.0,
)
def test_a_forecast_adds_up(regime, mainshock, start, span, magnitude) -> None:
    sequence = Sequence.generic(mainshock, regime)
    assert sum(sequence.weights) == pytest.approx(1)
    whole = sequence.counts(magnitude, start, start + span)
    halves = [sequence.counts(magnitude, start + span * x, start + span * y) for x, y in ((0, 0.5), (0.5, 1))]
    assert whole.mean == pytest.approx(sum(half.mean for half in halves), rel=1e-6)
    assert whole.any <= 1
    assert all(half.any <= whole.any + 1e-12 for half in halves)
    assert sequence.counts(magnitude + 1, start, start + span).mean == pytest.approx(
        whole.mean / 10, rel=1e-6
    )
    assert sequence.counts(magnitude, start, start + span, share=0.5).mean == pytest.approx(whole.mean / 2)
    fractiles = [whole.fractile(share) for share in (0.025, 0.5, 0.975)]
    assert fractiles == sorted(fractiles)


@settings(max_examples=30, deadline=None)
@given(regimes, magnitudes, st.integers(0, 500), st.floats(0.01, 365))
def test_more_observed_aftershocks_never_lower_the_forecast(regime, mainshock, observed, days) -> None:
    where = completeness(0.0, 0.0)
    generic = Sequence.generic(mainshock, regime)
    less, more = (generic.after(number, days, where) for number in (observed, observed + 1))
    assert more.a_mean >= less.a_mean - 1e-9
    assert sum(more.weights) == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.001, 300), st.floats(0.5, 3000), st.floats(1e-5, 0.02))
def test_counts_are_distributions_and_their_sum_is_one(rate, shape, share) -> None:
    first, second = Mixture(((rate, 1.0),)), NegativeBinomial(shape, share)
    both = CountSum(first, second)
    for counts in (first, second, both):
        steps = counts.cumulative
        assert all(before <= after + 1e-12 for before, after in pairwise(steps))
        assert steps[-1] == pytest.approx(1, abs=1e-6)
        assert 1 - steps[0] == pytest.approx(counts.any, abs=1e-9)
        mean = sum(1 - step for step in steps)
        assert mean == pytest.approx(counts.mean, rel=1e-4, abs=1e-4)
        for level in (0.025, 0.5, 0.975):
            number = counts.fractile(level)
            assert steps[number] >= level - 1e-9
            assert number == 0 or steps[number - 1] < level + 1e-9
    assert both.mean == pytest.approx(first.mean + second.mean)


def test_a_rate_beyond_counting_is_told_by_the_rate() -> None:
    counts = Mixture(((50_000.0, 0.5), (90_000.0, 0.5)))
    assert [counts.fractile(share) for share in (0.025, 0.5, 0.975)] == [50_000, 50_000, 90_000]
    assert CountSum(counts, NegativeBinomial(1000, 0.01)).fractile(0.975) == 90_010
    assert Mixture(((0.0, 1.0),)).fractile(0.975) == 0


@pytest.mark.parametrize(
    ("place", "regime"),
    [
        ((34.05, -118.25, 10.0), "CAL-SCSN"),
        ((37.8, -122.4, 10.0), "CAL-NCSS"),
        ((40.4, -124.5, 10.0), "CAL-MENDOCINO"),
        ((37.6, -118.9, 5.0), "CAL-HYDROTHERMAL"),
        ((41.01, 28.98, 12.0), "ANSR-SHALCON"),
        ((38.3, 142.4, 55.0), "SZ-GENERIC"),
        ((38.3, 142.4, None), "ANSR-SHALCON"),
    ],
)
def test_a_regime_is_chosen_and_says_how(place, regime: str) -> None:
    found, how = choose_regime(*place)
    assert found.name == regime
    assert how


@pytest.mark.parametrize(
    ("place", "region"),
    [((35.7, -117.6), "California"), ((61.2, -150.0), "Alaska"), ((52.0, 178.0), "Alaska"),
     ((19.4, -155.3), "Hawaii"), ((18.0, -66.8), "Puerto Rico"), ((39.7, -105.0), "USA"),
     ((47.6, -122.3), "USA"),
     ((41.0, 29.0), "world"), ((35.7, 139.7), "world"), ((-33.4, -70.7), "world")],
)  # fmt: skip
def test_completeness_knows_the_dense_networks(place, region: str) -> None:
    found = completeness(*place)
    assert found.region == region
    assert found.at(7.0, 1e-4) > found.at(7.0, 1.0) >= found.at(7.0, 1000.0) == found.catalogue
    assert not math.isnan(found.at(4.0, 1e-5))
