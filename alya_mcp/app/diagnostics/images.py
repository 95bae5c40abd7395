"""Checks of the image engine: device, model, weights, worker. torch is only used in a separate process."""

import os
from collections.abc import Iterator
from pathlib import Path

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.engine import engine_status
from alya_mcp.app.diagnostics.machine import hub_cache
from alya_mcp.app.diagnostics.models import snapshot_of
from alya_mcp.app.diagnostics.probe import ProbeError, ProbeResult, probe
from alya_mcp.app.diagnostics.words import images as words
from alya_mcp.images.environment.packages import packages_anywhere
from alya_mcp.settings import Settings


def drawing(settings: Settings) -> Iterator[Check]:
    """The worker, the device that torch finds, which model draws on it, how and why."""
    from alya_mcp.errors import Failure

    try:
        status = engine_status(settings)
    except Failure as failure:
        status = None
        yield fail("worker", words.worker_settings, reason=str(failure))
    if packages_anywhere(settings.home) and settings.image_engine == "local":
        try:
            found = probe(settings, 0 if status is None else status.held)
        except ProbeError as error:
            yield fail("device", words.device_unknown, reason=str(error))
        else:
            yield _device(found)
            yield _model(settings, found)
    if status is None or status.state == "not installed":
        return
    if status.last_error is not None:
        log = settings.home / "logs" / "image-worker.log"
        yield warn("worker", words.worker_failed_before, status=status, log=log)
    elif status.failing:
        yield fail("worker", words.worker_failing, status=status, engine=settings.image_engine)
    else:
        yield ok("worker", words.worker, status=status)


def weights() -> Iterator[Check]:
    """Whether FLUX.1-schnell is here, all of it, and whether the bundled model is."""
    from alya_mcp.images.weights.folder import is_complete

    cache = hub_cache(os.environ)
    flux = cache / "models--black-forest-labs--FLUX.1-schnell"
    snapshot = snapshot_of(flux)
    if snapshot is None:
        yield ok("weights", words.weights_absent, cache=cache)
    elif is_complete(snapshot):
        yield ok("weights", words.weights, folder=flux, size=_size(flux / "blobs"))
    else:
        yield warn("weights", words.weights_incomplete, folder=flux, size=_size(flux / "blobs"))
    from alya_mcp import images

    sketch = Path(images.__file__).parent / "sketch"
    if is_complete(sketch):
        yield ok("sketch", words.sketch, size=_size(sketch))
    else:
        yield fail("sketch", words.sketch_missing)


def _device(found: ProbeResult) -> Check:
    seen, kind = (warn, words.device_without_gpu) if found.device == "cpu" else (ok, words.device)
    return seen(
        "device",
        kind,
        device=found.device,
        name=found.name,
        torch=found.torch,
        free=found.free,
        total=found.total,
    )


def _model(settings: Settings, found: ProbeResult) -> Check:
    if found.refusal:
        return fail("model", words.model_refused, reason=found.refusal)
    if not found.notice or settings.image_model != "auto":
        return ok("model", words.model, asked=settings.image_model, found=found)
    return warn("model", words.model_small, asked=settings.image_model, found=found)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
