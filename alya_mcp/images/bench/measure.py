"""The measurements: a real worker, pictures from prompt to URL."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Job, JobProgress
from alya_mcp.images.environment.packages import image_command
from alya_mcp.images.file_process import make_file
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.models import steps_of
from alya_mcp.runtime.frozen import for_other_programs
from alya_mcp.settings import Settings
from alya_mcp.storage import open_store
from alya_mcp.storage.store import Store, Upload, image_key

PHASES: Final = ("queue", "encode", "denoise", "decode", "receive", "file", "upload", "presign")
"""Of a picture's way: `receive` is what lies between the worker's last pixel and the caller, `file` the PNG,
`presign` the signed URL.
"""
DRAWING: Final = ("encode", "denoise", "decode")
"""The phases in which the device is at work."""
QUEUED: Final = 8
_CANCELS: Final = 3
_PATIENCE: Final = 180.0
"""Seconds that compiling may take; without it the rest is measured as it is."""
_LEAVING: Final = 30.0
"""Seconds that a worker without clients may take to end."""
_POLL: Final = 0.01
_PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYGAAAAAEAAHI6uv5AAAAAElFTkSuQmCC"
)
"""A PNG file of one black pixel."""
_UNSETTLED: Final = ("compiled when idle", "compiling")
"""How the plan's words end while compiled parts are still to come."""
_COMPILED: Final = ", compiled"
"""How they end when compiled parts draw."""

