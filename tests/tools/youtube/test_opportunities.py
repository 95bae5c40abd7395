"""Opportunities: one formula with its parts, the same for the same answers, and nothing invented."""

import math
from pathlib import Path
from typing import Any

import pytest
from loopback_youtube import LoopbackYoutube
from moved import Ask
from youtube_drafts import connect

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.youtube.configure import youtube_configure_channel
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.logic.scores import FORMULA, Clip, competition_of, fit_of, score, topics_in
from alya_mcp.tools.youtube.opportunities import youtube_find_opportunities
from alya_mcp.tools.youtube.quota import Quota, QuotaSpent
from alya_mcp.tools.youtube.topics import TopicFigures, Topics

pytestmark = pytest.mark.anyio
SEARCH = "GET /youtube/v3/search"


@pytest.fixture
def settings(home: Path, youtube: LoopbackYoutube, request: pytest.FixtureRequest) -> Settings:
    marker = request.node.get_closest_marker("parametrize")
    more = getattr(request, "param", {}) if marker else {}
    key = {"ALYA_YOUTUBE_KEY": "key-of-the-tests"}
    return Settings.from_environment({"ALYA_HOME": str(home), **youtube.environment, **key, **more})


def video(name: str, title: str, views: int | None, channel: str = "c1") -> dict[str, Any]:
    statistics = {} if views is None else {"viewCount": str(views)}
    return {"id": name, "snippet": {"title": title, "channelId": channel}, "statistics": statistics}


def fill(youtube: LoopbackYoutube) -> None:
    youtube.searches = {
        "green tea": [
            video("a", "Matcha latte at home | Green tea", 400_000),
            video("b", "Iced matcha latte: 3 ways", 200_000, "c2"),
            video("c", "Green tea &amp; sleep", 40_000, "c3"),
        ],
        "teapot": [video("d", "My teapot", 400, "c4"), video("e", "Hidden views", None, "c5")],
    }


async def configured(ask: Ask, **more: Any) -> None:
    await ask(youtube_configure_channel, nicheKeywords=["green tea", "teapot"], **more)


async def test_topics_come_best_first_with_parts_that_make_the_score(
    ask: Ask, youtube: LoopbackYoutube
) -> None:
    fill(youtube)
    await configured(ask)
    found = await ask(youtube_find_opportunities, count=10)
    rows = found["opportunities"]
    assert [row["topic"] for row in rows] == ["green tea", "matcha latte", "teapot"]
    assert rows == sorted(rows, key=lambda row: -row["opportunityScore"])
    for row in rows:
        assert row["formula"] == found["formula"] == FORMULA
        assert row["opportunityScore"] == pytest.approx(eval(FORMULA, {}, row["parts"]), abs=1e-4)
        assert row["competitionScore"] == row["parts"]["competition"]
        assert all(0 <= part <= 1 for part in row["parts"].values())
        assert row["basis"] == "views"
    tea, latte, pot = rows
    assert tea["searchVolumeWeekly"] == 160_000
    assert tea["parts"]["demand"] == pytest.approx(math.log10(160_001) / 6, abs=1e-4)
    assert (latte["searchVolumeWeekly"], latte["parts"]["fit"]) == (150_000, 0)
    assert (pot["searchVolumeWeekly"], pot["parts"]["fit"]) == (100, 1)
    assert "40,000 views" not in tea["rationale"]
    assert found["notice"] is None
    assert {source["source"] for source in found["sources"]} == {"YouTube"}
    assert (youtube.count(SEARCH), youtube.count("GET /youtube/v3/videos")) == (2, 1)


async def test_the_same_answers_give_the_same_topics_and_are_not_asked_for_again(
    ask: Ask, youtube: LoopbackYoutube
) -> None:
    fill(youtube)
    await configured(ask)
    first = await ask(youtube_find_opportunities)
    sent = len(youtube.log)
    again = await ask(youtube_find_opportunities)
    assert again["opportunities"] == first["opportunities"]
    assert len(youtube.log) == sent
    assert (await ask(youtube_find_opportunities, count=1))["opportunities"] == first["opportunities"][:1]


async def test_a_keyword_that_fails_is_told_and_the_others_are_scored(
    ask: Ask, youtube: LoopbackYoutube
) -> None:
    fill(youtube)
    await configured(ask)
    youtube.refuse(SEARCH, (400, "badRequest"))
    found = await ask(youtube_find_opportunities)
    assert [row["topic"] for row in found["opportunities"]] == ["teapot"]
    assert "'green tea' wasn't looked at" in found["notice"]
    youtube.refuse(SEARCH, (400, "badRequest"), (400, "badRequest"))
    with pytest.raises(Unavailable, match="No search was answered"):
        await ask(youtube_find_opportunities, locale="tr-TR")


