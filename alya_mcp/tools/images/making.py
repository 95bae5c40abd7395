"""Makes one picture, from its job to the store."""

import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import anyio

from alya_mcp import __version__
from alya_mcp.toolkit.tool import Progress
from alya_mcp.tools.images.drawings import Drawn
from alya_mcp.tools.images.request import FileFormat

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job, JobProgress, OnProgress, Picture
    from alya_mcp.storage.store import Store
    from alya_mcp.toolkit.services import Hub

TOTAL: Final = 100.0
ASKED: Final = 1.0
"""Progress at which the engine is asked, as a share of the total."""
RENDERED: Final = 90.0
"""Progress at which the pixels are done."""
_ENCODED: Final = 95.0
_HEARTBEAT: Final = 1.5


Render = Callable[["Job", "OnProgress"], Coroutine[Any, Any, "Picture"]]


async def draw(
    job: "Job", render: Render, store: "Store", progress: Progress, begun: Callable[[], None],
    preview: Callable[[bytes], None],
) -> "Picture":  # fmt: skip
    """Have `render` draw `job`; `begun` is called, maybe repeatedly, once its drawing has started.

    `preview` is called with each new preview, a small JPEG of the unfinished picture.
    """

    async def rendering(step: "JobProgress") -> None:
        if step.phase not in {"start", "queue"}:
            begun()
        if step.preview:
            preview(step.preview)
        done = ASKED + (RENDERED - ASKED) * step.done / step.total
        await progress(done, TOTAL, step.message)

    async with _beside(partial(_prepare, store)):
        return await render(job, rendering)


async def keep(
    picture: "Picture",
    job: "Job",
    hub: "Hub",
    progress: Progress,
    *,
    file_format: FileFormat,
    expires_in: int,
) -> Drawn:
    """Encode `picture`, the result of `job`, and store the file."""
    from alya_mcp.images.file_process import make_file
    from alya_mcp.storage.store import Upload, image_key
    from alya_mcp.tools.images.repeat_index import Known

    started = time.perf_counter()
    await progress(RENDERED + 1, TOTAL, f"writing the {file_format} file")
    provenance = {
        "model": picture.model,
        "seed": str(picture.seed),
        "steps": str(picture.steps),
        "software": f"alya-mcp {__version__}",
        "prompt-digest": f"sha256:{sha256(job.prompt.encode()).hexdigest()}",
    }
    if job.references:
        provenance["parents"] = " ".join(each.parent for each in job.references)
    file, small = await anyio.to_thread.run_sync(
        make_file, picture, file_format, provenance, hub.settings.home
    )
    timings = {**picture.timings, "file": milliseconds(started)}

    started = time.perf_counter()
    upload = Upload(
        data=file.data,
        key=image_key(file.sha256, file.suffix, datetime.now(UTC).date()),
        content_type=file.content_type,
        filename=filename_of(picture.seed, file.suffix),
    )
    storing = f"storing the picture ({hub.store.name})"
    async with heartbeat(progress, storing, _ENCODED, TOTAL):
        stored = await hub.store.put(upload, expires_in=expires_in)
    known = Known(
        key=stored.key,
        sha256=file.sha256,
        size=len(file.data),
        content_type=file.content_type,
        width=picture.width,
        height=picture.height,
        model=picture.model,
        notice=picture.notice,
        preview=small,
    )
    presign = round(stored.signing, 1)
    upload_took = round(milliseconds(started) - presign, 1)
    timings |= {"upload": upload_took, "presign": presign}
    return Drawn(job=job, known=known, stored=stored, timings=timings)


def filename_of(seed: int, suffix: str) -> str:
    """The file name under which a browser saves the picture."""
    return f"alya-{seed}.{suffix}"


def milliseconds(since: float) -> float:
    """Milliseconds since a moment of `time.perf_counter`."""
    return round((time.perf_counter() - since) * 1000, 1)


@asynccontextmanager
async def heartbeat(progress: Progress, message: str, begin: float, end: float) -> AsyncGenerator[None]:
    """Report progress that slowly grows from `begin` towards `end` while the body runs."""

    async def beat() -> None:
        done = begin
        while True:
            await progress(done, TOTAL, message)
            done += (end - done) / 4
            await anyio.sleep(_HEARTBEAT)

    async with _beside(beat):
        yield


async def _prepare(store: "Store") -> None:
    """Import and connect ahead of time what encoding and storing need."""
    from alya_mcp.images.encode import load

    try:
        await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
    except ModuleNotFoundError:
        pass  # reported when the file is written
    await store.prepare()


@asynccontextmanager
async def _beside(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Run `work` concurrently with the body, and cancel it at the end of the body."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - re-raised below, outside the group that would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
