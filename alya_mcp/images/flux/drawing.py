"""Draw one picture with a loaded model: encode the prompt, denoise, decode."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.errors import Failure
from alya_mcp.images.encode import thumbnail
from alya_mcp.images.engine import MAX_PREVIEW, Job, Picture
from alya_mcp.images.flux.descent import Descent
from alya_mcp.images.flux.device_memory import with_room
from alya_mcp.images.flux.loaded import Loaded, Shelf
from alya_mcp.images.flux.prompt_words import notice_of, require_subject, understood
from alya_mcp.images.flux.schedule import drawn_steps
from alya_mcp.images.models import Choice
from alya_mcp.images.plan import Machine
from alya_mcp.images.renderer import ReportProgress

if TYPE_CHECKING:
    from alya_mcp.images.flux.encodings import EncodedPrompt
    from alya_mcp.images.flux.pipeline import Artist

_FLAT: Final = 2
"""A picture whose channels vary by no more than this, of 255, is blank."""


def draw(
    loaded: Loaded,
    job: Job,
    pictures: list[Any],
    report: ReportProgress,
    *,
    look: Callable[[], Machine],
    shelf: Shelf,
) -> Picture:
    """Draw `job` from `pictures`, its references.

    When memory runs out, models of `shelf` are unloaded and the plan steps down; `look` returns the memory
    that is free.

    Raises:
        Failure: memory ran out, or no picture came of it.
    """
    from alya_mcp.images.flux.vae import middle

    artist, canvas = loaded.artist, loaded.artist.canvas(job)
    prompt, ignored = understood(job.prompt, loaded.words)
    require_subject(loaded, prompt, ignored)
    report("encode", 0.0, 1.0, "Reading the prompt")
    down = Descent(loaded, canvas, look, shelf)
    peaks: dict[str, int] = {}
    with loaded.counting("encode", peaks):
        encoded = down.take("encode", lambda: with_room(lambda: artist.read(prompt)))
        seen: tuple[Any, ...] = ()
        if pictures:
            report("encode", 0.5, 1.0, "Looking at the references")
            seen = down.take("references", lambda: _see(artist, canvas, pictures, tiled=down.tiled))
    with loaded.counting("denoise", peaks):
        latents = down.take("denoise", lambda: _denoise(artist, canvas, encoded, report, seen))
    report("decode", 0.0, 1.0, "Turning it into pixels")
    with loaded.counting("decode", peaks):
        pixels = down.take("decode", lambda: _decode(artist, canvas, latents, tiled=down.tiled))
    pixels = middle(pixels, job.width, job.height)
    report("decode", 1.0, 1.0, "Drawn")
    _require_contrast(loaded.choice, job, pixels)
    return Picture(
        pixels=pixels.numpy().tobytes(),
        width=job.width,
        height=job.height,
        seed=job.seed,
        steps=job.steps,
        model=loaded.choice.name,
        notice=notice_of(
            loaded.choice.notice,
            loaded.choice.model.family.steps if loaded.choice.model else None,
            job.steps,
            loaded.plan,
            artist.only_side is not None and job.width != job.height,
            artist.text_tokens if encoded.truncated else None,
            ignored,
            None if prompt == job.prompt else prompt,
            down.taken,
        ),
        timings={},
        peaks=peaks,
        truncated=encoded.truncated,
        ignored=ignored,
    )


def _see(artist: "Artist", job: Job, pictures: list[Any], *, tiled: bool) -> tuple[Any, ...]:
    with _tiles(artist, job, tiled=tiled):
        return with_room(lambda: artist.see(job, pictures))


def _denoise(
    artist: "Artist", job: Job, encoded: "EncodedPrompt", report: ReportProgress, seen: tuple[Any, ...]
) -> Any:
    from alya_mcp.images.flux.pipeline import NotFinite
    from alya_mcp.images.flux.previews import SIDE, Previews

    steps = drawn_steps(job)
    previews = Previews(artist, job)

    def after(done: int) -> None:
        until = min(1.0, (done + 1) / steps)
        levels = previews.of(done)
        preview = b"" if levels is None else thumbnail(levels.numpy(), SIDE, MAX_PREVIEW)
        report("denoise", done / steps, until, f"Step {done} of {steps}", preview)

    report("denoise", 0.0, 1 / steps, f"Drawing in {steps} steps")
    try:
        return with_room(lambda: artist.denoise(job, encoded, after, seen, previews))
    except NotFinite:
        raise Failure(
            f"The model computed numbers that aren't finite (NaN) with seed {job.seed} and {job.steps} "
            "steps; no picture came of it. Another seed may work; if none does, the model's files are "
            "damaged"
        ) from None


def _decode(artist: "Artist", job: Job, latents: Any, *, tiled: bool) -> Any:
    from alya_mcp.images.flux.pipeline import NotFinite

    try:
        with _tiles(artist, job, tiled=tiled):
            return with_room(lambda: artist.pixels(job, latents))
    except NotFinite:
        raise Failure(
            f"The decoder computed numbers that aren't finite (NaN) with seed {job.seed}; no "
            "picture came of it. Another seed may work; if none does, the model's files are damaged"
        ) from None


def _tiles(artist: "Artist", job: Job, *, tiled: bool) -> contextlib.AbstractContextManager[None]:
    from alya_mcp.images.flux.vae import tiles

    return tiles(artist.pipeline, max(job.width, job.height)) if tiled else contextlib.nullcontext()


def _require_contrast(choice: Choice, job: Job, pixels: Any) -> None:
    if choice.flat:
        return
    if int((pixels.amax(dim=(0, 1)) - pixels.amin(dim=(0, 1))).max()) <= _FLAT:
        colour = ", ".join(str(int(value)) for value in pixels[0, 0])
        raise Failure(
            f"The model drew nothing but one flat colour (RGB {colour}) with seed {job.seed}. "
            "Another seed or another prompt may work"
        )
