"""The real image worker with a renderer that can be held in each phase; one needs no torch and draws at once.

A renderer says where it is by a file `at-PHASE` in STAGE_FOLDER, and stays there while there is `hold-PHASE`,
deaf to cancellation as a matrix product is; what it does ahead is the phase `tend`. STAGE_RENDERER is
`plain`, `flux` or `broken`, which fails to be made; STAGE_VERSION is the version that the worker says it has,
STAGE_GRACE the seconds that a picture has to stop in after its deadline, STAGE_UNREAD the bytes that a
client may leave unread, STAGE_ALIVE the seconds between two signs of life.
"""

import hashlib
import os
import signal
import time
from pathlib import Path

from alya_mcp import __version__
from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.renderer import (
    DeviceLost,
    Renderer,
    RendererStatus,
    RenderPhase,
    RenderRequest,
    ReportProgress,
)
from alya_mcp.images.worker import client, scheduler
from alya_mcp.images.worker import main as process

HEAVY = 300_000_000


def _first_time(what: str) -> bool:
    mark = Path(os.environ["STAGE_FOLDER"]) / what
    if mark.exists():
        return False
    mark.touch()
    return True


def _gpu() -> dict[str, int]:
    """What the file `gpu` says of the memory of a pretended GPU: its free bytes, of 24 GB."""
    told = Path(os.environ["STAGE_FOLDER"]) / "gpu"
    if not told.exists():
        return {}
    return {"gpu_free": int(told.read_text()), "gpu_total": 24_000_000_000, "gpu_reserved": 20_000_000_000}


class Plain:
    """Draws stripes that depend on prompt and seed; some prompts make it fail."""

    def __init__(self) -> None:
        self._model: str | None = None
        self._weights = bytearray()

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        if self._model != request.model:
            report("load", 0.0, 1.0, f"Loading {request.model}")
            self._model = request.model
            self._weights = bytearray(b"w" * HEAVY if request.model == "heavy" else b"")

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        self.prepare(request, report)
        report("encode", 0.0, 1.0, "Reading the prompt")
        match job.prompt:
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "bug":
                raise RuntimeError("a secret in /home/someone")
            case quoted if quoted.startswith("quote "):
                raise RuntimeError(f"can't read {quoted!r} with {os.environ['HF_TOKEN']}")
            case "lost":
                raise DeviceLost("the GPU is gone; call again")
            case "lost once" if _first_time("lost-once"):
                raise DeviceLost("the GPU is gone; call again")
            case "unconfigured":
                raise NotConfigured("set something up first")
            case _:
                pass
        for step in range(job.steps):
            report("denoise", step / job.steps, (step + 1) / job.steps, f"Step {step}")
        report("decode", 0.0, 1.0, "Turning it into pixels")
        row = hashlib.shake_256(f"{job.prompt}/{job.seed}/{job.steps}".encode()).digest(3 * job.width)
        return Picture(
            pixels=row * job.height,
            width=job.width,
            height=job.height,
            seed=job.seed,
            steps=job.steps,
            model=request.model,
            notice="stripes",
            timings={},
            peaks={"denoise": 5_000_000},
        )

    def tend(self, *, idle: bool) -> bool:
        return False

    def status(self) -> RendererStatus:
        looks = Path(os.environ["STAGE_FOLDER"]) / "temperature"
        return RendererStatus(
            model=self._model,
            device="cpu",
            memory={"gpu_allocated": len(self._weights), **_gpu()},
            plan="stripes, resident",
            temperature=int(looks.read_text()) if looks.exists() else None,
        )


class Staged:
    """A renderer whose reports wait for the test."""

    def __init__(self, inner: Renderer, folder: Path) -> None:
        self._inner = inner
        self._folder = folder

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        self._inner.prepare(request, self._held(report))

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        return self._inner.render(request, job, self._held(report))

    def tend(self, *, idle: bool) -> bool:
        self._stay("tend")
        return False

    def status(self) -> RendererStatus:
        return self._inner.status()

    def _held(self, report: ReportProgress) -> ReportProgress:
        def held(phase: RenderPhase, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
            report(phase, at, until, message, preview)
            self._stay(phase)

        return held

    def _stay(self, phase: str) -> None:
        (self._folder / f"at-{phase}").touch()
        while (self._folder / f"hold-{phase}").exists():
            time.sleep(0.005)


def create() -> Renderer:
    if os.environ["STAGE_RENDERER"] == "broken":
        raise ImportError("no renderer at /home/someone")
    if os.environ["STAGE_RENDERER"] == "plain":
        inner: Renderer = Plain()
    else:
        from alya_mcp.images.flux.renderer import FluxRenderer

        inner = FluxRenderer()
    return Staged(inner, Path(os.environ["STAGE_FOLDER"]))


if __name__ == "__main__":
    scheduler.GRACE = float(os.environ.get("STAGE_GRACE", scheduler.GRACE))
    client.MAX_UNREAD = int(os.environ.get("STAGE_UNREAD", client.MAX_UNREAD))
    process.ALIVE = float(os.environ.get("STAGE_ALIVE", process.ALIVE))
    process.main(create, os.environ.get("STAGE_VERSION", __version__))