MeasurePart = Callable[[str], AbstractContextManager[None]]
"""Names what is measured in its body, and notes the body's failure instead of raising it."""


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was seen of one precision; times in milliseconds, medians where there are several.

    None and empty is what wasn't measured or isn't there; `errors` say what failed and why.

    `phases` and `total` (prompt to URL) are those of a picture asked for alone, `link` is another link to it
    and `eager` the total before compiled parts were in use. `first` is a worker's start to its first URL and
    `ready` to compiled parts in use; `again` and `again_ready` are the same for a second start. `queued` is
    one of QUEUED pictures asked for at once, `cancel` from the wish to a free device. `peak` is the most GPU
    memory that tensors took in all, `peaks` in the phases of a picture, `resident` the worker's main memory,
    in bytes.
    """

    precision: str
    model: str = ""
    plan: str = ""
    store: str = ""
    phases: dict[str, float] = field(default_factory=dict[str, float])
    total: float | None = None
    link: float | None = None
    eager: float | None = None
    first: float | None = None
    ready: float | None = None
    again: float | None = None
    again_ready: float | None = None
    queued: float | None = None
    cancel: float | None = None
    peak: int | None = None
    peaks: dict[str, int] = field(default_factory=dict[str, int])
    resident: int | None = None
    errors: list[str] = field(default_factory=list[str])

    @property
    def drawing(self) -> float | None:
        """Milliseconds of a picture in which the device is at work."""
        return round(sum(self.phases[phase] for phase in DRAWING), 1) if self.phases else None

    @property
    def queue_share(self) -> float | None:
        """The rate of queued pictures, as a share of what denoising alone would allow."""
        return self._share(self.phases.get("denoise"))

    @property
    def busy_share(self) -> float | None:
        """The rate of queued pictures, as a share of what the device allows that also reads and decodes."""
        return self._share(self.drawing)

    def _share(self, least: float | None) -> float | None:
        return None if least is None or self.queued is None else round(least / self.queued, 3)


async def measure(result: Measured, settings: Settings, count: int, part: MeasurePart) -> None:
    """Measure the model and precision of `settings` with `count` pictures, and fill `result` as it goes.

    The worker's home is that of `settings`; what is compiled stays in it for the next measurement.
    """
    async with _started(settings) as studio:
        result.store = studio.store.name
        began = time.monotonic()
        with part("first start"):
            await _picture(studio, 0)
            result.first = _since(began)
            await _look(studio.engine, result)
        if result.errors:
            return
        with part("before compiling"):
            eager = [(await _picture(studio, seed))["total"] for seed in range(1, 4)]
            result.eager = statistics.median(eager)
        with part("compiling beside the drawing"):
            if await _compiled(studio.engine):
                result.ready = _since(began)
        worker = await _look(studio.engine, result)
        with part(f"{count} pictures, one after the other"):
            await _one_by_one(studio, count, result)
        with part(f"{QUEUED} pictures at once"):
            began = time.monotonic()
            await _at_once(studio)
            result.queued = _since(began) / QUEUED
        with part("cancelling"):
            result.cancel = statistics.median(
                [await _cancel(studio.engine, 200 + n) for n in range(_CANCELS)]
            )
        with part("the worker's memory"):
            if await _look(studio.engine, result) != worker:
                raise Failure("The worker was lost on the way, and a fresh one drew some of the pictures")


async def measure_second_start(result: Measured, settings: Settings, part: MeasurePart) -> None:
    """Measure what a later start takes, with what `measure` left in the home of `settings`."""
    async with _started(settings) as studio:
        began = time.monotonic()
        with part("second start, with what the first one compiled"):
            await _picture(studio, 300)
            result.again = _since(began)
            if await _compiled(studio.engine):
                result.again_ready = _since(began)


async def try_store(settings: Settings) -> None:
    """Store a picture of one pixel.

    Raises:
        Failure: with why pictures can't be stored.
    """
    store = open_store(settings)
    try:
        await store.put(
            _upload(_PIXEL, hashlib.sha256(_PIXEL).hexdigest(), "png", "image/png", 0), expires_in=60
        )
    finally:
        await store.aclose()


def baseline(model: str, count: int) -> tuple[dict[str, Any], str | None]:
    """Plain diffusers with the same model, in a process of its own; what was found, and what went wrong.

    `torch`, `rates` and `work` are found also where the model is too large to draw with, and alone when
    `count` is 0.
    """
    child = subprocess.run(  # noqa: S603 - our own interpreter and code
        image_command("alya_mcp.images.bench.baseline", model, str(count)),
        capture_output=True,
        text=True,
        check=False,
        env=for_other_programs(os.environ),
    )
    found: dict[str, Any] = {}
    for line in child.stdout.splitlines():
        with contextlib.suppress(ValueError):  # a line that was cut, or a library's
            found |= json.loads(line)
    if child.returncode == 0:
        return found, None
    said = child.stderr.strip().rpartition("\n")[2][:300]
    killed = "it was killed, by the system if main memory ended"
    why = killed if child.returncode < 0 else said or f"exit status {child.returncode}"
    return found, f"plain diffusers can't draw with this model here: {why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Studio:
    """What is measured: the engine, the store, and how many steps a picture takes."""

    engine: LocalEngine
    store: Store
    steps: int


@asynccontextmanager
async def _started(settings: Settings) -> AsyncGenerator[_Studio]:
    engine, store = LocalEngine(settings), open_store(settings)
    try:
        yield _Studio(engine=engine, store=store, steps=steps_of(settings.image_model))
    finally:
        pid = (await engine.status()).pid
        await engine.aclose()
        await store.aclose()
        await _gone(engine, pid)


async def _look(engine: LocalEngine, result: Measured) -> int | None:
    """Note how the model is run and its memory; the worker's process."""
    status = await engine.status()
    result.model, result.plan = status.model or "", status.plan or ""
    memory = status.memory or {}
    result.peak, result.resident = memory.get("gpu_peak"), memory.get("resident")
    return status.pid


async def _one_by_one(studio: _Studio, count: int, result: Measured) -> None:
    drawn: list[dict[str, float]] = []
    await _picture(studio, 4)
    try:
        for seed in range(10, 10 + count):
            drawn.append(await _picture(studio, seed, result.peaks))  # noqa: PERF401 - see `finally`
    finally:
        if drawn:
            result.total = statistics.median(each["total"] for each in drawn)
            result.link = statistics.median(each["link"] for each in drawn)
            result.phases = {
                phase: round(statistics.median(each[phase] for each in drawn), 1) for phase in PHASES
            }


