"""The one filter graph that makes the video: moving backgrounds, words laid over them, cross-fades, captions.

Backgrounds move by `perspective`, which samples between pixels, so that slow movement doesn't tremble as it
does with `zoompan` and `crop`. Pictures are decoded once and repeated by `loop`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.youtube.logic.timing import FPS
from alya_mcp.tools.youtube.video.caption_strip import Strip
from alya_mcp.tools.youtube.video.frame import VideoFrame

FADE_FRAMES: Final = 15
"""Frames of a cross-fade."""
_TRAVEL: Final = 0.045
"""How much of the picture's width a background moves through in a scene."""
_THREADS: Final = 4
"""Threads of the encoder, the same everywhere: its output depends on their number."""
_YUV: Final = "scale=out_color_matrix=bt709:out_range=tv"
_TAGGED: Final = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneParts:
    """The files of a scene in the work folder and where its words lie; `frames` is its length."""

    background: str
    words: str | None
    x: int
    y: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParts:
    """All that a video is made of: file names in the work folder.

    `captions` is a list for ffmpeg's concat demuxer, `bar` a strip of colour that shows how far the video is,
    `sound` the narration with its loudness as measured; each may be missing. Without `moving` the
    backgrounds stand still.
    """

    frame: VideoFrame
    scenes: Sequence[SceneParts]
    captions: str | None
    strip: Strip
    bar: str | None
    sound: str | None
    sound_filter: str
    moving: bool = True

    @property
    def frames(self) -> int:
        """The length of the video in frames."""
        return sum(scene.frames for scene in self.scenes)


def arguments(plan: VideoParts, graph_file: str, target: str) -> list[str]:
    """The arguments of ffmpeg; paths are relative to the work folder. `graph_file` holds `graph(plan)`."""
    given = ["-hide_banner", "-loglevel", "error", "-nostdin", "-nostats", "-y", "-progress", "pipe:1"]
    for scene in plan.scenes:
        given += ["-i", scene.background]
        given += ["-i", scene.words] if scene.words else []
    given += ["-f", "concat", "-safe", "1", "-i", plan.captions] if plan.captions else []
    given += ["-i", plan.bar] if plan.bar else []
    given += ["-i", plan.sound] if plan.sound else []
    given += ["-/filter_complex", graph_file, "-map", "[v]"]
    if plan.sound:
        given += ["-map", "[a]", "-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-flags:a", "+bitexact"]
    return [
        *given,
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "21", "-profile:v", "high"),
        *("-pix_fmt", "yuv420p", "-r", str(FPS), "-g", str(2 * FPS), "-threads", str(_THREADS)),
        *("-flags:v", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1"),
        *("-frames:v", str(plan.frames), "-movflags", "+faststart", "-f", "mp4", target),
    ]


def graph(plan: VideoParts) -> str:
    """The filter graph, as ffmpeg reads it from a file."""
    chains: list[str] = []
    number = 0
    last = len(plan.scenes) - 1
    for index, scene in enumerate(plan.scenes):
        frames = scene.frames + (FADE_FRAMES if index < last else 0)
        chains.append(
            f"[{number}:v]{_YUV},format=yuv420p,{_still(frames)}"
            f"{_movement(index, frames) if plan.moving else ''}[b{index}]"
        )
        number += 1
        if scene.words:
            # Words come after the cross-fade began and rise a little while they appear.
            begins = 0.3 if index else 0.15
            chains.append(
                f"[{number}:v]{_YUV},format=yuva420p,{_still(frames)},"
                f"fade=t=in:st={begins}:d=0.5:alpha=1[w{index}]"
            )
            rise = f"{scene.y}+2*floor(12*pow(1-clip((t-{begins})/0.6\\,0\\,1)\\,3))"
            chains.append(f"[b{index}][w{index}]overlay=x={scene.x}:y='{rise}':eof_action=repeat[s{index}]")
            number += 1
        else:
            chains.append(f"[b{index}]null[s{index}]")
    shown = "s0"
    start = 0
    for index in range(1, len(plan.scenes)):
        start += plan.scenes[index - 1].frames
        chains.append(
            f"[{shown}][s{index}]xfade=transition=fade:duration={FADE_FRAMES / FPS}:offset={start / FPS}"
            f"[x{index}]"
        )
        shown = f"x{index}"
    if plan.bar:
        seconds = plan.frames / FPS
        source = number + (1 if plan.captions else 0)
        chains.append(f"[{source}:v]{_YUV},format=yuv420p,{_still(plan.frames)}[bar]")
        chains.append(f"[{shown}][bar]overlay=x='2*floor((t/{seconds}-1)*W/2)':y=H-h[p]")
        shown = "p"
    if plan.captions:
        chains.append(f"[{number}:v]{_YUV},format=yuva420p,fps={FPS},settb=1/{FPS}[c]")
        chains.append(f"[{shown}][c]overlay=x={plan.strip.x}:y={plan.strip.y}:eof_action=repeat[v0]")
        shown = "v0"
    chains.append(f"[{shown}]format=yuv420p,setsar=1,{_TAGGED}[v]")
    if plan.sound:
        source = number + (1 if plan.captions else 0) + (1 if plan.bar else 0)
        chains.append(f"[{source}:a]{plan.sound_filter}[a]")
    return ";\n".join(chains)


def _still(frames: int) -> str:
    return f"loop=loop=-1:size=1,trim=end_frame={frames},settb=1/{FPS},setpts=N"


def _movement(index: int, frames: int) -> str:
    """A slow movement over `frames`: nearer, to the side, away, to the other side, by turns."""
    travel = f"{_TRAVEL}*W"
    rise = f"{_TRAVEL}*H"
    done = f"in/{frames}"
    match index % 4:
        case 0:
            left = right = f"{travel}/2*{done}"
            top = bottom = f"{rise}/2*{done}"
        case 1:
            left, right = f"{travel}*{done}", f"{travel}*(1-{done})"
            top = bottom = f"{rise}/2"
        case 2:
            left = right = f"{travel}/2*(1-{done})"
            top = bottom = f"{rise}/2*(1-{done})"
        case _:
            left, right = f"{travel}*(1-{done})", f"{travel}*{done}"
            top = bottom = f"{rise}/2"
    corners = {
        "x0": left, "y0": top, "x1": f"W-({right})", "y1": top,
        "x2": left, "y2": f"H-({bottom})", "x3": f"W-({right})", "y3": f"H-({bottom})",
    }  # fmt: skip
    placed = ":".join(f"{name}='{value}'" for name, value in corners.items())
    return f",perspective={placed}:sense=source:eval=frame:interpolation=linear"
