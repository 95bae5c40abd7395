"""The daily quota: counted over processes until midnight Pacific time, capped, refused before any request."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.settings import Settings, SettingsError
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.logic.pacific import next_midnight, pacific_day
from alya_mcp.tools.youtube.quota import Quota, QuotaSpent

MOMENTS = st.integers(1_577_836_800, 2_366_841_600).map(lambda second: datetime.fromtimestamp(second, UTC))
"""Of 2020 to 2044."""


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 12, 1, 7, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[YoutubeDatabase]:
    opened = YoutubeDatabase(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, youtube_daily_searches=2, youtube_daily_units=100)


def spend(quota: Quota, bucket: str, cost: int = 1) -> None:
    anyio.run(quota.charge(bucket, cost))  # type: ignore[arg-type]


@given(MOMENTS)
def test_the_day_is_that_of_the_time_zone_database(moment: datetime) -> None:
    there = ZoneInfo("America/Los_Angeles")
    assert pacific_day(moment) == moment.astimezone(there).date()
    midnight = next_midnight(moment)
    assert midnight > moment
    assert midnight.astimezone(there).strftime("%H:%M:%S") == "00:00:00"
    assert midnight - moment <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 8, 9, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 9, 6, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 7, 59, tzinfo=UTC), date(2026, 11, 1)),
    ],
)
def test_the_day_changes_with_the_clocks(moment: datetime, day: date) -> None:
    assert pacific_day(moment) == day


def test_a_spent_cap_refuses_and_says_when_it_comes_back(
    database: YoutubeDatabase, settings: Settings, clock: Clock
) -> None:
    quota = Quota(database, settings, clock)
    spend(quota, "searches")
    spend(quota, "searches")
    with pytest.raises(QuotaSpent, match=r"2026-12-01.08:00"):
        spend(quota, "searches")
    assert (quota.used()["searches"].used, quota.used()["searches"].limit) == (2, 2)
    spend(quota, "units", 60)
    with pytest.raises(QuotaSpent):
        quota.check("units", 50)
    clock.at += timedelta(minutes=1)
    assert quota.used()["searches"].used == 0
    spend(quota, "searches")


def test_a_quota_that_youtube_called_used_up_is_not_asked_again_today(
    database: YoutubeDatabase, settings: Settings, clock: Clock
) -> None:
    spend(Quota(database, settings, clock), "units")
    assert "08:00 UTC" in str(Quota(database, settings, clock).exhaust("units"))
    with pytest.raises(QuotaSpent, match="07:59"):
        spend(Quota(database, settings, clock), "units")
    spend(Quota(database, settings, clock), "searches")
    clock.at += timedelta(minutes=1)
    spend(Quota(database, settings, clock), "units")


def test_processes_at_once_never_exceed_the_cap(tmp_path: Path, settings: Settings) -> None:
    settings = replace(settings, youtube_daily_uploads=7)
    passed: list[int] = []

    def work() -> None:
        database = YoutubeDatabase(tmp_path)
        for _ in range(5):
            try:
                spend(Quota(database, settings), "uploads")
            except QuotaSpent:
                continue
            passed.append(1)
        database.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 7


def test_a_cap_that_is_no_number_is_refused_at_the_start(tmp_path: Path) -> None:
    given = {"ALYA_HOME": str(tmp_path), "ALYA_YOUTUBE_DAILY_UNITS": "many"}
    with pytest.raises(SettingsError, match="ALYA_YOUTUBE_DAILY_UNITS"):
        Settings.from_environment(given)
    assert Settings.from_environment({**given, "ALYA_YOUTUBE_DAILY_UNITS": "0"}).youtube_daily_units == 0
