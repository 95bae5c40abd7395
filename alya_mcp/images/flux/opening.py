"""Open a model on its device: the memory limit, the number format of convolutions, the pipeline."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alya_mcp.errors import Failure
from alya_mcp.images.families import Model
from alya_mcp.images.flux.device_memory import NoMemoryError, device_errors, torch_library, with_room
from alya_mcp.images.models import Choice
from alya_mcp.images.plan import Machine, Plan
from alya_mcp.images.renderer import CancelledJob, DeviceLost

if TYPE_CHECKING:
    from alya_mcp.images.flux.pipeline import Artist


def open_on_device(
    source: Path | Model, choice: Choice, plan: Plan, machine: Machine, limit: int | None
) -> "Artist":
    """Load `source`, a model folder or a model of random weights, as `plan` says.

    With `limit`, this process uses at most that many bytes of the device's memory.

    Raises:
        NoMemoryError: the device ran out of memory.
        Failure: a file of the model is missing or damaged.
    """
    from alya_mcp.images.flux.pipeline import open_artist

    torch = torch_library()
    set_tf32(machine.device, plan)
    if limit is not None:
        _limit_memory(machine.device, limit)
    try:
        with device_errors():
            pipeline = with_room(lambda: _pipeline(source, plan, machine.device))
            return open_artist(pipeline, torch.device(machine.device), choice.only_side)
    except (Failure, DeviceLost, CancelledJob, NoMemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - damaged files fail in every library's own way
        traceback.print_exc(file=sys.stderr)
        raise Failure(
            f"The model {choice.name} can't be loaded: a file of it is missing or damaged "
            f"({type(error).__name__}). Download it again; the user finds the details in "
            "logs/image-worker.log of ALYA_HOME"
        ) from None


def set_tf32(device: str, plan: Plan) -> None:
    """Turn TF32 off for a plan in fp32: it rounds float32 to 10 bits, and cuDNN uses it by default."""
    if device == "cuda":
        torch_library().backends.cudnn.allow_tf32 = plan.precision != "fp32"


def quiet_libraries() -> None:
    """Keep progress bars and warnings of diffusers and transformers out of the log: some quote the prompt."""
    for library in ("diffusers", "transformers"):
        logging: Any = importlib.import_module(f"{library}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def _limit_memory(device: str, limit: int) -> None:
    torch = torch_library()
    if device == "cuda":
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total))
    elif device == "mps":
        most = torch.mps.recommended_max_memory()
        torch.mps.set_per_process_memory_fraction(min(1.0, limit / most))


def _pipeline(source: Path | Model, plan: Plan, device: str) -> Any:
    if isinstance(source, Model):
        from alya_mcp.images.flux.random_weights import random_pipeline

        pipeline: Any = random_pipeline(source, plan, device)
    else:
        from alya_mcp.images.flux.loading import load_pipeline

        pipeline = load_pipeline(source, plan, device)
    if device == "cpu":
        from alya_mcp.images.flux.banded import decode_in_bands

        # Convolutions on a CPU are a third faster in this memory format.
        pipeline.vae.to(memory_format=torch_library().channels_last)
        decode_in_bands(pipeline.vae.decoder)
    return pipeline
