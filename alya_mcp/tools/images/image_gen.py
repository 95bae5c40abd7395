"""The image tool: a prompt in, a picture in a store out."""

import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import anyio
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp import __version__
from alya_mcp.errors import Failure, InvalidInput, Unavailable
from alya_mcp.toolkit.tool import Context, Image, Input, Link, Output, Progress, Reply, tool
from alya_mcp.tools.images.drawings import Drawing, Drawings, Drawn, FileFormat

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job, JobProgress
    from alya_mcp.storage.store import Store, Stored
    from alya_mcp.toolkit.services import Hub
    from alya_mcp.tools.images.repeat_index import Known, RepeatIndex, RepeatKey

_TOTAL = 100.0
_ASKED = 1.0
_RENDERED = 90.0
_ENCODED = 95.0
_HEARTBEAT = 1.5
_WAIT = 25
_LONGEST_WAIT = 600
_STILL = (
    "The picture is still being drawn. Call image_gen again with the same prompt and job={job!r} to get it; "
    "it is kept for ten minutes"
)
_ANEW = "Drawn anew: the server that began that job has ended, and its drawing with it"
_REPEATED = "Not drawn again: an earlier call with this prompt and seed drew it; the URL is fresh"

logger = logging.getLogger(__name__)

Aspect = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"]
SIZES: Final[Mapping[Aspect, tuple[int, int]]] = {
    "1:1": (1024, 1024), "16:9": (1280, 720), "9:16": (720, 1280), "4:3": (1152, 864), "3:4": (864, 1152),
    "3:2": (1248, 832), "2:3": (832, 1248), "21:9": (1568, 672),
}  # fmt: skip
"""Width and height in pixels: exact ratios of multiples of 16."""


