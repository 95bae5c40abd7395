"""Checks of the image engine: device, model, weights, worker. torch is only asked in a process of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.engine import engine_status, last_error, words_of
from alya_mcp.app.diagnostics.machine import hub_cache
from alya_mcp.app.diagnostics.probe import ProbeError, ProbeResult, probe
from alya_mcp.images.environment.packages import packages_anywhere
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings

_PULL = "alya-mcp model pull"
_STUCK = {
    "local": "End its process; the next image starts a new one.",
    "ray": "Start the application again; docs/scale.md says how, and where its logs are.",
}


def drawing(settings: Settings) -> Iterator[Check]:
    """The worker, the device that torch finds, which model draws on it, how and why."""
    from alya_mcp.errors import Failure

    try:
        status = engine_status(settings)
    except Failure as failure:
        status = None
        yield fail("worker", str(failure), "Change the settings as that says.")
    if packages_anywhere(settings.home) and settings.image_engine == "local":
        try:
            found = probe(settings, 0 if status is None else status.held)
        except ProbeError as error:
            python = "Install torch again; `python -c 'import torch'` shows what is wrong."
            yield fail("device", str(error), python)
        else:
            yield _device(found)
            yield _model(settings, found)
    if status is None or status.state == "not installed":
        return
    if error := last_error(status):
        log = tilde(settings.home / "logs" / "image-worker.log")
        yield warn("worker", f"{words_of(status)}; last error, {error}", f"Look into {log}.")
    elif status.failing:
        yield fail("worker", words_of(status), _STUCK[settings.image_engine])
    else:
        yield ok("worker", words_of(status))


def weights() -> Iterator[Check]:
    """Whether FLUX.1-schnell is here, all of it, and whether the bundled model is."""
    from alya_mcp.images.weights.folder import is_complete

    cache = hub_cache(os.environ)
    flux = cache / "models--black-forest-labs--FLUX.1-schnell"
    snapshot = _snapshot(flux)
    if snapshot is None:
        absent = f"FLUX.1-schnell is not in {tilde(cache)}; `{_PULL}` brings it, `auto` doesn't"
        yield ok("weights", absent)
    elif is_complete(snapshot):
        yield ok("weights", f"FLUX.1-schnell is in {tilde(flux)}, {_size(flux / 'blobs') / 1e9:.1f} GB")
    else:
        part = f"a part of FLUX.1-schnell is in {tilde(flux)}, {_size(flux / 'blobs') / 1e9:.1f} GB"
        yield warn("weights", part, f"{_PULL}: it goes on where it stopped.")
    from alya_mcp import images

    sketch = Path(images.__file__).parent / "sketch"
    if is_complete(sketch):
        yield ok("sketch", f"the bundled model is there, {_size(sketch) / 1e6:.1f} MB")
    else:
        yield fail("sketch", "the bundled model is missing, or a part of it", "Install alya-mcp again.")


def _device(found: ProbeResult) -> Check:
    device = f"{found.device}: {found.name}, torch {found.torch}"
    memory = f"{found.free / 1e9:.1f} of {found.total / 1e9:.1f} GB free"
    if found.device == "cpu":
        hint = "Pictures take longer here. For FLUX.1-schnell use a machine with a CUDA GPU or Apple silicon."
        return warn("device", f"{device}; no GPU that torch can use; {memory}", hint)
    return ok("device", f"{device}, {memory}")


def _model(settings: Settings, found: ProbeResult) -> Check:
    if found.refusal:
        return fail("model", found.refusal, "Change ALYA_IMAGE_MODEL as that says, or unset it.")
    parts = [f"{found.model} ({settings.image_model})"]
    if found.plan is not None:
        parts.append(f"{found.plan.words}; needs {found.plan.needs / 1e9:.1f} GB")
    if found.folder is None:
        parts.append("the first image downloads it")
    text = ". ".join([", ".join(parts), *([found.notice] if found.notice else [])])
    if not found.notice or settings.image_model != "auto":
        return ok("model", text)
    small = "Nothing, if the small model will do"
    fits = any(way.fits for way in found.ways)
    return warn("model", text, f"{_PULL}. {small}." if fits else f"{small}.")


def _snapshot(repository: Path) -> Path | None:
    """The folder of the commit that the cache names as the newest; None when it names none."""
    try:
        commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / commit
    return folder if folder.is_dir() else None


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