async def _at_once(studio: _Studio) -> None:
    pictures = (_picture(studio, 100 + number) for number in range(QUEUED))
    for each in await asyncio.gather(*pictures, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each


async def _picture(studio: _Studio, seed: int, peaks: dict[str, int] | None = None) -> dict[str, float]:
    """Milliseconds of each phase from prompt to URL; `peaks` is raised to the most memory of each."""
    engine, store = studio.engine, studio.store
    began = time.monotonic()
    job = Job(prompt=f"a red circle on a blue background {seed}", seed=seed, steps=studio.steps)
    picture = await engine.render(job, _unheard)
    drawn = time.monotonic()
    if peaks is not None:
        peaks |= {phase: max(most, peaks.get(phase, 0)) for phase, most in picture.peaks.items()}
    file, _ = await asyncio.to_thread(make_file, picture, "png", {}, engine.home)
    written = time.monotonic()
    upload = _upload(file.data, file.sha256, file.suffix, file.content_type, seed)
    stored = await store.put(upload, expires_in=600)
    timings = {
        **picture.timings,
        "file": 1000 * (written - drawn),
        "upload": _since(written) - stored.signing,
        "presign": stored.signing,
        "total": _since(began),
    }
    linking = time.monotonic()
    await store.link(stored.key, size=len(file.data), filename=upload.filename, expires_in=600)
    known = sum(picture.timings.get(phase, 0.0) for phase in ("queue", "load", *DRAWING))
    return {**timings, "receive": 1000 * (drawn - began) - known, "link": _since(linking)}


def _upload(data: bytes, sha256: str, suffix: str, content_type: str, seed: int) -> Upload:
    key = image_key(sha256, suffix, datetime.now(UTC).date())
    return Upload(data=data, key=key, content_type=content_type, filename=f"bench-{seed}.png")


async def _cancel(engine: LocalEngine, seed: int) -> float:
    """Milliseconds from the wish to cancel a picture in the middle of its steps until the device is free."""
    halfway = asyncio.Event()

    async def heard(step: JobProgress) -> None:
        if step.phase == "denoise" and step.message.startswith("Step"):
            halfway.set()

    drawing = asyncio.create_task(engine.render(Job(prompt="to be cancelled", seed=seed, steps=8), heard))
    waiting = asyncio.create_task(halfway.wait())
    await asyncio.wait({drawing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not halfway.is_set():
        await drawing
        raise Failure("The picture to be cancelled was drawn without a word of its steps")
    began = time.monotonic()
    drawing.cancel()
    await asyncio.wait({drawing})
    while (await engine.status()).state == "busy":  # noqa: ASYNC110 - another process can only be asked
        await asyncio.sleep(_POLL)
    return _since(began)


async def _compiled(engine: LocalEngine, patience: float = _PATIENCE) -> bool:
    """Wait until nothing is being compiled any more; whether compiled parts draw then."""
    began = time.monotonic()
    while True:
        plan = (await engine.status()).plan or ""
        if not plan.endswith(_UNSETTLED):
            return plan.endswith(_COMPILED)
        if time.monotonic() - began > patience:
            raise Failure(f"Nothing was ready within {patience:.0f} s; the plan was: {plan}")
        await asyncio.sleep(0.1)


async def _gone(engine: LocalEngine, pid: int | None) -> None:
    """Wait for the worker's end, so that the next one has the device for itself."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVING):
            while pid is not None and (await engine.status()).pid == pid:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)


async def _unheard(step: JobProgress) -> None:
    del step


def _since(began: float) -> float:
    return round(1000 * (time.monotonic() - began), 1)
