"""Makes a video's preview, thumbnail and captions from its script; one part that fails stops nothing.

The order: voice, pictures, slides, video. What a part couldn't do is in the notices, and the video goes
without it: captions alone, designed slides, the plain font, still backgrounds.
"""

import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Engine
from alya_mcp.runtime.private_files import private_folder, write_private
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.logic import captions, timing
from alya_mcp.tools.youtube.logic.script import Scene
from alya_mcp.tools.youtube.video import ffmpeg, graph, pictures, sound, voices
from alya_mcp.tools.youtube.video.artwork import CAPTIONS_LIST, Artwork
from alya_mcp.tools.youtube.video.caption_strip import line_length, strip_of
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import FRAMES, Shape
from alya_mcp.tools.youtube.video.palette import palette_for
from alya_mcp.tools.youtube.video.thumbnail import thumbnail

_log = logging.getLogger(__name__)
_PHASES: Final = {"voice": (4, 30), "pictures": (30, 45), "slides": (45, 52), "video": (52, 94)}
"""Where each phase begins and ends, of 100."""
_SHORTEST_SPEECH: Final = 0.05
_VIDEO: Final = "preview.mp4"
_THUMBNAIL: Final = "thumbnail.jpg"
_CAPTIONS: Final = "captions.srt"

T = TypeVar("T")
Report = Callable[[float, str, str], Awaitable[None]]
"""Told how far the preview is, of 100, the phase, and what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOrder:
    """What is to be made: the script, its length in seconds, its look and its sound."""

    topic: str
    title: str
    scenes: Sequence[Scene]
    seconds: float
    language: str
    shape: Shape
    colours: Sequence[str]
    thumbnail_prompt: str
    narrate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What was made. `voice` is who speaks, None for nobody, then `unspoken` says why."""

    video: Path
    thumbnail: Path
    captions: Path
    scenes: Sequence[timing.TimedScene]
    voice: str | None
    unspoken: str
    model: str | None
    notices: Sequence[str]

    @property
    def seconds(self) -> float:
        """The length of the video."""
        return self.scenes[-1].end


@dataclass(slots=True)
class _Told:
    """Reports of one preview; never goes back."""

    report: Report
    done: float = 0.0

    async def tell(self, phase: str, share: float, message: str) -> None:
        begin, end = _PHASES[phase]
        self.done = max(self.done, begin + (end - begin) * min(1.0, share))
        await self.report(self.done, phase, message)


@dataclass(slots=True)
class _Narrated:
    spoken: list[list[voices.Spoken]] = field(default_factory=list[list[voices.Spoken]])
    voice: str | None = None
    why: str = ""


async def make(
    order: PreviewOrder, folder: Path, engine: Engine, settings: Settings, report: Report
) -> Preview:
    """Make the preview in `folder`; the files there are whole or not there.

    Raises:
        NotInstalled: the video extra is missing.
        Failure: no video could be made at all; the text says why.
    """
    ffmpeg.executable()
    told = _Told(report)
    work = folder / "work"
    try:
        await anyio.to_thread.run_sync(_empty, work)
        return await _make(order, folder, work, engine, settings, told)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(work, ignore_errors=True))


async def _make(
    order: PreviewOrder, folder: Path, work: Path, engine: Engine, settings: Settings, told: _Told
) -> Preview:
    frame, palette = FRAMES[order.shape], palette_for(order.topic, order.colours)
    fonts = Fonts(settings.video_font)
    notices: list[str] = []
    narrated = await _narrate(order, settings, told)
    if narrated.voice is None:
        scenes = timing.silent(order.scenes, order.seconds)
    else:
        lengths = [[part.seconds for part in parts] for parts in narrated.spoken]
        scenes = timing.spoken(order.scenes, lengths, order.seconds)
        if scenes[-1].end > 1.1 * order.seconds:
            notices.append(
                f"The narration takes {scenes[-1].end:.0f} s, more than the {order.seconds:g} s asked for"
            )

    art = Artwork(work, frame, palette, fonts)
    drawn = pictures.VideoPictures()

    async def draw() -> None:
        nonlocal drawn
        prompts = [scene.picture or scene.heading for scene in order.scenes]
        try:
            drawn = await pictures.draw(
                engine, order.topic, order.thumbnail_prompt, prompts, palette,
                vertical=frame.vertical, report=partial(told.tell, "pictures"),
            )  # fmt: skip
        except Exception:  # noqa: BLE001 - no part may stop the video
            _log.exception("drawing the pictures of a video failed")
            notices.append("No pictures were drawn, so slides are designed ones: an error in alya-mcp")

    listed: str | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        listed = await _captions(art, scenes, line_length(frame), notices)
    notices += drawn.notices
    parts: list[graph.SceneParts] = []
    for index, scene in enumerate(scenes):
        await told.tell("slides", 0.9 * index / len(scenes), f"drawing slide {index + 1} of {len(scenes)}")
        picture = drawn.scenes[index] if drawn.scenes else None
        try:
            parts.append(await _in_thread(partial(art.scene, index, scene, picture)))
        except (OSError, ValueError) as error:
            if picture is None:
                raise
            notices.append(f"The picture of scene {index + 1} can't be used: {_plainly(error)}")
            parts.append(await _in_thread(partial(art.scene, index, scene, None)))
    small = await _in_thread(
        lambda: thumbnail(
            order.title, palette, fonts, picture=drawn.thumbnail, whole=drawn.whole, seed=len(scenes)
        )
    )
    heard, filtered = await _sound(work, scenes, narrated, told)
    plan = graph.VideoParts(
        frame=frame, scenes=parts, captions=listed, strip=strip_of(frame), bar=await _in_thread(art.bar),
        sound=heard, sound_filter=filtered,
    )  # fmt: skip
    made = await _render(plan, work, told, notices)
    srt = captions.subrip(captions.cues(scenes)).encode()
    await _in_thread(lambda: _keep(made, folder, small, srt))
    return Preview(
        video=folder / _VIDEO, thumbnail=folder / _THUMBNAIL, captions=folder / _CAPTIONS, scenes=scenes,
        voice=narrated.voice, unspoken=narrated.why, model=drawn.model, notices=[*notices, *fonts.told()],
    )  # fmt: skip


