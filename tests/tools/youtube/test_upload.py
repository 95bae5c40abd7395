"""The upload: it survives every bad day, never makes a second video, and tells what is on YouTube."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from loopback_youtube import BLOCK, Fault, LoopbackYoutube
from moved import Ask
from youtube_drafts import CONTENT, SIZE, connect, make_draft

from alya_mcp.errors import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.youtube.api import RefusedByYoutube, UploadLimit
from alya_mcp.tools.youtube.pipeline import Pipeline
from alya_mcp.tools.youtube.quota import Quota, QuotaSpent
from alya_mcp.tools.youtube.resumable import FileChanged
from alya_mcp.tools.youtube.upload import UploadRequest, upload_subject, youtube_upload_video

pytestmark = pytest.mark.anyio
UPLOAD = "PUT /upload/youtube/v3/videos"
BEGIN = "POST /upload/youtube/v3/videos"
CAPTIONS = "POST /upload/youtube/v3/captions"
THUMBNAIL = "POST /upload/youtube/v3/thumbnails/set"


def whole(youtube: LoopbackYoutube, pipeline: Pipeline, draft: str) -> None:
    """There is one video, byte for byte, with its thumbnail and captions set once."""
    files = pipeline.get(draft).files
    (posted,) = youtube.videos.values()
    assert posted.data == files["preview"].path.read_bytes()
    assert posted.thumbnails == [files["thumbnail"].path.read_bytes()]
    assert [data for _, data in posted.captions] == [files["captions"].path.read_bytes()]


async def test_a_draft_is_uploaded_private_with_all_that_belongs_to_it(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["state"], answer["videoId"], answer["privacy"]) == ("uploaded", "video1", "private")
    assert answer["videoUrl"] == "https://www.youtube.com/watch?v=video1"
    assert (answer["previewUrl"], answer["thumbnail"], answer["captions"]) == (None, "set", "set")
    assert answer["checked"]
    assert "locked private" in answer["notice"]
    whole(youtube, pipeline, draft)
    snippet = youtube.videos["video1"].metadata["snippet"]
    assert (snippet["title"], snippet["description"], snippet["tags"]) == (
        CONTENT.titles[0], CONTENT.description, list(CONTENT.tags),
    )  # fmt: skip
    assert youtube.videos["video1"].captions[0][0]["snippet"]["language"] == "en"
    states = [step.state for step in pipeline.get(draft).history]
    assert states == ["drafted", "previewed", "approved", "queued", "uploaded"]
    used = Quota(pipeline.database, ask_settings(home)).used()
    assert (used["uploads"].used, used["units"].used) == (1, 50 + 400 + 1)


def ask_settings(home: Path) -> Any:
    from alya_mcp.settings import Settings

    return Settings(home=home)


async def test_asked_again_it_gives_the_same_video_and_sends_nothing_twice(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    first = await ask(youtube_upload_video, tenantVideoId=draft)
    again = await ask(youtube_upload_video, tenantVideoId=draft)
    assert again == first
    assert (youtube.count(BEGIN), youtube.count(THUMBNAIL), youtube.count(CAPTIONS)) == (1, 1, 1)
    whole(youtube, pipeline, draft)


async def test_publish_makes_the_same_video_public_and_keeps_the_rest_of_its_status(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    youtube.audited = True
    draft = make_draft(pipeline)
    await ask(youtube_upload_video, tenantVideoId=draft)
    answer = await ask(youtube_upload_video, tenantVideoId=draft, publish=True)
    assert (answer["state"], answer["videoId"], answer["privacy"]) == ("published", "video1", "public")
    assert answer["notice"] is None
    status = youtube.videos["video1"].metadata["status"]
    assert (status["license"], status["containsSyntheticMedia"]) == ("youtube", True)
    updates = youtube.count("PUT /youtube/v3/videos")
    assert (await ask(youtube_upload_video, tenantVideoId=draft, publish=True))["state"] == "published"
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["privacy"] == "public"
    assert youtube.count("PUT /youtube/v3/videos") == updates == 1
    whole(youtube, pipeline, draft)


async def test_a_project_without_an_audit_keeps_it_private_and_that_is_said(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    answer = await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline), publish=True)
    assert (answer["state"], answer["privacy"]) == ("uploaded", "private")
    assert "YouTube keeps the video private" in answer["notice"]
    assert "audited" in answer["notice"]


async def test_an_audited_project_publishes_at_once(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    youtube.audited = True
    answer = await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline), publish=True)
    assert (answer["state"], answer["privacy"]) == ("published", "public")
    assert [step.state for step in pipeline.list().drafts[0].history][-2:] == ["uploaded", "published"]


BAD_DAYS: dict[str, list[Fault | None]] = {
    # Of the requests to a session, the first has all but the last part.
    "503 in the middle": [Fault(after=BLOCK + 7, status=503)],
    "503 to the question": [Fault(after=BLOCK, status=503), Fault(status=503)],
    "reset after k bytes": [Fault(after=2 * BLOCK + 99)],
    "reset before a byte": [Fault()],
    "many resets": [Fault(after=BLOCK)] * 3,
    "401 in the middle": [Fault(status=401, reason="authError")],
    "an expired session": [Fault(after=BLOCK, status=503), Fault(expire=True, status=503)],
    "a lost answer": [Fault(lose=True)],
    "the last answer lost": [None, Fault(lose=True)],
    "the last answer lost, the question refused": [None, Fault(lose=True), Fault(status=500)],
    "the last part cut": [None, Fault(after=10)],
    "the last answer lost, the session expired": [None, Fault(lose=True, expire=True)],
    "the last part cut, the session expired": [None, Fault(after=10, expire=True)],
}


@pytest.mark.parametrize("day", list(BAD_DAYS))
async def test_a_bad_day_ends_with_one_video_byte_for_byte(
    day: str, ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.faults = [*BAD_DAYS[day]]
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["state"], answer["checked"]) == ("uploaded", True)
    assert youtube.faults == []
    whole(youtube, pipeline, draft)


async def test_it_goes_on_at_the_kept_byte_in_the_same_session_after_asking(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.faults = [Fault(after=2 * BLOCK), *[Fault(status=503)] * 4]
    with pytest.raises(Unavailable, match="503"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert pipeline.get(draft).state == "queued"
    before = len(youtube.log)
    await ask(youtube_upload_video, tenantVideoId=draft)
    after = [line for line in youtube.log[before:] if line.startswith(UPLOAD)]
    assert after[0] == f"{UPLOAD} bytes */{SIZE}"
    assert after[1].startswith(f"{UPLOAD} bytes {2 * BLOCK}-")
    assert youtube.count(f"{BEGIN}") == 1
    whole(youtube, pipeline, draft)


async def test_a_connection_that_stays_broken_is_told_and_nothing_is_lost(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    part, fine = Fault(), None
    youtube.faults = [part, fine, part, fine, part, fine, part, fine]
    with pytest.raises(Unavailable, match="the same call goes on"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    youtube.faults = []
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["state"] == "uploaded"
    whole(youtube, pipeline, draft)


async def test_a_lost_video_that_can_not_be_looked_for_is_not_sent_again(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.faults = [None, Fault(lose=True, expire=True)]
    youtube.refuse("GET /youtube/v3/channels", *[(500, "backendError")] * 4)
    with pytest.raises(Unavailable, match="may be on YouTube already"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert len(youtube.videos) == 1
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["videoId"] == "video1"
    assert youtube.count(BEGIN) == 1
    whole(youtube, pipeline, draft)


async def test_another_video_with_the_same_words_is_not_taken_for_the_lost_one(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline))
    draft = make_draft(pipeline)
    youtube.faults = [None, Fault(after=10, expire=True)]
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["videoId"], len(youtube.videos)) == ("video2", 2)


async def test_a_session_begun_for_everyone_is_not_ended_by_a_yes_for_private(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    youtube.audited = True
    draft = make_draft(pipeline)
    youtube.faults = [Fault(after=BLOCK), *[Fault(status=503)] * 4]
    with pytest.raises(Unavailable):
        await ask(youtube_upload_video, tenantVideoId=draft, publish=True)
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["privacy"], youtube.count(BEGIN)) == ("private", 2)
    whole(youtube, pipeline, draft)


async def test_a_session_begun_private_ends_private_and_is_then_published(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    youtube.audited = True
    draft = make_draft(pipeline)
    youtube.faults = [Fault(after=BLOCK), *[Fault(status=503)] * 4]
    with pytest.raises(Unavailable):
        await ask(youtube_upload_video, tenantVideoId=draft)
    answer = await ask(youtube_upload_video, tenantVideoId=draft, publish=True)
    assert (answer["privacy"], answer["state"], youtube.count(BEGIN)) == ("public", "published", 1)


async def test_two_at_once_make_one_video(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    answers: list[Any] = []

    async def upload() -> None:
        answers.append(await ask(youtube_upload_video, tenantVideoId=draft))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(upload)
    assert {answer["videoId"] for answer in answers} == {"video1"}
    assert youtube.count(BEGIN) == 1
    whole(youtube, pipeline, draft)


async def test_a_cancelled_call_lets_go_and_the_next_one_goes_on(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.faults = [Fault(after=2 * BLOCK, pause=True)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(ask, tenantVideoId=draft), youtube_upload_video)
        assert await anyio.to_thread.run_sync(partial(youtube.paused.acquire, timeout=60))
        tasks.cancel_scope.cancel()
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["state"] == "uploaded"
    assert youtube.count(BEGIN) == 1
    whole(youtube, pipeline, draft)


async def test_an_upload_limit_is_told_and_the_same_call_works_later(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.refuse(BEGIN, (400, "uploadLimitExceeded"))
    with pytest.raises(UploadLimit, match=r"\b24\b"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert pipeline.get(draft).state == "queued"
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["state"] == "uploaded"


async def test_an_upload_limit_at_the_last_byte_begins_anew_later(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.faults = [None, Fault(status=400, reason="uploadLimitExceeded")]
    with pytest.raises(UploadLimit):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["state"] == "uploaded"
    assert youtube.count(BEGIN) == 2
    whole(youtube, pipeline, draft)


async def test_a_quota_that_is_used_up_is_remembered_and_not_asked_for_again(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.refuse(BEGIN, (403, "quotaExceeded"))
    with pytest.raises(QuotaSpent, match="midnight Pacific time"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    sent = len(youtube.log)
    with pytest.raises(QuotaSpent, match="Nothing was sent"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert len(youtube.log) == sent


async def test_what_youtube_refuses_for_good_fails_and_can_be_tried_again(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.refuse(BEGIN, (403, "forbidden"))
    with pytest.raises(RefusedByYoutube, match="403"):
        await ask(youtube_upload_video, tenantVideoId=draft)
    failed = pipeline.get(draft)
    assert (failed.state, "forbidden" in (failed.reason or "")) == ("failed", True)
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["state"] == "uploaded"


async def test_a_thumbnail_that_fails_never_undoes_the_upload_and_is_tried_again(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.refuse(THUMBNAIL, (403, "forbidden"))
    youtube.refuse(CAPTIONS, (403, "insufficientPermissions"))
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["state"], answer["thumbnail"], answer["captions"]) == ("uploaded", "failed", "failed")
    assert "insufficientPermissions" in answer["notice"]
    again = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (again["thumbnail"], again["captions"]) == ("set", "set")
    whole(youtube, pipeline, draft)


async def test_captions_whose_answer_was_lost_are_looked_for_before_they_are_sent_again(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    youtube.refuse(CAPTIONS, (503, "backendError"))
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["captions"] == "failed"
    youtube.videos["video1"].captions.append(
        ({"snippet": {"language": "en", "name": ""}}, pipeline.get(draft).files["captions"].path.read_bytes())
    )
    assert (await ask(youtube_upload_video, tenantVideoId=draft))["captions"] == "set"
    whole(youtube, pipeline, draft)


async def test_what_youtube_changed_is_told(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    await ask(youtube_upload_video, tenantVideoId=draft)
    youtube.videos["video1"].metadata["snippet"] |= {"title": "Another", "tags": []}
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert not answer["checked"]
    assert "another title and tags" in answer["notice"]


async def test_an_old_token_is_renewed_and_a_refused_one_too(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home, left=timedelta(seconds=-1))
    youtube.tokens.clear()
    await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline))
    youtube.tokens.clear()
    await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline))
    assert [form["grant_type"] for form in youtube.forms] == ["refresh_token"] * 2
    assert len(youtube.videos) == 2


async def test_a_connection_that_google_withdrew_says_what_to_do(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home, left=timedelta(seconds=-1))
    youtube.token_answers = [(400, "invalid_grant")]
    with pytest.raises(NotConfigured, match=r"\bconnect\b"):
        await ask(youtube_upload_video, tenantVideoId=make_draft(pipeline))
    assert youtube.count(BEGIN) == 0


async def test_without_a_channel_it_links_to_the_preview_and_sends_nothing(
    ask: Ask, hub: Hub, youtube: LoopbackYoutube, pipeline: Pipeline
) -> None:
    draft = make_draft(pipeline)
    answer = await ask(youtube_upload_video, tenantVideoId=draft)
    assert (answer["state"], answer["videoUrl"], answer["videoId"]) == ("previewed", None, None)
    assert "youtube connect" in answer["notice"]
    assert youtube.log == []
    again = await ask(youtube_upload_video, tenantVideoId=draft)
    for url in (answer["previewUrl"], again["previewUrl"]):
        async with httpx2.AsyncClient(trust_env=False) as client:
            shown = await client.get(url, headers={"Range": "bytes=0-9"})
        assert (shown.status_code, shown.headers["content-type"]) == (206, "video/mp4")
        assert shown.content == pipeline.get(draft).files["preview"].path.read_bytes()[:10]


async def test_a_changed_file_is_never_uploaded(
    ask: Ask, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    draft = make_draft(pipeline)
    path = pipeline.get(draft).files["preview"].path
    original = path.read_bytes()
    path.write_bytes(original[:-1] + b"!")
    with pytest.raises(FileChanged):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert (youtube.log, pipeline.get(draft).state) == ([], "failed")
    path.write_bytes(original)
    youtube.faults = [Fault(after=BLOCK), *[Fault(status=503)] * 4]
    with pytest.raises(Unavailable):
        await ask(youtube_upload_video, tenantVideoId=draft)
    path.write_bytes(original[:-1] + b"!")
    with pytest.raises(FileChanged):
        await ask(youtube_upload_video, tenantVideoId=draft)
    assert youtube.videos == {}


async def test_what_can_not_be_uploaded_is_refused_before_anything_is_sent(
    ask: Ask, ask_as: Any, hub: Hub, youtube: LoopbackYoutube, pipeline: Pipeline, home: Path
) -> None:
    connect(home)
    drafted = pipeline.create(CONTENT)
    long = make_draft(pipeline, 10, CONTENT.model_copy(update={"titles": ("t" * 101,)}))
    fine = make_draft(pipeline, 10)
    refused = [partial(ask, tenantVideoId=each) for each in (drafted, long, "never-was")]
    refused.append(partial(partial(ask_as, "another"), tenantVideoId=fine))
    for call in refused:
        with pytest.raises(InvalidInput):
            await call(youtube_upload_video)
    with pytest.raises(Failure, match="changed since"):
        await ask(youtube_upload_video, about={"title": "Another"}, tenantVideoId=fine)
    pipeline.change_channel({"channel_id": "UC_another"})
    with pytest.raises(NotConfigured, match="UC_another"):
        await ask(youtube_upload_video, tenantVideoId=fine)
    assert youtube.log == []


async def test_the_question_names_what_is_uploaded_and_changes_with_it(
    hub: Hub, pipeline: Pipeline, home: Path
) -> None:
    draft = make_draft(pipeline)
    private = UploadRequest.model_validate({"tenantVideoId": draft})
    public = UploadRequest.model_validate({"tenantVideoId": draft, "publish": True})
    assert "nothing is uploaded" in upload_subject(private, hub, "local")["channel"]
    connect(home)
    shown = upload_subject(private, hub, "local")
    assert (shown["title"], shown["privacy"]) == (CONTENT.titles[0], "private")
    assert (shown["size"], shown["channel"]) == ("1.3 MB (1,323,065 bytes)", "Tea & more (UC_mine)")
    assert shown["sha256"] == pipeline.get(draft).files["preview"].sha256
    assert upload_subject(public, hub, "local")["privacy"].startswith("public")
    pipeline.keep_content(draft, CONTENT.model_copy(update={"description": "Other"}))
    assert upload_subject(private, hub, "local") != shown
