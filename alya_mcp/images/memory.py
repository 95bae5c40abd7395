"""How much memory a model needs and the machine has."""

import importlib
import json
import math
import struct
from pathlib import Path
from typing import Any, Final

from alya_mcp.failures import NotConfigured
from alya_mcp.images.models import Machine

_WORKING_SHARE: Final = 1.1
_WORKING_BYTES: Final = 300_000_000
"""What a picture needs beside the weights: a tenth of them, and a little."""


def survey() -> Machine:
    """The device to draw on, with its memory in bytes as it is now."""
    torch: Any = importlib.import_module("torch")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Machine(device="cuda", name=torch.cuda.get_device_name(), free=free, total=total)
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.driver_allocated_memory()
        return Machine(device="mps", name="the Apple GPU", free=free, total=total)
    psutil: Any = importlib.import_module("psutil")
    memory = psutil.virtual_memory()
    return Machine(device="cpu", name="this machine", free=memory.available, total=memory.total)


def require_room(folder: Path, bytes_per_number: int, machine: Machine) -> None:
    """See that the weights in `folder` fit into the memory of `machine`.

    Raises:
        NotConfigured: with the figures, when they don't.
    """
    needed = int(count_numbers(folder) * bytes_per_number * _WORKING_SHARE) + _WORKING_BYTES
    if needed > machine.free:
        raise NotConfigured(
            f"The model that ALYA_IMAGE_MODEL names needs {needed / 1e9:.1f} GB of memory; {machine.name} "
            f"has {machine.free / 1e9:.1f} GB free of {machine.total / 1e9:.1f} GB. Close what else uses "
            "it, or set ALYA_IMAGE_MODEL to 'sketch' for the small bundled model"
        )


def count_numbers(folder: Path) -> int:
    """How many weights the safetensors files of the parts in `folder` hold; an unreadable one counts as 0."""
    return sum(_numbers_in(file) for file in folder.glob("*/*.safetensors"))


def _numbers_in(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            size = struct.unpack("<Q", stream.read(8))[0]
            header: dict[str, Any] = json.loads(stream.read(min(size, 100_000_000)))
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return 0
