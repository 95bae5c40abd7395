"""What tests of videos share: an engine that paints at once, a voice that hums, a look at a file."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from alya_mcp.errors import Unavailable
from alya_mcp.images.engine import EngineStatus, Job, JobProgress, OnProgress, Picture
from alya_mcp.tools.youtube.video.ffmpeg import executable

HUM = """
import math, sys, wave
words = sys.stdin.read().split()
with wave.open(sys.argv[1], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(16000)
    wave_form = (int(9000 * math.sin(n / 9) * math.sin(n / 900)) for n in range(4000 * len(words)))
    file.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in wave_form))
"""


class Painter:
    """An image engine that paints one colour; the pictures whose numbers are in `fails` fail."""

    def __init__(self, model: str = "FLUX.1-schnell", fails: Sequence[int] = ()) -> None:
        self.model = model
        self.fails = set(fails)
        self.jobs: list[Job] = []

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        self.jobs.append(job)
        await progress(JobProgress(phase="denoise", done=1, total=2, message="painting"))
        if len(self.jobs) - 1 in self.fails:
            raise Unavailable("the painter has no paint")
        colour = bytes((job.seed % 200, 120, 90))
        return Picture(
            pixels=colour * (job.width * job.height), width=job.width, height=job.height, seed=job.seed,
            steps=job.steps, model=self.model, notice=None, timings={},
        )  # fmt: skip

    async def status(self) -> EngineStatus:
        return EngineStatus(state="idle")

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def humming(folder: Path) -> str:
    """The command of a voice that hums a quarter of a second for each word."""
    program = folder / "hum.py"
    program.write_text(HUM)
    return f"{sys.executable} {program} {{file}}"


def looked_at(video: Path) -> str:
    """What ffmpeg says of the file's streams."""
    ended = subprocess.run([executable(), "-hide_banner", "-i", video], capture_output=True, text=True)
    return ended.stderr


def loudness(video: Path) -> float:
    """The integrated loudness in LUFS."""
    command = [
        executable(),
        "-hide_banner",
        "-i",
        video,
        "-vn",
        "-af",
        "ebur128=framelog=quiet",
        "-f",
        "null",
    ]
    ended = subprocess.run([*command, "-"], capture_output=True, text=True, check=True)
    return float(re.findall(r"I:\s+(-?[0-9.]+) LUFS", ended.stderr)[-1])


def boxes(video: Path) -> list[str]:
    """The names of an MP4 file's outer boxes, in order."""
    data = video.read_bytes()
    names: list[str] = []
    at = 0
    while at < len(data):
        names.append(data[at + 4 : at + 8].decode("latin-1"))
        at += int.from_bytes(data[at : at + 4], "big") or len(data)
    return names
