"""The measurements: a real worker, pictures from prompt to URL."""

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from alya_mcp.child import command
from alya_mcp.failures import Failure
from alya_mcp.images.encode import encode_with_preview
from alya_mcp.images.engine import EngineStatus, Job, Step
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings
from alya_mcp.stores import Store, Upload, image_key, open_store

PHASES: Final = ("queue", "encode", "denoise", "decode", "receive", "file", "store")
"""Of a picture's way: `receive` is what lies between the worker's last pixel and the caller, `file` the PNG,
`store` the upload and the signed URL.
"""
QUEUED: Final = 8
_CANCELS: Final = 3
_PATIENCE: Final = 300.0
_POLL: Final = 0.01
_UNSETTLED: Final = ("compiled when idle", "compiling")
"""How the plan's words end while compiled parts are still to come."""

Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was seen of one precision; times in milliseconds, medians where there are several.

    `phases` and `total` (prompt to URL) are those of a picture asked for alone, `link` is another link to it
    and `eager` the total before compiled parts were in use. `first` is a worker's start to its first URL and
    `ready` to compiled parts in use; `again` and `again_ready` are the same for a second start, None when
    there was none. `queued` is one of QUEUED pictures asked for at once, `cancel` from the wish to a free
    device. `peak` and `resident` are the most GPU memory that tensors took, and the worker's main memory, in
    bytes.
    """

    precision: str
    model: str = ""
    plan: str = ""
    phases: dict[str, float] = field(default_factory=dict[str, float])
    total: float = 0.0
    link: float = 0.0
    eager: float = 0.0
    first: float = 0.0
    ready: float = 0.0
    again: float | None = None
    again_ready: float | None = None
    queued: float = 0.0
    cancel: float = 0.0
    peak: int | None = None
    resident: int | None = None

    @property
    def queue_share(self) -> float:
        """The rate of queued pictures, as a share of what denoising alone would allow."""
        return self.phases["denoise"] / self.queued


async def measure(settings: Settings, count: int, say: Say, *, restart: bool) -> Measured:
    """Measure the model and precision of `settings` with `count` pictures, and a second start if asked to.

    The worker's home is that of `settings`; what is compiled stays in it for the next measurement.
    """
    result = Measured(precision=settings.image_precision)
    async with _started(settings) as (engine, store):
        say("first start")
        began = time.monotonic()
        await _picture(engine, store, 0)
        result.first = _since(began)
        eager = [(await _picture(engine, store, seed))["total"] for seed in range(1, 4)]
        result.eager = statistics.median(eager)
        say("compiling beside the drawing")
        await _settled(engine)
        result.ready = _since(began)
        say(f"{count} pictures, one after the other")
        await _picture(engine, store, 4)
        drawn = [await _picture(engine, store, seed) for seed in range(10, 10 + count)]
        result.total = statistics.median(each["total"] for each in drawn)
        result.link = statistics.median(each["link"] for each in drawn)
        result.phases = {
            phase: round(statistics.median(each[phase] for each in drawn), 1) for phase in PHASES
        }
        say(f"{QUEUED} pictures at once")
        began = time.monotonic()
        await asyncio.gather(*(_picture(engine, store, 100 + number) for number in range(QUEUED)))
        result.queued = _since(began) / QUEUED
        say("cancelling")
        result.cancel = statistics.median([await _cancel(engine, 200 + n) for n in range(_CANCELS)])
        status = await engine.status()
        result.model, result.plan = status.model or "", status.plan or ""
        memory = status.memory or {}
        result.peak, result.resident = memory.get("gpu_peak"), memory.get("resident")
    if restart:
        say("second start: the compiler's cache is there")
        began = time.monotonic()
        async with _started(settings) as (engine, store):
            await _picture(engine, store, 300)
            result.again = _since(began)
            await _settled(engine)
            result.again_ready = _since(began)
    return result


def baseline(model: str, count: int) -> dict[str, Any]:
    """Plain diffusers with the same model, in a process of its own.

    Raises:
        Failure: when it can't draw.
    """
    child = subprocess.run(  # noqa: S603 - our own interpreter and code
        [*command("alya_mcp.images.bench.baseline"), model, str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        reason = child.stderr.strip().rpartition("\n")[2][:300]
        raise Failure(f"Plain diffusers can't draw with this model here: {reason}")
    return json.loads(child.stdout.strip().rpartition("\n")[2])


@asynccontextmanager
async def _started(settings: Settings) -> AsyncGenerator[tuple[LocalEngine, Store]]:
    engine, store = LocalEngine(settings), open_store(settings)
    try:
        yield engine, store
    finally:
        pid = (await engine.status()).pid
        await engine.aclose()
        await store.aclose()
        await _gone(engine, pid)


async def _picture(engine: LocalEngine, store: Store, seed: int) -> dict[str, float]:
    """Milliseconds of each phase from prompt to URL."""
    began = time.monotonic()
    job = Job(prompt=f"a red circle on a blue background {seed}", seed=seed, steps=4)
    picture = await engine.render(job, _unheard)
    drawn = time.monotonic()
    file, _ = await asyncio.to_thread(encode_with_preview, picture, "png", {})
    written = time.monotonic()
    upload = Upload(
        data=file.data,
        key=image_key(file.sha256, file.suffix, datetime.now(UTC).date()),
        content_type=file.content_type,
        filename=f"bench-{seed}.png",
    )
    stored = await store.put(upload, expires_in=600)
    timings = {**picture.timings, "store": _since(written), "total": _since(began)}
    linking = time.monotonic()
    await store.link(stored.key, size=len(file.data), filename=upload.filename, expires_in=600)
    known = sum(
        timings[phase] for phase in ("queue", "load", "encode", "denoise", "decode") if phase in timings
    )
    return {
        **timings,
        "receive": 1000 * (drawn - began) - known,
        "file": 1000 * (written - drawn),
        "link": _since(linking),
    }


async def _cancel(engine: LocalEngine, seed: int) -> float:
    """Milliseconds from the wish to cancel a picture in the middle of its steps until the device is free."""
    halfway = asyncio.Event()

    async def heard(step: Step) -> None:
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


async def _settled(engine: LocalEngine) -> EngineStatus:
    """Wait until nothing is being compiled any more."""
    began = time.monotonic()
    while True:
        status = await engine.status()
        plan = status.plan or ""
        if not plan.endswith(_UNSETTLED):
            return status
        if time.monotonic() - began > _PATIENCE:
            raise Failure(f"Nothing was ready within {_PATIENCE:.0f} s; the plan was: {plan}")
        await asyncio.sleep(0.1)


async def _gone(engine: LocalEngine, pid: int | None) -> None:
    while pid is not None and (await engine.status()).pid == pid:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.1)


async def _unheard(step: Step) -> None:
    del step


def _since(began: float) -> float:
    return round(1000 * (time.monotonic() - began), 1)
