"""The answer of `image_gen`."""

from typing import TYPE_CHECKING, Final, Literal

from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import Output
from alya_mcp.toolkit.reply import Image, Link, Reply
from alya_mcp.tools.images.drawings import Drawing, Drawn, FileFormat

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job

_STILL: Final = (
    "The picture is still being drawn. Call image_gen again with the same prompt and job={job!r} to get it; "
    "it is kept for ten minutes"
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


def finished(
    drawn: Drawn, job: "Job", file_format: FileFormat, *, repeated: bool = False, remark: str | None
) -> Reply[ImageAnswer]:
    """The answer with a picture; `remark` is what its call should know of it beside."""
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


def unfinished(drawing: Drawing) -> ImageAnswer:
    """The answer of a call that didn't wait for the end of `drawing`."""
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
