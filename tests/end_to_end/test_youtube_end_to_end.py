"""From a topic to a published video, by `alya-mcp call` alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import loopback_youtube
import pytest
from raw_client import environment
from youtube_drafts import connect

ALLOW_ALL = '{"version": "1", "default": "allow"}'


@pytest.mark.slow
def test_a_topic_becomes_a_preview_an_upload_and_a_published_video(alya_home: Path) -> None:
    (alya_home / "policy.json").write_text(ALLOW_ALL)
    with loopback_youtube.running() as youtube:
        youtube.audited = True
        env = environment(alya_home, **youtube.environment)

        def call(tool: str, *words: str) -> Any:
            ended = subprocess.run(
                [sys.executable, "-m", "alya_mcp", "call", tool, *words, "--output", "json"],
                env=env,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert ended.returncode == 0, (ended.stdout, ended.stderr)
            return json.loads(ended.stdout)["structuredContent"]

        draft = call("youtube_generate_video", "topic=green tea", "durationSec=30", "narrate=false")
        which = f"tenantVideoId={draft['tenantVideoId']}"
        alone = call("youtube_upload_video", which)
        assert (alone["state"], alone["videoUrl"]) == ("previewed", None)
        assert alone["previewUrl"].startswith("http://127.0.0.1:")
        assert youtube.log == []
        connect(alya_home)
        uploaded = call("youtube_upload_video", which)
        assert (uploaded["state"], uploaded["privacy"], uploaded["checked"]) == ("uploaded", "private", True)
        published = call("youtube_upload_video", which, "publish=true")
        assert (published["state"], published["videoId"]) == ("published", uploaded["videoId"])
        (posted,) = youtube.videos.values()
        assert posted.data == Path(draft["previewFile"]).read_bytes()
        assert posted.thumbnails == [Path(draft["thumbnailFile"]).read_bytes()]
        assert [data for _, data in posted.captions] == [Path(draft["captionsFile"]).read_bytes()]
        (listed,) = call("youtube_list_drafts")["drafts"]
        assert [step["state"] for step in listed["history"]] == [
            "drafted", "previewed", "approved", "queued", "uploaded", "published",
        ]  # fmt: skip
        status = call("youtube_get_pipeline_status")
        assert (status["counters"]["published"], status["quota"]["uploads"]["used"]) == (1, 1)
