"""The best device of this machine, with what a plan depends on."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

Device = Literal["cuda", "mps", "cpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A device: its name, its free and total memory in bytes, and the machine's free main memory.

    `capability` is a CUDA device's compute capability, `compiles` whether kernels can be compiled for it
    here, `flash_3` whether FlashAttention 3 is installed.
    """

    device: Device
    name: str
    free: int
    total: int
    main: int
    capability: tuple[int, int] | None = None
    compiles: bool = False
    flash_3: bool = False


def survey(limit: int | None = None) -> Machine:
    """The device to draw on as it is now; with `limit`, no more than that of its memory in bytes counts."""
    torch: Any = importlib.import_module("torch")
    psutil: Any = importlib.import_module("psutil")
    main = psutil.virtual_memory()
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        # What this process holds and doesn't use is free to it.
        free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        if limit is not None:
            total = min(total, limit)
            free = min(free, total - torch.cuda.memory_allocated())
        return Machine(
            device="cuda",
            name=torch.cuda.get_device_name(),
            free=free,
            total=total,
            main=main.available,
            capability=torch.cuda.get_device_capability(),
            compiles=importlib.util.find_spec("triton") is not None,
            # Builds before it was named so have the second alone, which diffusers doesn't take.
            flash_3=all(map(importlib.util.find_spec, ("flash_attn_3", "flash_attn_interface"))),
        )
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        # It shares the machine's memory with all other programs.
        free = min(total - torch.mps.driver_allocated_memory(), main.available)
        if limit is not None:
            total, free = min(total, limit), min(free, limit)
        return Machine(device="mps", name="the Apple GPU", free=free, total=total, main=main.available)
    free, total = main.available, main.total
    if limit is not None:
        total, free = min(total, limit), min(free, limit)
    return Machine(device="cpu", name="this machine", free=free, total=total, main=main.available)
