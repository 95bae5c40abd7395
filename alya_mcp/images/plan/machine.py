"""The best device of this machine, with the properties that plans depend on."""

import importlib
import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

Device = Literal["cuda", "mps", "cpu"]

_LEAST: Final = 350_000_000
"""Bytes of the smallest model: a card with less free memory is skipped."""
_CODE: Final = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A device: its name, its free and total memory in bytes, and the machine's free main memory.

    `capability` is a CUDA device's compute capability, `compiles` whether kernels can be compiled for it
    here, `flash_3` whether FlashAttention 3 is installed. `passed_over` says why a GPU of this machine can't
    be used; the device is then the CPU.
    """

    device: Device
    name: str
    free: int
    total: int
    main: int
    capability: tuple[int, int] | None = None
    compiles: bool = False
    flash_3: bool = False
    passed_over: str | None = None


def survey(limit: int | None = None, held: int = 0) -> Machine:
    """The device to draw on as it is now.

    With `limit`, no more than that of its memory in bytes counts. `held` bytes of it belong to this process
    and count as free.

    Raises:
        RuntimeError: a GPU that this process uses no longer responds.
    """
    torch: Any = importlib.import_module("torch")
    psutil: Any = importlib.import_module("psutil")
    main = psutil.virtual_memory()
    passed_over: str | None = None
    if torch.cuda.is_available():
        card = _card(torch, main.available, limit, held)
        if isinstance(card, Machine):
            return card
        passed_over = card
    elif torch.backends.mps.is_available():
        total, taken = torch.mps.recommended_max_memory(), torch.mps.driver_allocated_memory()
        # It shares the machine's memory with all other programs.
        free, total = _within(limit, taken, held, min(total - taken, main.available), total)
        return Machine(device="mps", name="the Apple GPU", free=free, total=total, main=main.available)
    free, total = _within(limit, 0, held, main.available, main.total)
    return Machine(
        device="cpu",
        name="this machine",
        free=free,
        total=total,
        main=main.available,
        passed_over=passed_over,
    )


def _card(torch: Any, main: int, limit: int | None, held: int) -> Machine | str:
    """The first CUDA card, or why it can't be used."""
    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    nvidia = torch.version.hip is None
    if nvidia and not _runs_on(capability, torch.cuda.get_arch_list()):
        return (
            f"PyTorch {torch.__version__} holds no code for {name}, whose compute capability is "
            f"{capability[0]}.{capability[1]}; another build of PyTorch may"
        )
    taken = torch.cuda.memory_allocated()
    try:
        free, total = torch.cuda.mem_get_info()
    except RuntimeError as error:
        if taken:
            raise
        return f"{name} can't be opened ({str(error).partition(chr(10))[0]:.100})"
    # Memory that this process holds without using it counts as free.
    free, total = _within(limit, taken, held, free + torch.cuda.memory_reserved() - taken, total)
    if free + taken < _LEAST:
        return f"{name} has {free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    return Machine(
        device="cuda",
        name=name,
        free=free,
        total=total,
        main=main,
        # Other vendors' numbers have another meaning.
        capability=capability if nvidia else None,
        compiles=importlib.util.find_spec("triton") is not None,
        # Builds before it was named so have the second alone, which diffusers doesn't take.
        flash_3=all(map(importlib.util.find_spec, ("flash_attn_3", "flash_attn_interface"))),
    )


def _within(limit: int | None, taken: int, held: int, free: int, total: int) -> tuple[int, int]:
    """Free and total memory under `limit`, of which this process has `taken` and `held` counts as free."""
    if limit is not None:
        total = min(total, limit)
        free = min(free, total - taken)
    return min(total, max(0, free) + held), total


def _runs_on(capability: tuple[int, int], architectures: Iterable[str]) -> bool:
    """Whether code for one of `architectures` runs on a card; none are named by builds without CUDA.

    Binary code (sm_86) runs on its major version from its minor one on, PTX (compute_86) on everything from
    there on; what ends in "a" only there, in "f" on its major version (CUDA C++ programming guide, compute
    capabilities).
    """
    known = [code.groups() for code in map(_CODE.fullmatch, architectures) if code]
    for kind, major, minor, suffix in known:
        made_for = int(major), int(minor)
        same = made_for[0] == capability[0]
        if made_for == capability or (
            made_for < capability and suffix != "a" and (same or (kind == "compute" and not suffix))
        ):
            return True
    return not known
