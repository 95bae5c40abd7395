"""The image engine, device, model and weights in words."""

from pathlib import Path
from typing import TYPE_CHECKING

from alya_mcp.app.diagnostics.check import Words
from alya_mcp.images.words import engine_words, error_words, model_words
from alya_mcp.runtime.paths import tilde

if TYPE_CHECKING:
    from alya_mcp.app.diagnostics.probe import ProbeResult
    from alya_mcp.images.engine import EngineStatus
    from alya_mcp.settings import EngineName

_PULL = "alya-mcp model pull"


def worker(status: "EngineStatus") -> Words:
    """The image engine is well."""
    return Words(engine_line(status))


def worker_failed_before(status: "EngineStatus", log: Path) -> Words:
    """The image engine is well, and had a failure; `log` may say more."""
    return Words(f"{engine_line(status)}. {error_words(status)}", f"Look into {tilde(log)}.")


def worker_failing(status: "EngineStatus", engine: "EngineName") -> Words:
    """The image engine can't draw until the user does something."""
    remedies: dict[EngineName, str] = {
        "local": "End its process; the next image starts a new one.",
        "ray": "Start the application again; docs/scale.md says how, and where its logs are.",
    }
    return Words(engine_line(status), remedies[engine])


def worker_settings(reason: str) -> Words:
    """The image engine lacks a setting."""
    return Words(reason, "Change the settings as that says.")


def device(device: str, name: str, torch: str, free: int, total: int) -> Words:
    """The GPU that torch finds, and its memory."""
    return Words(f"{device}: {name}, torch {torch}, {_memory(free, total)}")


def device_without_gpu(device: str, name: str, torch: str, free: int, total: int) -> Words:
    """torch finds no GPU."""
    return Words(
        f"{device}: {name}, torch {torch}; no GPU that torch can use; {_memory(free, total)}",
        "Pictures take longer here. For FLUX.1-schnell use a machine with a CUDA GPU or Apple silicon.",
    )


def device_unknown(reason: str) -> Words:
    """torch can't be asked."""
    return Words(reason, "Install torch again; `python -c 'import torch'` shows what is wrong.")


def model(asked: str, found: "ProbeResult") -> Words:
    """The model that draws where `asked` is set, how it is run, and whether its weights are here."""
    return Words(_model(asked, found))


def model_small(asked: str, found: "ProbeResult") -> Words:
    """The model that was chosen is smaller than FLUX.1-schnell, which may fit all the same."""
    nothing = "Nothing, if the small model will do."
    fits = any(way.fits for way in found.ways)
    return Words(_model(asked, found), f"{_PULL}. {nothing}" if fits else nothing)


def model_refused(reason: str) -> Words:
    """The model that is asked for can't draw here."""
    return Words(reason, "Change ALYA_IMAGE_MODEL as that says, or unset it.")


def weights(folder: Path, size: int) -> Words:
    """FLUX.1-schnell is here."""
    return Words(f"FLUX.1-schnell is in {tilde(folder)}, {size / 1e9:.1f} GB")


def weights_incomplete(folder: Path, size: int) -> Words:
    """A part of FLUX.1-schnell is here."""
    found = f"a part of FLUX.1-schnell is in {tilde(folder)}, {size / 1e9:.1f} GB"
    return Words(found, f"{_PULL}: it goes on where it stopped.")


def weights_absent(cache: Path) -> Words:
    """FLUX.1-schnell is not in the cache of Hugging Face."""
    return Words(f"FLUX.1-schnell is not in {tilde(cache)}; `{_PULL}` brings it, `auto` doesn't")


def sketch(size: int) -> Words:
    """The bundled model is there."""
    return Words(f"the bundled model is there, {size / 1e6:.1f} MB")


def sketch_missing() -> Words:
    """The bundled model is not there, or not whole."""
    return Words("the bundled model is missing, or a part of it", "Install alya-mcp again.")


def engine_line(status: "EngineStatus") -> str:
    """State, process and model of the engine in a line; the last failure is told by `error_words`."""
    said = [f"{status.state}: {engine_words(status)}", model_words(status)]
    if status.pid is not None:
        said.append(f"Process {status.pid}")
    return ". ".join(filter(None, said))


def _memory(free: int, total: int) -> str:
    return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def _model(asked: str, found: "ProbeResult") -> str:
    parts = [f"{found.model} ({asked})"]
    if found.plan is not None:
        parts.append(f"{found.plan.words}; needs {found.plan.needs / 1e9:.1f} GB")
    if found.folder is None:
        parts.append("the first image downloads it")
    return ". ".join([", ".join(parts), *([found.notice] if found.notice else [])])
