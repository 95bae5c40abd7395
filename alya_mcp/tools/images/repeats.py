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
"""The model that `auto` doesn't improve on."""


def question_of(settings: Settings, grant: str, job: Job, file_format: str) -> dict[str, str | int]:
    """Whose call it is and everything that decides which file answers it; looks at the model's files."""
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
        # What an address leads to may change.
        "references": " ".join(each.digest for each in job.references),
        "strength": "" if job.strength is None else f"{job.strength:g}",
    }


async def draws_now(model: str, chosen: str | None, settings: Settings, engine: Engine) -> bool:
    """Whether `model`, which drew for these settings before, is the one that would draw for them now.

    `chosen` is what the call asked for, None for what the settings say.

    A model asked for by name is. `auto` may find a better one than it did, and an engine elsewhere chooses
    its own: those are what is loaded, if anything is. Nothing is started to find out.
    """
    if settings.image_engine == "local" and ((chosen or settings.image_model) != "auto" or model == _BEST):
        return True
    return (await engine.status()).model == model


def _weights(asked: str) -> str:
    """What changes when somebody puts other weights into the folder of a model on this machine."""
    folder = SKETCH_FOLDER if asked in {"auto", "sketch"} else expanded(asked)
    digest = sha256()
    for each in _files(folder) if folder.is_absolute() else ():
        digest.update(each.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    try:
        paths = sorted(folder.rglob("*"))
    except OSError:
        return  # the engine says what is wrong with it
    for path in paths:
        try:
            seen = path.stat()
        except OSError:
            continue  # gone meanwhile
        yield f"{path.relative_to(folder)} {seen.st_size} {seen.st_mtime_ns}"