class ImageRequest(Input):
    """What to draw and how to deliver it."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="What the picture shows, in plain words. FLUX.1-schnell reads the first 256 tokens."
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = Field(
        None,
        description="Start of the noise: same seed, prompt and steps, same picture. Random when absent.",
    )
    aspect: Aspect = Field("1:1", description="Width to height; about one megapixel.")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None,
        description="Another model, of those that the user enabled, such as `flux2-klein-4b` or "
        "`z-image-turbo`; the user's default when absent.",
    )
    steps: int = Field(
        4, ge=1, le=8, description="Denoising steps; models are made for 4, `z-image-turbo` for 8."
    )
    format: FileFormat = Field("png", description="File format of the picture.")
    expires_in: int = Field(
        3600, ge=60, le=604_800, description="Seconds for which the URL opens; 7 days at most."
    )
    wait: int = Field(
        _WAIT,
        ge=1,
        le=_LONGEST_WAIT,
        description="Seconds after which the call answers, done or not.",
    )
    job: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None,
        description="Gets the picture of an earlier answer with state `drawing`, free; give its prompt.",
    )


class ImageAnswer(Output):
    """Where the picture is and how it was made."""

    state: Literal["done", "drawing"] = Field(
        description="`done`, or `drawing` when the wait was over first: the fields of the file are null then."
    )
    job: str | None = Field(description="Pass it as `job` to get the picture; only while it is drawn.")
    remaining_sec: float | None = Field(
        description="Seconds that the drawing may still take, where that can be told."
    )
    url: str | None = Field(description="Opens the picture until expiresAt, for anyone who has it.")
    expires_at: AwareDatetime | None = Field(description="When the URL stops opening (UTC).")
    width: int = Field(description="Width in pixels.")
    height: int = Field(description="Height in pixels.")
    format: FileFormat = Field(description="File format of the picture.")
    bytes: int | None = Field(description="Size of the file in bytes.")
    sha256: str | None = Field(description="SHA-256 of the file, in hex.")
    seed: int = Field(description="Seed that was used; pass it to draw the same picture again.")
    steps: int = Field(description="Denoising steps that were used.")
    model: str | None = Field(description="Model that drew the picture.")
    repeated: bool = Field(
        description="True when an earlier call with the same prompt, seed, steps and format drew the picture."
    )
    notice: str | None = Field(
        description="What to know of the picture, such as that it is not by FLUX.1-schnell."
    )
    key: str | None = Field(description="Name of the picture in the store.")
    file: str | None = Field(description="Path of the picture on this machine; only with the local store.")
    timings: dict[str, float] = Field(description="Milliseconds spent in each phase.")


def _collects(arguments: ImageRequest, hub: "Hub", grant: str) -> str | None:
    drawings = hub.kept(Drawings, Drawings)
    if arguments.job is not None:
        drawing = drawings.get(grant, arguments.job, arguments.prompt)
    else:
        drawing = drawings.undelivered(grant, _request(arguments))
        if drawing is not None and drawing.expires_in != arguments.expires_in:
            return None
    return drawing.policy if drawing is not None and drawing.paid else None


@tool(
    title="Generate an image",
    category="Read",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=False,  # this machine's GPU and the one store that the user configured
    page="picture.html",
    collects=_collects,
)
async def image_gen(arguments: ImageRequest, context: Context) -> Reply[ImageAnswer]:
    """Draw one image, 1024x1024 or another `aspect`, from a prompt with FLUX.1-schnell on this machine's GPU.

    Use it when someone asks for a new picture, illustration or drawing. It makes one image a call; call it
    again with another seed for a variation. It can't edit or extend an existing picture, and it renders
    lettering poorly.

    Uploads the image to the configured S3 bucket (or keeps it on this machine) and returns a link that opens
    until `expiresAt`: show the user the link, and pass on `notice`. The same prompt, model, seed, steps and
    format get the picture drawn before, with a fresh URL; `repeated` says so. Without a GPU that can hold
    FLUX.1-schnell a small bundled model draws simple shapes and scenes instead; `model` and `notice` say so.
    Takes from under a second (warm GPU) to about half a minute. When `wait` is over first, `state` is
    `drawing`: call again with that `job` to get the picture. `alya_status` tells whether the engine is ready.
    """
    from alya_mcp.images.engine import Job
    from alya_mcp.tools.images.choice import chosen_model
    from alya_mcp.tools.images.repeats import question_of

    if not arguments.prompt.strip():
        raise InvalidInput("prompt holds only blanks; it takes words that say what the picture shows")
    drawings = context.hub.kept(Drawings, Drawings)
    earlier = None
    if arguments.job is not None:
        earlier = drawings.get(context.grant, arguments.job, arguments.prompt)
    if earlier is not None:
        asks_the_same = (_request(arguments), arguments.expires_in) == (earlier.request, earlier.expires_in)
        if earlier.policy != context.policy and not asks_the_same:  # these alone were judged
            raise InvalidInput(
                "the policy has changed since the picture was begun; give all arguments of the call that "
                "began it, with the job"
            )
        # What the user allowed is what the call that began it asked for.
        asked = arguments.model_copy(update={"expires_in": earlier.expires_in})
        return await _deliver(earlier, drawings, asked, context, earlier=True)
    if arguments.job is not None and arguments.wait == _WAIT:
        # Its server has ended. Where each call has a server, an answer before the picture loses it again.
        arguments = arguments.model_copy(update={"wait": _LONGEST_WAIT})
    model = chosen_model(context.hub.settings, arguments.model)
    request = _request(arguments)
    earlier = drawings.undelivered(context.grant, request)
    if earlier is not None:
        return await _deliver(earlier, drawings, arguments, context, earlier=True)
    if context.collects:
        raise Unavailable("Another call has collected this picture meanwhile; call again to have it drawn")

    began = time.perf_counter()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    width, height = SIZES[arguments.aspect]
    job = Job(
        prompt=arguments.prompt, seed=seed, steps=arguments.steps, width=width, height=height, model=model
    )
    question = await anyio.to_thread.run_sync(
        question_of, context.hub.settings, context.grant, job, arguments.format
    )
    repeat = None if arguments.seed is None else await _again(question, job, arguments, context)
    if repeat is not None:
        drawn = Drawn(known=repeat[0], stored=repeat[1], timings={"repeat": _milliseconds(began)})
        return _reply(drawn, job, arguments.format, repeated=True, remark=_REPEATED)

    async def draw(progress: Progress) -> Drawn:
        drawn = await _draw(job, arguments, context.hub, progress)
        await anyio.to_thread.run_sync(_index(context).remember, question, drawn.known)
        return drawn

    drawing = drawings.begin(
        context.grant, request, job, draw,
        file_format=arguments.format, expires_in=arguments.expires_in, policy=context.policy,
    )  # fmt: skip
    return await _deliver(drawing, drawings, arguments, context, earlier=False)


def _request(arguments: ImageRequest) -> Hashable:
    asked = arguments
    return (asked.prompt, asked.model, asked.seed, asked.aspect, asked.steps, asked.format)


async def _deliver(
    drawing: Drawing, drawings: Drawings, arguments: ImageRequest, context: Context, *, earlier: bool
) -> Reply[ImageAnswer]:
    """The picture when it is done in time, else how to get it; an `earlier` call may have begun it."""
    wait = arguments.wait if context.patience is None else min(arguments.wait, context.patience)
    drawing.waiting.append(context.abandoned)
    try:
        drawn = await drawing.work.wait(context.progress, None if context.defer(wait) else wait)
    except BaseException as error:
        if isinstance(error, anyio.get_cancelled_exc_class()) and context.abandoned():
            drawing.work.left = True
        elif not drawing.work.is_waited_for:
            drawings.drop(drawing)
        raise
    finally:
        drawing.waiting.remove(context.abandoned)
    if drawn is None:
        drawing.work.left = drawing.paid = True
        return Reply(data=_unfinished(drawing))
    if earlier:
        stored = await _link(drawn.known, drawing.job.seed, arguments, context)
        if stored is None:
            drawings.drop(drawing)
            raise Unavailable("The picture was drawn but isn't in the store any more; call again without job")
        drawn = replace(drawn, stored=stored)
    if context.abandoned():
        drawing.work.left = drawing.paid = True  # nobody takes this answer: it is for the next same call
    else:
        drawings.drop(drawing)
    anew = arguments.job not in {None, drawing.id}
    return _reply(drawn, drawing.job, drawing.format, remark=_ANEW if anew else None)


async def _again(
    question: "RepeatKey", job: "Job", arguments: ImageRequest, context: Context
) -> "tuple[Known, Stored] | None":
    """The picture that answers `question` already, with a fresh link to it; None when it is to be drawn."""
    from alya_mcp.tools.images.repeats import draws_now

    hub = context.hub
    known = await anyio.to_thread.run_sync(_index(context).find, question)
    if known is None:
        return None
    try:
        async with _heartbeat(context.progress, "looking for the picture in the store", 0, _ASKED):
            if not await draws_now(known.model, job.model, hub.settings, hub.engine):
                return None
            stored = await _link(known, job.seed, arguments, context)
    except Failure as failure:
        logger.warning("the link to a picture drawn before failed, so it is drawn again: %s", failure)
        return None
    if stored is None:
        await anyio.to_thread.run_sync(_index(context).forget, question)
        return None
    return known, stored


async def _link(known: "Known", seed: int, arguments: ImageRequest, context: Context) -> "Stored | None":
    """A fresh link to a stored picture; None when it isn't there any more."""
    suffix = known.key.rpartition(".")[2]
    return await context.hub.store.link(
        known.key, size=known.size, filename=_filename(seed, suffix), expires_in=arguments.expires_in
    )


