"""The image tool: a prompt in, a picture in a store out."""

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

import anyio
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp import __version__
from alya_mcp.catalogue import Context, Image, Input, Link, Output, Progress, Reply, tool
from alya_mcp.failures import InvalidInput, NotInstalled

_TOTAL = 100.0
_RENDERED = 90.0
_ENCODED = 95.0
_HEARTBEAT = 1.5


class ImageRequest(Input):
    """What to draw and how to deliver it."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="What the picture shows, in plain words. FLUX.1-schnell reads the first 256 tokens."
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = Field(
        None,
        description="Start of the noise: same seed, prompt and steps, same picture. Random when absent.",
    )
    steps: int = Field(4, ge=1, le=8, description="Denoising steps; the model is made for 4.")
    format: Literal["png", "webp", "jpeg"] = Field("png", description="File format of the picture.")
    expires_in: int = Field(
        3600, ge=60, le=604_800, description="Seconds for which the URL opens; 7 days at most."
    )


class ImageAnswer(Output):
    """Where the picture is and how it was made."""

    url: str = Field(description="Opens the picture until expiresAt, for anyone who has it.")
    expires_at: AwareDatetime = Field(description="When the URL stops opening (UTC).")
    width: int = Field(description="Width in pixels.")
    height: int = Field(description="Height in pixels.")
    format: Literal["png", "webp", "jpeg"] = Field(description="File format of the picture.")
    bytes: int = Field(description="Size of the file in bytes.")
    sha256: str = Field(description="SHA-256 of the file, in hex.")
    seed: int = Field(description="Seed that was used; pass it to draw the same picture again.")
    steps: int = Field(description="Denoising steps that were used.")
    model: str = Field(description="Model that drew the picture.")
    notice: str | None = Field(
        description="What to know of the picture, such as that it is not by FLUX.1-schnell."
    )
    key: str = Field(description="Name of the picture in the store.")
    file: str | None = Field(description="Path of the picture on this machine; only with the local store.")
    timings: dict[str, float] = Field(description="Milliseconds spent in each phase.")


@tool(
    title="Generate an image",
    category="Read",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=True,
)
async def image_gen(arguments: ImageRequest, context: Context) -> Reply[ImageAnswer]:
    """Draw one 1024x1024 image from a text prompt with FLUX.1-schnell on this machine's own GPU.

    Use it when someone asks for a new picture, illustration or drawing. It makes one image a call; call it
    again with another seed for a variation. It can't edit or extend an existing picture, and it renders
    lettering poorly.

    Uploads the image to the configured S3 bucket (or keeps it on this machine) and returns a URL that opens
    until `expiresAt`, with the seed, size, checksum and the model that drew it. Without a GPU that can hold
    FLUX.1-schnell a small bundled model draws simple shapes and scenes instead; `model` and `notice` say so.
    Costs 0.001 USD a call. Takes from under a second (warm GPU) to about half a minute; `alya_status` tells
    whether the engine is ready.
    """
    from alya_mcp.images.engine import Job, Step
    from alya_mcp.stores import Upload, image_key

    if not arguments.prompt.strip():
        raise InvalidInput("prompt holds only blanks; it takes words that say what the picture shows")

    async def rendering(step: Step) -> None:
        await context.progress(_RENDERED * step.done / step.total, _TOTAL, step.message)

    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    picture = await context.hub.engine.render(
        Job(prompt=arguments.prompt, seed=seed, steps=arguments.steps), rendering
    )

    started = time.perf_counter()
    await context.progress(_RENDERED + 1, _TOTAL, f"writing the {arguments.format} file")
    provenance = {
        "model": picture.model,
        "seed": str(seed),
        "steps": str(picture.steps),
        "software": f"alya-mcp {__version__}",
    }
    try:
        from alya_mcp.images.encode import encode_with_preview

        file, small = await anyio.to_thread.run_sync(
            encode_with_preview, picture, arguments.format, provenance
        )
    except ModuleNotFoundError as missing:
        raise NotInstalled("image_gen", "image") from missing
    encoded = time.perf_counter()

    key = image_key(file.data, file.suffix, datetime.now(UTC).date())
    async with _heartbeat(context.progress, f"storing the picture ({context.hub.store.name})"):
        stored = await context.hub.store.put(
            Upload(
                data=file.data, key=key, content_type=file.content_type, filename=f"alya-{seed}.{file.suffix}"
            ),
            expires_in=arguments.expires_in,
        )
    done = time.perf_counter()

    answer = ImageAnswer(
        url=stored.url,
        expires_at=stored.expires_at,
        width=picture.width,
        height=picture.height,
        format=arguments.format,
        bytes=len(file.data),
        sha256=file.sha256,
        seed=seed,
        steps=picture.steps,
        model=picture.model,
        notice=picture.notice,
        key=stored.key,
        file=str(stored.file) if stored.file else None,
        timings={
            **picture.timings,
            "file": round((encoded - started) * 1000, 1),
            "store": round((done - encoded) * 1000, 1),
        },
    )
    link = Link(
        url=stored.url,
        name=stored.key.rpartition("/")[2],
        title="The picture",
        content_type=file.content_type,
        size=len(file.data),
    )
    return Reply(data=answer, attachments=(link, Image(data=small, content_type="image/jpeg")))


@asynccontextmanager
async def _heartbeat(progress: Progress, message: str) -> AsyncGenerator[None]:
    """Report progress that creeps towards the end while the body runs."""

    async def beat() -> None:
        done = _ENCODED
        while True:
            await progress(done, _TOTAL, message)
            done += (_TOTAL - done) / 4
            await anyio.sleep(_HEARTBEAT)

    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - re-raised below, outside the group that would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
