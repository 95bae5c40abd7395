"""How long a preview takes to render, beside MoviePy 2.2.1 with the same scenes.

    python scripts/bench/video.py [--seconds 60] [--moviepy PYTHON] [--output json]

The scenes are those of an outline without pictures and voice: backgrounds that move slowly, words that fade
in, cross-fades, captions for every word, a bar. `drawing` is the drawing of their files, `ours` one run of
ffmpeg with our filter graph, `moviepy` the same files put together by MoviePy, with the same encoder
settings. MoviePy wants Pillow below 12, so it has an environment of its own: PYTHON is its interpreter, and
without one a temporary environment is made. CPU seconds are those of all processes; the load is that before
each run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from alya_mcp.tools.youtube.logic import captions, timing
from alya_mcp.tools.youtube.logic.outline import outline
from alya_mcp.tools.youtube.video import ffmpeg, graph
from alya_mcp.tools.youtube.video.artwork import CAPTIONS_LIST, Artwork
from alya_mcp.tools.youtube.video.caption_strip import line_length, states, strip_of
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import FRAMES
from alya_mcp.tools.youtube.video.palette import palette_for

TOPIC = "how bridges carry weight"
FRAME = FRAMES["landscape"]
MOVIEPY = r"""
import json, sys
from moviepy import CompositeVideoClip, ImageClip, vfx
plan = json.load(open("plan.json"))
fade, fps, width, height = plan["fade"], plan["fps"], plan["width"], plan["height"]
layers, start = [], 0.0
for index, scene in enumerate(plan["scenes"]):
    seconds = scene["frames"] / fps + (fade if index < len(plan["scenes"]) - 1 else 0)
    ground = ImageClip(scene["background"], duration=seconds)
    ground = ground.resized(lambda t, s=seconds: 1 + 0.045 * t / s).with_position("center")
    words = ImageClip(scene["words"], duration=seconds).with_position((scene["x"], scene["y"]))
    words = words.with_effects([vfx.CrossFadeIn(0.5)])
    clip = CompositeVideoClip([ground, words], size=(width, height)).with_start(start)
    layers.append(clip.with_effects([vfx.CrossFadeIn(fade)]) if index else clip)
    start += scene["frames"] / fps
for name, begin, end in plan["captions"]:
    caption = ImageClip(name, duration=(end - begin) / fps).with_start(begin / fps)
    layers.append(caption.with_position((plan["strip_x"], plan["strip_y"])))
bar = ImageClip("bar.png", duration=start)
layers.append(bar.with_position(lambda t: (int((t / start - 1) * width), height - bar.h)))
video = CompositeVideoClip(layers, size=(width, height)).with_duration(start)
video.write_videofile("moviepy.mp4", fps=fps, codec="libx264", audio=False, preset="veryfast", threads=4,
                      ffmpeg_params=["-crf", "21"], logger=None)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the rendering of a preview.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--moviepy", metavar="PYTHON", help="an interpreter that has MoviePy 2.2.1")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-video-") as made:
        folder = Path(made)
        python = given.moviepy or environment(folder / "moviepy")
        rows: list[dict[str, Any]] = []
        plan = measured(rows, "drawing", partial(draw, folder, given.seconds))
        measured(rows, "ours", partial(render, folder, plan))
        measured(rows, "moviepy", partial(subprocess.run, [python, "-c", MOVIEPY], cwd=folder, check=True))
        for row, name in zip(rows[1:], ("ours.mp4", "moviepy.mp4"), strict=True):
            row["megabytes"] = round((folder / name).stat().st_size / 1e6, 2)
    share = (rows[0]["cpu"] + rows[1]["cpu"]) / rows[2]["cpu"]
    if given.output == "json":
        print(json.dumps({"seconds": given.seconds, "rows": rows, "cpu_share": round(share, 3)}))
        return
    print(f"{given.seconds:g} s, {FRAME.width}x{FRAME.height}, {len(os.sched_getaffinity(0))} cores")
    for row in rows:
        print(f"{row['name']:8} {row['wall']:7.1f} s wall {row['cpu']:7.1f} s CPU, load {row['load']:.1f}")
    print(f"drawing and ours take {share:.0%} of MoviePy's CPU")


def measured(rows: list[dict[str, Any]], name: str, work: Callable[[], Any]) -> Any:
    load, before, began = os.getloadavg()[0], cpu(), time.perf_counter()
    made = work()
    wall = time.perf_counter() - began
    rows.append({"name": name, "wall": round(wall, 2), "cpu": round(cpu() - before, 2), "load": load})
    return made


def cpu() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def draw(folder: Path, seconds: float) -> graph.VideoParts:
    palette = palette_for(TOPIC)
    art = Artwork(folder, FRAME, palette, Fonts())
    scenes = timing.silent(outline(TOPIC, seconds, "en").scenes, seconds)
    parts = [art.scene(index, scene, None) for index, scene in enumerate(scenes)]
    cues = captions.cues(scenes, line=line_length(FRAME))
    frames = sum(part.frames for part in parts)
    for step in art.captions(cues, frames):
        step()
    strip = strip_of(FRAME)
    plan = graph.VideoParts(
        frame=FRAME, scenes=parts, captions=CAPTIONS_LIST, strip=strip, bar=art.bar(), sound=None,
        sound_filter="",
    )  # fmt: skip
    shown = states(cues, frames)
    ends = [*(state.frame for state in shown[1:]), frames]
    listed = [
        (f"c{state.frame}.png", state.frame, end)
        for state, end in zip(shown, ends, strict=True)
        if state.cue is not None
    ]
    (folder / "plan.json").write_text(
        json.dumps(
            {
                "fade": graph.FADE_FRAMES / timing.FPS, "fps": timing.FPS, "width": FRAME.width,
                "height": FRAME.height, "strip_x": strip.x, "strip_y": strip.y, "captions": listed,
                "scenes": [
                    {"background": p.background, "words": p.words, "x": p.x, "y": p.y, "frames": p.frames}
                    for p in parts
                ],
            }
        )
    )  # fmt: skip
    return plan


def render(folder: Path, plan: graph.VideoParts) -> None:
    (folder / "graph").write_text(graph.graph(plan))
    anyio.run(ffmpeg.run, graph.arguments(plan, "graph", "ours.mp4"), folder)


def environment(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "moviepy==2.2.1"], check=True)
    return str(python)


if __name__ == "__main__":
    main()