async def _draw(job: "Job", arguments: ImageRequest, hub: "Hub", progress: Progress) -> Drawn:
    """Draw the picture and store it."""
    from alya_mcp.storage.store import Upload, image_key
    from alya_mcp.tools.images.repeat_index import Known

    async def rendering(step: "JobProgress") -> None:
        done = _ASKED + (_RENDERED - _ASKED) * step.done / step.total
        await progress(done, _TOTAL, step.message)

    async with _beside(partial(_prepare, hub.store)):
        picture = await hub.engine.render(job, rendering)

    started = time.perf_counter()
    await progress(_RENDERED + 1, _TOTAL, f"writing the {arguments.format} file")
    provenance = {
        "model": picture.model,
        "seed": str(picture.seed),
        "steps": str(picture.steps),
        "software": f"alya-mcp {__version__}",
    }
    from alya_mcp.images.file_process import make_file

    file, small = await anyio.to_thread.run_sync(
        make_file, picture, arguments.format, provenance, hub.settings.home
    )
    timings = {**picture.timings, "file": _milliseconds(started)}

    started = time.perf_counter()
    upload = Upload(
        data=file.data,
        key=image_key(file.sha256, file.suffix, datetime.now(UTC).date()),
        content_type=file.content_type,
        filename=_filename(picture.seed, file.suffix),
    )
    storing = f"storing the picture ({hub.store.name})"
    async with _heartbeat(progress, storing, _ENCODED, _TOTAL):
        stored = await hub.store.put(upload, expires_in=arguments.expires_in)
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
    upload_took = round(_milliseconds(started) - presign, 1)
    timings |= {"upload": upload_took, "presign": presign}
    return Drawn(known=known, stored=stored, timings=timings)


