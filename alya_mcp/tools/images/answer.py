"""The answer of `image_gen`."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal

from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import Output
from alya_mcp.toolkit.reply import Image, Link, Reply
from alya_mcp.tools.images.drawings import Drawing, Drawn
from alya_mcp.tools.images.request import FileFormat

_STILL: Final = (
    "{what} still being drawn. Call image_gen again with the same prompt and job={job!r} to get {it}; "
    "{kept} for ten minutes"
)
_PREVIEW: Final = ". The {}image is a rough preview of what is being drawn"
_REPEATED: Final = "Not drawn again: an earlier call with this prompt and seed drew it; the URL is fresh"
_SOME_REPEATED: Final = "{} of {} not drawn again: earlier calls drew them (`repeated`); their URLs are fresh"


class PictureFile(Output):
    """One of several pictures."""

    url: str = Field(description="Opens the picture until expiresAt, for anyone who has it.")
    expires_at: AwareDatetime = Field(description="When the URL stops opening (UTC).")
    width: int = Field(description="Width in pixels.")
    height: int = Field(description="Height in pixels.")
    bytes: int = Field(description="Size of the file in bytes.")
    sha256: str = Field(description="SHA-256 of the file, in hex.")
    seed: int = Field(description="Seed that was used; pass it alone to get this picture again.")
    model: str = Field(description="Model that drew the picture.")
    repeated: bool = Field(description="True when an earlier call drew the picture.")
    key: str = Field(description="Name of the picture in the store.")
    file: str | None = Field(description="Path of the picture on this machine; only with the local store.")
    timings: dict[str, float] = Field(description="Milliseconds spent in each phase.")


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
    images: list[PictureFile] | None = Field(
        None,
        exclude_if=lambda images: images is None,
        description="Each picture, in the order of seeds; only when `count` asked for several. The fields "
        "above are the first one's. With state `drawing`, those that are done.",
    )


def finished(
    drawn: Sequence[Drawn], previews: Sequence[bytes], file_format: FileFormat, *, remark: str | None
) -> Reply[ImageAnswer]:
    """The answer with the pictures and their `previews`; `remark` is added to the notice."""
    files = [_file(each) for each in drawn]
    first, job = files[0], drawn[0].job
    notices = [*(each.known.notice for each in drawn), _repeats(drawn), remark]
    answer = ImageAnswer(
        **{name: getattr(first, name) for name in PictureFile.model_fields},
        state="done",
        job=None,
        remaining_sec=None,
        format=file_format,
        steps=job.steps,
        notice=". ".join(filter(None, dict.fromkeys(notices))) or None,
        images=files if len(files) > 1 else None,
    )
    return Reply(
        data=answer,
        origin=_origin(drawn),
        attachments=[Image(data=each, content_type="image/jpeg") for each in previews],
        links=[Link(_title(number, len(files)), each.url) for number, each in enumerate(files, start=1)],
    )


def _origin(drawn: Sequence[Drawn]) -> dict[str, Any]:
    """The audit log's `origin`: a digest of the prompt, the references, and the pictures made of them."""
    job = drawn[0].job
    return {
        "prompt": f"sha256:{sha256(job.prompt.encode()).hexdigest()}",
        "references": [each.origin for each in job.references],
        "pictures": [
            {"key": each.known.key, "seed": each.job.seed, "model": each.known.model} for each in drawn
        ],
    }


def _file(drawn: Drawn) -> PictureFile:
    known, stored = drawn.known, drawn.stored
    return PictureFile(
        url=stored.url,
        expires_at=stored.expires_at,
        width=known.width,
        height=known.height,
        bytes=known.size,
        sha256=known.sha256,
        seed=drawn.job.seed,
        model=known.model,
        repeated=drawn.repeated,
        key=stored.key,
        file=str(stored.file) if stored.file else None,
        timings=drawn.timings,
    )


def _repeats(drawn: Sequence[Drawn]) -> str | None:
    repeated = sum(each.repeated for each in drawn)
    if not repeated:
        return None
    return _REPEATED if len(drawn) == 1 else _SOME_REPEATED.format(repeated, len(drawn))


def _title(number: int, of: int) -> str:
    return "Open the picture" if of == 1 else f"Open picture {number} of {of}"


def unfinished(drawing: Drawing, done: Mapping[int, Drawn], previews: Sequence[bytes]) -> Reply[ImageAnswer]:
    """The answer of a call whose `drawing` isn't done; `done` are the pictures that are.

    After their `previews` comes that of a picture that is being drawn, where there is one.
    """
    job, count, preview = drawing.job, len(drawing.jobs), drawing.preview
    words = {"what": "The picture is", "it": "it", "kept": "it is kept"}
    if count > 1:
        so_far = f", of which {len(done)} {'is' if len(done) == 1 else 'are'} done," if done else ""
        words = {"what": f"The {count} pictures{so_far} are", "it": "them", "kept": "they are kept"}
    files = {number: _file(each) for number, each in done.items()}
    answer = ImageAnswer(
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
        notice=_STILL.format(job=drawing.id, **words)
        + (_PREVIEW.format("last " if done else "small ") if preview else ""),
        key=None,
        file=None,
        timings={},
        images=list(files.values()) or None,
    )
    return Reply(
        data=answer,
        origin=_origin(list(done.values())) if done else {},
        attachments=[Image(data=each, content_type="image/jpeg") for each in (*previews, preview) if each],
        links=[Link(_title(number + 1, count), each.url) for number, each in files.items()],
    )
