"""Several catalogues as one, and the background of a region."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quake_maker import START, quake

from alya_mcp.tools.earth.logic.background import b_value, background, declustered
from alya_mcp.tools.earth.logic.quakes import Quake, distance_km, merge

DAY = 86_400


def emsc(*args: float, **more: object) -> Quake:
    return quake(*args, catalogue="EMSC", **more)


def test_distances_are_those_of_the_globe() -> None:
    assert distance_km(41.01, 28.98, 39.93, 32.86) == pytest.approx(350, rel=0.01)
    assert distance_km(0, 179.9, 0, -179.9) == pytest.approx(22.24, rel=0.01)
    assert distance_km(10, 10, 10, 10) == 0


def test_two_reports_of_one_earthquake_become_one() -> None:
    (merged,) = merge([[quake(0)], [emsc(9, 5.2, 40.5)]])
    assert [report.catalogue for report in merged.reports] == ["USGS", "EMSC"]
    assert merged.preferred.catalogue == "USGS"


@pytest.mark.parametrize("other", [emsc(16.1), emsc(0, 5.0, 41.0), emsc(0, 5.0, 40.0, 31.3)])
def test_what_is_too_far_apart_stays_two(other: Quake) -> None:
    assert len(merge([[quake(0)], [other]])) == 2


def test_one_catalogue_never_merges_with_itself() -> None:
    assert len(merge([[quake(0), quake(5, 4.0)]])) == 2
    assert len(merge([[quake(0), quake(5, 4.0)], [emsc(4, 4.1)]])) == 2


def test_of_several_that_fit_the_nearest_belong_together() -> None:
    merged = merge([[quake(0, 6.0), quake(14, 4.0)], [emsc(13, 4.1)]])
    assert [[report.magnitude for report in each.reports] for each in merged] == [[4.0, 4.1], [6.0]]


def test_a_report_between_two_doesnt_make_them_one() -> None:
    """12 s before one and 15 s after the other, which are 27 s apart and so two earthquakes."""
    merged = merge([[quake(0)], [emsc(15)], [quake(27, catalogue="GFZ")]])
    assert [[report.catalogue for report in each.reports] for each in merged] == [["EMSC", "GFZ"], ["USGS"]]


def test_a_moment_magnitude_is_preferred_then_a_reviewed_report_then_the_first_catalogue() -> None:
    reports = [quake(0, 5.0, reviewed=True)], [emsc(1, 5.1, magnitude_type="Mww")]
    assert merge(reports)[0].preferred.magnitude == 5.1
    reports = [quake(0, 5.0)], [emsc(1, 5.1, reviewed=True)]
    assert merge(reports)[0].preferred.magnitude == 5.1
    reports = [quake(0, 5.0)], [emsc(1, 5.1)]
    assert merge(reports)[0].preferred.magnitude == 5.0


events = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from((40.0, 40.4, 42.0)), st.sampled_from(("A", "B", "C"))),
    max_size=25,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(events, st.randoms())
def test_merging_loses_nothing_doubles_nothing_and_knows_no_order(reports, shuffle: random.Random) -> None:
    def in_order(order: list[tuple[int, float, str]]) -> list[list[Quake]]:
        return [[quake(s, 5.0, lat, catalogue=c) for s, lat, c in order if c == name] for name in "ABC"]

    merged = merge(in_order(reports))
    everything = [report for each in merged for report in each.reports]
    assert len(everything) == len({report.id for report in everything}) == len(reports)
    assert all(len({report.catalogue for report in each.reports}) == len(each.reports) for each in merged)
    for each in merged:
        moments = [report.time for report in each.reports]
        assert max(moments) - min(moments) <= timedelta(seconds=16)
    times = [each.preferred.time for each in merged]
    assert times == sorted(times, reverse=True)
    shuffle.shuffle(reports)
    assert merge(in_order(reports)) == merged


def test_b_is_found_again_in_a_catalogue_made_with_it() -> None:
    """Magnitudes of an exponential distribution with b = 1.1, to one decimal."""
    dice = random.Random(1)
    magnitudes = [round(4.55 + dice.expovariate(1.1 * 2.302585), 1) for _ in range(20_000)]
    assert b_value([m for m in magnitudes if m >= 4.6], 4.6) == pytest.approx(1.1, abs=0.03)


def test_a_sequence_counts_once() -> None:
    main = quake(0, 7.0)
    after = [quake(DAY * (1 + number), 5.0, 40.1) for number in range(20)]
    before = quake(-DAY, 5.0)
    far = quake(DAY, 5.0, 45.0)
    late = quake(DAY * 3000, 5.0)
    left = declustered([*after, far, main, before, late])
    assert left == [main, far, late]


def test_the_background_is_what_the_catalogue_says() -> None:
    ten_years = timedelta(days=3652.5)
    quakes = [quake(DAY * 3000 * (number / 30), 5.0, 20.0 + number) for number in range(30)]
    found = background(quakes, since=START, until=START + ten_years, completeness=5.0)
    assert (found.events, found.listed, found.b, found.b_estimated) == (30, 30, 1.0, False)
    assert found.per_year(5.0) == pytest.approx(3.05)
    assert found.per_year(6.0) == pytest.approx(0.305)
    assert found.counts(5.0, 365.25).any == pytest.approx(1 - 1.1**-30.5 * 1.0, rel=0.01)


def test_no_earthquake_in_a_catalogue_is_a_small_rate_not_none() -> None:
    found = background([], since=START, until=START + timedelta(days=3652.5), completeness=4.6)
    assert found.per_year(4.6) == pytest.approx(0.05)
    assert 0 < found.counts(7.0, 3).any < 1e-5


def test_only_what_is_complete_and_within_the_span_counts() -> None:
    end = START + timedelta(days=365)
    quakes = [quake(0, 4.5), quake(DAY, 4.6, 10.0), quake(-DAY, 6.0, 20.0), quake(DAY * 400, 6.0, 0.0)]
    assert background(quakes, since=START, until=end, completeness=4.6).listed == 1
