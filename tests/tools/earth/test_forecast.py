"""Which sequence counts, how much of it, and what of it was observed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quake_maker import START, quake

from alya_mcp.tools.earth.logic.background import Background
from alya_mcp.tools.earth.logic.forecast import Circle, count_aftershocks, find_active, overlap, rows
from alya_mcp.tools.earth.logic.regimes import REGIMES

DAY = 86_400
HERE = Circle(latitude=40.0, longitude=30.0, radius_km=100)
NOW = START + timedelta(days=10)
QUIET = Background(events=20, listed=30, years=25, completeness=4.6, b=1.0, b_estimated=False)


def find(*quakes, **more):
    return find_active(quakes, HERE, now=NOW, hours=72, **more)


def test_the_largest_of_a_sequence_is_its_mainshock() -> None:
    foreshock, main, after = quake(0, 6.0), quake(DAY, 7.0), quake(2 * DAY, 6.5)
    active = find(foreshock, main, after)
    assert active is not None
    assert (active.mainshock, active.days) == (main, 9.0)


def test_of_two_sequences_the_one_that_promises_more_in_the_circle_counts() -> None:
    near = quake(0, 6.5)
    beyond = quake(0, 6.8, 42.0)
    small = quake(9 * DAY, 5.0, 40.8)
    assert find(near, beyond, small).mainshock == near
    assert find(beyond) is None
    assert find(small, beyond).mainshock == small


@pytest.mark.parametrize("seconds", [-366 * DAY, 11 * DAY])
def test_a_mainshock_is_of_the_last_year(seconds: float) -> None:
    assert find(quake(seconds, 7.0)) is None


def test_aftershocks_are_counted_above_the_completeness_within_the_area_and_after_the_mainshock() -> None:
    main = quake(0, 7.0)
    active = find(main)
    assert active is not None
    fits = [quake(5 * DAY, 4.7, 40.1), quake(2 * DAY, 5.5, 40.1)]
    not_these = [
        quake(5 * DAY, 4.5, 40.1),
        quake(600, 4.7, 40.1),
        quake(5 * DAY, 5.0, 41.0),
        quake(-DAY, 5.0, 40.1),
        quake(9, 7.0, 40.01, catalogue="EMSC"),
    ]
    counted = count_aftershocks(active, [*not_these, *fits, main])
    assert counted.counted == (fits[1], fits[0])
    assert counted.sequence.observed == 2


def test_a_regime_can_be_asked_for() -> None:
    assert find(quake(0, 7.0, depth_km=100)).regime.name == "SZ-GENERIC"
    active = find(quake(0, 7.0), regime=REGIMES["SCR-GENERIC"])
    assert (active.regime.name, active.chosen) == ("SCR-GENERIC", "as the caller asked")


def test_both_parts_stand_apart_and_add_up() -> None:
    active = find(quake(0, 7.0))
    five, six = rows(QUIET, active, hours=72, magnitudes=[5, 6])
    assert five.aftershocks is not None
    assert five.together.mean == pytest.approx(five.background.mean + five.aftershocks.mean)
    assert five.together.any > max(five.background.any, five.aftershocks.any)
    assert five.together.any > six.together.any
    alone = rows(QUIET, None, hours=72, magnitudes=[5])[0]
    assert (alone.aftershocks, alone.together) == (None, alone.background)


sizes = st.floats(1, 1000)


@given(sizes, sizes, st.floats(0, 3000))
def test_an_overlap_is_a_share_and_of_the_same_size_from_both_sides(radius, other, apart) -> None:
    share = overlap(radius, other, apart)
    assert 0 <= share <= 1 + 1e-9
    assert share * radius**2 == pytest.approx(overlap(other, radius, apart) * other**2, rel=1e-6, abs=1e-6)
    assert overlap(radius, other, apart + 1) <= share + 1e-9


def test_overlaps_of_known_size() -> None:
    assert overlap(10, 10, 0) == 1
    assert overlap(10, 5, 2) == 0.25
    assert overlap(5, 10, 2) == 1
    assert overlap(10, 10, 20) == 0
    assert overlap(1, 1, 1) == pytest.approx(0.3910, abs=1e-4)
