"""Uploads whose processes are killed, and processes that upload the same draft at the same time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import youtube_worker
from loopback_youtube import BLOCK, Fault, LoopbackYoutube
from youtube_drafts import connect, make_draft_in

from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.pipeline import Pipeline

UPLOAD = "PUT /upload/youtube/v3/videos"
BEGIN = "POST /upload/youtube/v3/videos"
PATIENCE = 120


def start(home: Path, youtube: LoopbackYoutube, draft: str) -> "subprocess.Popen[bytes]":
    env = {**os.environ, **youtube.environment, "ALYA_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, youtube_worker.__file__, draft],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


def kill_when_paused(process: "subprocess.Popen[bytes]", youtube: LoopbackYoutube) -> None:
    assert youtube.paused.acquire(timeout=PATIENCE)
    process.kill()
    process.communicate(timeout=PATIENCE)


def whole(home: Path, youtube: LoopbackYoutube, draft: str) -> None:
    """There is one video, byte for byte, and the pipeline knows it."""
    database = YoutubeDatabase(home)
    kept = Pipeline(database, "local").get(draft)
    database.close()
    ((video, posted),) = youtube.videos.items()
    assert (kept.state, kept.video_id) == ("uploaded", video)
    assert posted.data == kept.files["preview"].path.read_bytes()
    assert posted.thumbnails == [kept.files["thumbnail"].path.read_bytes()]
    assert [data for _, data in posted.captions] == [kept.files["captions"].path.read_bytes()]


def test_a_killed_upload_goes_on_in_a_new_process_in_the_same_session(
    home: Path, youtube: LoopbackYoutube
) -> None:
    connect(home)
    draft = make_draft_in(home)
    youtube.faults = [Fault(after=3 * BLOCK + 5, pause=True)]
    kill_when_paused(start(home, youtube, draft), youtube)
    youtube.faults = [None, None, Fault(lose=True, pause=True)]
    kill_when_paused(start(home, youtube, draft), youtube)
    assert len(youtube.videos) == 1
    assert finish(start(home, youtube, draft))["videoId"] == "video1"
    assert youtube.count(BEGIN) == 1
    assert youtube.count(f"{UPLOAD} bytes {3 * BLOCK}-") == 1
    whole(home, youtube, draft)


def test_captions_that_arrived_before_a_kill_are_not_sent_again(home: Path, youtube: LoopbackYoutube) -> None:
    connect(home)
    draft = make_draft_in(home)
    youtube.stalls = ["POST /upload/youtube/v3/captions"]
    kill_when_paused(start(home, youtube, draft), youtube)
    answer = finish(start(home, youtube, draft))
    assert (answer["captions"], answer["thumbnail"]) == ("set", "set")
    whole(home, youtube, draft)


def test_two_processes_race_for_one_draft_and_give_one_video(home: Path, youtube: LoopbackYoutube) -> None:
    connect(home)
    draft = make_draft_in(home)
    answers = [finish(process) for process in [start(home, youtube, draft) for _ in range(2)]]
    assert {answer["videoId"] for answer in answers} == {"video1"}
    assert youtube.count(BEGIN) == 1
    whole(home, youtube, draft)


@pytest.mark.slow
def test_thirty_kills_during_one_upload_give_one_video_byte_for_byte(
    home: Path, youtube: LoopbackYoutube
) -> None:
    connect(home)
    draft = make_draft_in(home, 40 * BLOCK + 1)
    random = Random(30)
    for number in range(30):
        # Most are killed while they send, some while they ask, the last when YouTube has all of it.
        asks = number % 7 == 3
        lost = number > 24
        kill = Fault(lose=lost, after=random.randrange(BLOCK, 3 * BLOCK), pause=True)
        youtube.faults = [kill] if asks or (lost and youtube.videos) else [None, kill][number == 0 :]
        process = start(home, youtube, draft)
        kill_when_paused(process, youtube)
        assert len(youtube.videos) <= 1
    youtube.faults = []
    assert finish(start(home, youtube, draft))["videoId"] == "video1"
    assert youtube.count(BEGIN) == 1
    whole(home, youtube, draft)