def _reply(
    drawn: Drawn, job: "Job", file_format: FileFormat, *, repeated: bool = False, remark: str | None
) -> Reply[ImageAnswer]:
    known, stored = drawn.known, drawn.stored
    notices = [each for each in (known.notice, remark) if each]
    answer = ImageAnswer(
        state="done",
        job=None,
        remaining_sec=None,
        url=stored.url,
        expires_at=stored.expires_at,
        width=known.width,
        height=known.height,
        format=file_format,
        bytes=known.size,
        sha256=known.sha256,
        seed=job.seed,
        steps=job.steps,
        model=known.model,
        repeated=repeated,
        notice=". ".join(notices) or None,
        key=stored.key,
        file=str(stored.file) if stored.file else None,
        timings=drawn.timings,
    )
    preview = Image(data=known.preview, content_type="image/jpeg")
    return Reply(data=answer, attachments=(preview,), link=Link("Open the picture", stored.url))


def _unfinished(drawing: Drawing) -> ImageAnswer:
    job = drawing.job
    return ImageAnswer(
        state="drawing",
        job=drawing.id,
        remaining_sec=drawing.work.remaining,
        url=None,
        expires_at=None,
        width=job.width,
        height=job.height,
        format=drawing.format,
        bytes=None,
        sha256=None,
        seed=job.seed,
        steps=job.steps,
        model=None,
        repeated=False,
        notice=_STILL.format(job=drawing.id),
        key=None,
        file=None,
        timings={},
    )


def _index(context: Context) -> "RepeatIndex":
    from alya_mcp.tools.images.repeat_index import RepeatIndex

    return context.hub.kept(RepeatIndex, lambda: RepeatIndex(context.hub.settings.home))


def _filename(seed: int, suffix: str) -> str:
    """What a browser offers when the picture is saved."""
    return f"alya-{seed}.{suffix}"


def _milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)


@asynccontextmanager
async def _heartbeat(progress: Progress, message: str, begin: float, end: float) -> AsyncGenerator[None]:
    """Report progress that creeps from `begin` towards `end` while the body runs."""

    async def beat() -> None:
        done = begin
        while True:
            await progress(done, _TOTAL, message)
            done += (end - done) / 4
            await anyio.sleep(_HEARTBEAT)

    async with _beside(beat):
        yield


async def _prepare(store: "Store") -> None:
    """Import and connect what the picture's file and its storing will need."""
    from alya_mcp.images.encode import load

    try:
        await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
    except ModuleNotFoundError:
        pass  # told when the file is written
    await store.prepare()


@asynccontextmanager
async def _beside(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Do `work` beside the body, and no longer than that."""
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