async def _captions(
    art: Artwork, scenes: Sequence[timing.TimedScene], line: int, notices: list[str]
) -> str | None:
    """Draw the captions; the name of their list, None when they can't be drawn."""
    frames = sum(scene.frames for scene in scenes)
    try:
        for step in art.captions(captions.cues(scenes, line=line), frames):
            await _in_thread(step)
    except (OSError, ValueError) as error:
        notices.append(f"Captions are not in the picture, only in their file: {_plainly(error)}")
        return None
    return CAPTIONS_LIST


async def _narrate(order: PreviewOrder, settings: Settings, told: _Told) -> _Narrated:
    """The script spoken, sentence by sentence; all of it or nothing."""
    if not order.narrate:
        return _Narrated(why="not asked for")
    try:
        await told.tell("voice", 0, "loading the voice")
        voice = await _in_thread(lambda: voices.choose(settings, order.language))
    except voices.VoiceFailed as failed:
        return _Narrated(why=str(failed))
    total, done = sum(len(scene.narration) for scene in order.scenes), 0
    narrated = _Narrated(voice=voice.name)
    try:
        for scene in order.scenes:
            spoken: list[voices.Spoken] = []
            for sentence in scene.narration:
                await told.tell("voice", done / total, f"speaking sentence {done + 1} of {total}")
                spoken.append(await voice.speak(sentence))
                done += 1
                if spoken[-1].seconds < _SHORTEST_SPEECH:
                    raise voices.VoiceFailed(f"{voice.name} was silent")
                if spoken[-1].rate != (narrated.spoken or [spoken])[0][0].rate:
                    raise voices.VoiceFailed(f"{voice.name} changes its sample rate")
            narrated.spoken.append(spoken)
    except voices.VoiceFailed as failed:
        return _Narrated(why=str(failed))
    finally:
        await voice.aclose()
    return narrated


async def _sound(
    work: Path, scenes: Sequence[timing.TimedScene], narrated: _Narrated, told: _Told
) -> tuple[str | None, str]:
    """The narration's file and filter; without it the reason stays in `narrated`."""
    if narrated.voice is None:
        return None, ""
    await told.tell("slides", 0.95, "measuring the narration's loudness")
    try:
        await _in_thread(lambda: sound.write(work / "narration.wav", scenes, narrated.spoken))
        return "narration.wav", await sound.loudness_filter(work, "narration.wav")
    except (OSError, ffmpeg.RenderFailed) as error:
        narrated.voice, narrated.why = None, _plainly(error)
        return None, ""


async def _render(plan: graph.VideoParts, work: Path, told: _Told, notices: list[str]) -> Path:
    """Render the plan; where that fails, once more without movement, captions in the picture and bar."""
    try:
        return await _ffmpeg(plan, work, told)
    except ffmpeg.RenderFailed as failed:
        simple = replace(plan, moving=False, captions=None, bar=None)
        made = await _ffmpeg(simple, work, told)
        notices.append(f"The video stands still and has no captions in the picture: {failed}")
        return made


async def _ffmpeg(plan: graph.VideoParts, work: Path, told: _Told) -> Path:
    total = plan.frames / timing.FPS

    async def line(text: str) -> None:
        name, _, value = text.partition("=")
        if name == "out_time_us" and value.lstrip("-").isdigit():
            seconds = max(0.0, int(value) / 1e6)
            await told.tell("video", seconds / total, f"rendering second {seconds:.0f} of {total:.0f}")

    await told.tell("video", 0, "rendering the video")
    await _in_thread(lambda: (work / "graph").write_text(graph.graph(plan), encoding="ascii"))
    await ffmpeg.run(graph.arguments(plan, "graph", _VIDEO), work, line)
    made = work / _VIDEO
    if not made.is_file() or not made.stat().st_size:
        raise ffmpeg.RenderFailed("ffmpeg wrote no video")
    return made


def _keep(made: Path, folder: Path, small: bytes, srt: bytes) -> None:
    write_private(folder / _THUMBNAIL, small)
    write_private(folder / _CAPTIONS, srt)
    made.chmod(0o600)
    made.replace(folder / _VIDEO)


def _empty(work: Path) -> None:
    """Make the work folder; what a killed process left there is gone."""
    shutil.rmtree(work, ignore_errors=True)
    private_folder(work)


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _plainly(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, Failure) else type(error).__name__