async def test_every_request_counts_and_a_used_up_quota_is_asked_no_more(
    ask: Ask, hub: Hub, youtube: LoopbackYoutube, database: YoutubeDatabase
) -> None:
    fill(youtube)
    await configured(ask)
    youtube.refuse(SEARCH, (503, "x"), (503, "x"), (403, "quotaExceeded"))
    with pytest.raises(QuotaSpent):
        await ask(youtube_find_opportunities)
    assert Quota(database, hub.settings).used()["searches"].used == youtube.count(SEARCH) == 3
    with pytest.raises(QuotaSpent, match=r"YouTube said.*midnight Pacific time"):
        await ask(youtube_find_opportunities)
    assert youtube.count(SEARCH) == 3


@pytest.mark.parametrize("settings", [{"ALYA_YOUTUBE_DAILY_SEARCHES": "1"}], indirect=True)
async def test_a_cap_stops_before_it_is_passed(ask: Ask, youtube: LoopbackYoutube) -> None:
    fill(youtube)
    await configured(ask)
    found = await ask(youtube_find_opportunities)
    assert "'teapot' wasn't looked at" in found["notice"]
    assert youtube.count(SEARCH) == 1
    with pytest.raises(QuotaSpent, match="ALYA_YOUTUBE_DAILY_SEARCHES"):
        await ask(youtube_find_opportunities)
    assert youtube.count(SEARCH) == 1


@pytest.mark.parametrize("settings", [{"ALYA_YOUTUBE_KEY": ""}], indirect=True)
async def test_without_a_key_imported_figures_are_scored_and_without_those_the_variable_is_named(
    ask: Ask, youtube: LoopbackYoutube, database: YoutubeDatabase, home: Path
) -> None:
    await configured(ask, brandVoice="calm")
    with pytest.raises(NotConfigured, match="ALYA_YOUTUBE_KEY"):
        await ask(youtube_find_opportunities)
    Topics(database, "local").keep(
        [
            TopicFigures(topic="Green tea", weekly=9_999, competition=0.25, locale="en-US"),
            TopicFigures(topic="Yeşil çay", weekly=1, competition=0, locale="tr"),
        ]
    )
    found = await ask(youtube_find_opportunities)
    (row,) = found["opportunities"]
    assert (row["topic"], row["basis"], row["searchVolumeWeekly"]) == ("Green tea", "imported", 9_999)
    assert row["parts"] == {"demand": 0.6667, "competition": 0.25, "fit": 0.9}
    assert "imported figures alone" in found["notice"]
    assert youtube.log == []
    connect(home)
    fill(youtube)
    both = await ask(youtube_find_opportunities, count=10)
    assert {each["basis"] for each in both["opportunities"]} == {"imported", "views"}
    assert [each["topic"].casefold() for each in both["opportunities"]].count("green tea") == 1


async def test_a_channel_without_a_niche_is_told_to_get_one(ask: Ask, youtube: LoopbackYoutube) -> None:
    with pytest.raises(NotConfigured, match="nicheKeywords"):
        await ask(youtube_find_opportunities)
    assert youtube.log == []


def test_hidden_sizes_count_as_medium_and_parts_stay_in_range() -> None:
    def clip(subscribers: int | None) -> Clip:
        return Clip("a", "t", 1, "c", subscribers)

    assert competition_of([clip(None)]) == 0.5
    assert competition_of([clip(0)]) == 0
    assert competition_of([clip(10**9), clip(None)]) == 1
    assert score(10**12, 1, 0).total == 0.5
    assert score(0, 0, 1).total == 0.5


def test_fit_reads_words_in_both_languages() -> None:
    assert fit_of("green teas", ["Green tea"], "") == 1
    assert fit_of("YEŞİL ÇAYLAR", ["Yeşil çay"], "") == 1
    assert fit_of("coffee", ["Green tea"], "calm") == 0
    assert fit_of("green tea", ["Green tea"], "calm", ["A calm morning"]) == 1


def test_a_phrase_is_a_topic_only_when_two_channels_use_it() -> None:
    def clip(name: str, title: str, channel: str) -> Clip:
        return Clip(name, title, 1, channel, None)

    found = {
        "tea": [
            clip("1", "Cold brew, ice", "x"), clip("2", "Cold brew tea!", "x"),
            clip("3", "Tea ceremony of Kyoto 2026", "x"), clip("4", "The tea ceremony - Kyoto", "y"),
        ]
    }  # fmt: skip
    assert [topic.words for topic in topics_in(found)] == ["tea", "tea ceremony"]
