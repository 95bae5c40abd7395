"""Configuration, drafts, status and recommendations: what the pipeline's own data shows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from loopback_youtube import LoopbackYoutube
from moved import Ask
from youtube_drafts import CONTENT, connect, make_draft

from alya_mcp.errors import InvalidInput
from alya_mcp.gate import InvalidArguments
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.configure import youtube_configure_channel
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.listing import youtube_list_drafts
from alya_mcp.tools.youtube.logic.pace import abort_criteria, pace_of
from alya_mcp.tools.youtube.pipeline import Pipeline
from alya_mcp.tools.youtube.quota import Quota
from alya_mcp.tools.youtube.status import youtube_get_pipeline_status, youtube_get_recommendations

pytestmark = pytest.mark.anyio
FIELDS = {
    "nicheKeywords": ["Green  tea", "green tea", "Teapots"], "brandVoice": "calm", "language": "en-GB",
    "cadencePerWeek": 2.5,
}  # fmt: skip


async def test_the_configuration_is_kept_and_changed_field_by_field(ask: Ask, ask_as: Any) -> None:
    whole = await ask(youtube_configure_channel, **FIELDS)
    assert whole["nicheKeywords"] == ["green tea", "Teapots"]
    assert (whole["cadencePerWeek"], whole["connectedChannel"]) == (2.5, None)
    after = await ask(youtube_configure_channel, colours=["#102030"], channelId="UC_mine")
    assert after == {**whole, "colours": ["#102030"], "channelId": "UC_mine"}
    assert (await ask(youtube_configure_channel, channelId=""))["channelId"] is None
    other = await ask_as("other", youtube_configure_channel, language="tr")
    assert (other["nicheKeywords"], other["language"]) == ([], "tr")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"nicheKeywords": []},
        {"nicheKeywords": [" "]},
        {"language": "english please"},
        {"cadencePerWeek": -1},
        {"colours": ["red"]},
        {"channelId": "my channel"},
    ],
)
async def test_a_configuration_that_can_not_be_is_refused(ask: Ask, wrong: dict[str, Any]) -> None:
    with pytest.raises((InvalidArguments, InvalidInput)):
        await ask(youtube_configure_channel, **wrong)


async def test_drafts_are_listed_with_their_histories(ask: Ask, pipeline: Pipeline) -> None:
    drafts = [make_draft(pipeline, 10) for _ in range(2)]
    pipeline.move(drafts[0], "failed", "no room")
    first = await ask(youtube_list_drafts, limit=1)
    (shown,) = first["drafts"]
    assert (shown["tenantVideoId"], shown["state"], shown["title"]) == (
        drafts[1], "previewed", CONTENT.titles[0],
    )  # fmt: skip
    assert [step["state"] for step in shown["history"]] == ["drafted", "previewed"]
    assert shown["previewFile"] == str(pipeline.folder(drafts[1]) / "preview")
    second = await ask(youtube_list_drafts, limit=1, cursor=first["nextCursor"])
    assert (second["drafts"][0]["reason"], second["nextCursor"]) == ("no room", None)
    failed = await ask(youtube_list_drafts, state="failed")
    assert [each["tenantVideoId"] for each in failed["drafts"]] == [drafts[0]]


async def test_a_new_channel_is_told_what_is_missing_in_order(ask: Ask) -> None:
    status = await ask(youtube_get_pipeline_status)
    assert (status["mode"], status["abort"], sum(status["counters"].values())) == ("preview", False, 0)
    assert status["quota"] == {
        "searches": {"used": 0, "limit": 100},
        "uploads": {"used": 0, "limit": 100},
        "units": {"used": 0, "limit": 10_000},
    }
    actions = (await ask(youtube_get_recommendations))["actions"]
    assert [each["priority"] for each in actions] == [1, 2, 3]
    assert actions[0]["tool"] == "youtube_configure_channel"
    assert "youtube connect" in actions[1]["action"]
    assert "ALYA_YOUTUBE_KEY" in actions[2]["action"]


async def test_what_waits_and_what_is_missed_is_said_with_its_figures(
    ask: Ask, pipeline: Pipeline, home: Path, youtube: LoopbackYoutube
) -> None:
    connect(home)
    await ask(youtube_configure_channel, **FIELDS)
    for _ in range(2):
        make_draft(pipeline, 10)
    status = await ask(youtube_get_pipeline_status)
    assert (status["mode"], status["counters"]["previewed"]) == ("connected", 2)
    assert status["channel"]["connectedChannel"] == {"id": "UC_mine", "title": "Tea & more"}
    assert (status["week"]["uploaded"], status["week"]["missing"]) == (0, 3)
    assert status["velocity"] == {"perWeek": 0, "goal": 2.5, "behind": True}
    actions = (await ask(youtube_get_recommendations))["actions"]
    assert [each["tool"] for each in actions][-1] == "youtube_upload_video"
    assert "weakest stage: 2 drafts" in actions[-1]["why"]
    assert youtube.log == []


async def test_three_failures_in_a_row_stop_the_pipeline(ask: Ask, pipeline: Pipeline) -> None:
    await ask(youtube_configure_channel, **FIELDS)
    for _ in range(3):
        pipeline.move(pipeline.create(CONTENT), "failed", "the disk is full")
    status = await ask(youtube_get_pipeline_status)
    assert [each["name"] for each in status["abortCriteria"] if each["met"]] == ["failures"]
    assert status["abort"]
    first = (await ask(youtube_get_recommendations))["actions"][0]
    assert first["action"].startswith("Stop")
    assert "the disk is full" in first["why"]


async def test_a_used_up_quota_is_in_the_status_and_says_until_when(
    ask: Ask, database: YoutubeDatabase, settings: Settings
) -> None:
    quota = Quota(database, settings)
    await quota.charge("units", 8_500)()
    await anyio.to_thread.run_sync(quota.exhaust, "searches")
    status = await ask(youtube_get_pipeline_status)
    assert (status["quota"]["units"]["used"], status["quotaExhausted"]) == (8_500, ["searches"])
    assert datetime.fromisoformat(status["quotaRenewedAt"]) == quota.renewed_at
    told = " ".join(
        each["action"] + each["why"] for each in (await ask(youtube_get_recommendations))["actions"]
    )
    assert f"Wait until {quota.renewed_at:%Y-%m-%d %H:%M} UTC" in told
    assert "85% of today's quota of units" in told


def test_a_week_begins_on_monday_and_velocity_is_of_whole_weeks_before_it() -> None:
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    uploads = [monday - timedelta(weeks=4), monday - timedelta(seconds=1), monday, now]
    pace = pace_of(uploads, 2.5, now)
    assert (pace.week, pace.begins, pace.uploaded, pace.per_week) == ("2026-W49", monday, 2, 0.5)
    assert (pace.missing, pace.behind) == (1, True)
    assert pace_of([], 0, now).missing == 0
    assert pace_of([], 0, datetime(2027, 1, 1, tzinfo=UTC)).week == "2026-W53"


def test_silence_stops_only_a_channel_that_had_time() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    pace = pace_of([], 1, now)
    old, young = now - timedelta(weeks=5), now - timedelta(days=2)
    met = [
        {c.name for c in abort_criteria([], pace, begun, [], now) if c.met} for begun in (old, young, None)
    ]
    assert met == [{"silence"}, set(), set()]
    ends: list[Any] = ["failed", "uploaded", "failed", "failed"]
    assert not abort_criteria(ends, pace, None, [], now)[0].met
