"""Repeats: reuse of a picture that was drawn before."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from alya_mcp import __version__
from alya_mcp.images.engine import Engine, Job
from alya_mcp.images.models import SKETCH_FOLDER
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings import Settings

_BEST: Final = "FLUX.1-schnell"
"""The best model for `auto`."""


def question_of(settings: Settings, grant: str, job: Job, file_format: str) -> dict[str, str | int]:
    """A request's key in the index: the caller and all that determines the file. Reads the model's folder."""
    return {
        "version": __version__,
        "grant": grant,
        "engine": settings.image_engine,
        "address": settings.ray_url or "",
        "model": job.model or settings.image_model,
        "weights": _weights(job.model or settings.image_model),
        "precision": settings.image_precision,
        "bucket": settings.s3_bucket or "",
        "endpoint": settings.s3_endpoint_url or "",
        "prefix": settings.s3_prefix,
        "prompt": job.prompt,
        "seed": job.seed,
        "steps": job.steps,
        "width": job.width,
        "height": job.height,
        "format": file_format,
        # The content at an address may change.
        "references": " ".join(each.digest for each in job.references),
        "strength": "" if job.strength is None else f"{job.strength:g}",
    }


async def draws_now(model: str, chosen: str | None, settings: Settings, engine: Engine) -> bool:
    """Whether `model`, which drew for these settings before, is the one that would draw for them now.

    `chosen` is the call's model, None for that of the settings. A model chosen by name always is. `auto` may
    choose a better one by now, and a remote engine chooses its own: then it is the loaded model, if any.
    Nothing is started to find out.
    """
    named = chosen is not None or settings.image_engine == "local"
    if named and ((chosen or settings.image_model) != "auto" or model == _BEST):
        return True
    return (await engine.status()).model == model


def _weights(asked: str) -> str:
    """A value that changes when the weights in a local model's folder are replaced."""
    folder = SKETCH_FOLDER if asked in {"auto", "sketch"} else expanded(asked)
    digest = sha256()
    for each in _files(folder) if folder.is_absolute() else ():
        digest.update(each.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    try:
        paths = sorted(folder.rglob("*"))
    except OSError:
        return  # the engine reports the error
    for path in paths:
        try:
            seen = path.stat()
        except OSError:
            continue  # deleted meanwhile
        yield f"{path.relative_to(folder)} {seen.st_size} {seen.st_mtime_ns}"
