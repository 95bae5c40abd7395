"""What draws pictures here: device, model, weights, worker. torch is only asked in a process of its own."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from alya_mcp import child
from alya_mcp.cli.health.check import Check, fail, ok, warn
from alya_mcp.cli.health.machine import has_image_extra, hub_cache
from alya_mcp.cli.output import tilde
from alya_mcp.settings import Settings

_PROBE_SECONDS = 90


def device_and_model(settings: Settings) -> Iterator[Check]:
    """The device that torch finds, and which model draws on it and why."""
    if not has_image_extra():
        return
    found, error = _probe(settings.image_model)
    if found is None:
        yield fail("device", error, "Install torch again; `python -c 'import torch'` shows what is wrong.")
        return
    device = f"{found['device']}: {found['name']}, torch {found['torch']}"
    if found["device"] == "cpu":
        hint = "Pictures take longer here. For FLUX.1-schnell use a machine with a CUDA GPU or Apple silicon."
        yield warn("device", f"{device}; no GPU that torch can use", hint)
    else:
        yield ok("device", f"{device}, {found['free'] / 1e9:.1f} of {found['total'] / 1e9:.1f} GB free")
    if "refusal" in found:
        yield fail("model", found["refusal"], "Change ALYA_IMAGE_MODEL as that says, or unset it.")
    elif found["notice"]:
        asked = settings.image_model != "auto"
        text = f"{found['model']} ({settings.image_model}). {found['notice']}"
        yield ok("model", text) if asked else warn("model", text, "Nothing, if the small model will do.")
    else:
        yield ok("model", f"{found['model']} ({settings.image_model})")


def weights() -> Iterator[Check]:
    """Whether FLUX.1-schnell was downloaded, and whether the bundled model is there."""
    cache = hub_cache(os.environ)
    flux = cache / "models--black-forest-labs--FLUX.1-schnell"
    if any(flux.glob("snapshots/*/model_index.json")):
        yield ok("weights", f"FLUX.1-schnell is in {tilde(flux)}, {_size(flux / 'blobs') / 1e9:.1f} GB")
    else:
        yield ok("weights", f"FLUX.1-schnell is not in {tilde(cache)}; `auto` doesn't download it")
    from alya_mcp import images

    sketch = Path(images.__file__).parent / "sketch"
    if (sketch / "model_index.json").is_file():
        yield ok("sketch", f"the bundled model is there, {_size(sketch) / 1e6:.1f} MB")
    else:
        yield fail("sketch", "the bundled model is missing", "Install alya-mcp again.")


def worker(settings: Settings) -> Iterator[Check]:
    """Whether an image worker runs and what it holds."""
    import anyio

    from alya_mcp.failures import Failure
    from alya_mcp.images import open_engine
    from alya_mcp.images.engine import EngineStatus

    async def ask() -> EngineStatus:
        engine = open_engine(settings)
        try:
            return await engine.status()
        finally:
            await engine.aclose()

    try:
        status = anyio.run(ask)
    except Failure as failure:
        yield fail("worker", str(failure), "Change the settings as that says.")
        return
    if status.state == "not installed":
        return
    parts = [status.state, status.detail]
    if status.pid is not None:
        parts.append(f"process {status.pid}, {status.model or 'no model'} on {status.device or 'no device'}")
        parts.append(f"{status.clients} servers, {status.waiting} jobs waiting")
    if status.last_error:
        log = tilde(settings.home / "logs" / "image-worker.log")
        yield warn("worker", f"{'; '.join(parts)}; last error: {status.last_error}", f"Look into {log}.")
    else:
        yield ok("worker", "; ".join(parts))


def _probe(model: str) -> tuple[dict[str, Any] | None, str]:
    command = [*child.command("alya_mcp.cli.health.probe"), model]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False, text=True)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None, f"torch didn't answer within {_PROBE_SECONDS} s"
    try:
        return cast("dict[str, Any]", json.loads(ended.stdout.splitlines()[-1])), ""
    except (ValueError, IndexError):
        said = ended.stderr.strip().splitlines()
        return None, f"torch can't be used: {said[-1] if said else f'exit status {ended.returncode}'}"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
