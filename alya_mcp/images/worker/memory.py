"""Memory pressure: whether other programs need the memory of a worker that no server uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import psutil

_MAIN_SHARE: Final = 20
"""Main memory is short when less than one part of so many is available."""
_GPU_SHARE: Final = 4
"""The GPU's memory can be short only when less than one part of so many is free."""
_NOISE: Final = 256_000_000
"""Bytes by which others' share of the GPU may grow without another program: a display, kernels of our own."""


@dataclass(frozen=True, slots=True)
class MainMemory:
    """Bytes of the machine's memory."""

    available: int
    total: int

    @classmethod
    def now(cls) -> Self:
        """As the system tells it."""
        memory = psutil.virtual_memory()
        return cls(memory.available, memory.total)


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Bytes of the GPU's memory; `taken` by anything but this process's tensors and reserves."""

    free: int
    total: int
    taken: int

    @classmethod
    def of(cls, memory: Mapping[str, int]) -> Self | None:
        """What a renderer's status tells; None where there is no such memory."""
        try:
            free, total, own = memory["gpu_free"], memory["gpu_total"], memory["gpu_reserved"]
        except KeyError:
            return None
        return cls(free, total, total - free - own)


def shortage(main: MainMemory, gpu: GpuMemory | None, before: GpuMemory | None) -> str | None:
    """Which memory is short, as the end of a sentence; None when none is.

    The loaded model may itself fill the GPU. So its memory counts as short when another program has taken
    some since `before`, when the worker was last in use.
    """
    if main.available * _MAIN_SHARE < main.total:
        return f"only {_gigabytes(main.available)} of {_gigabytes(main.total)} of main memory were free"
    if gpu is None or before is None or gpu.free * _GPU_SHARE >= gpu.total:
        return None
    if gpu.taken - before.taken <= _NOISE:
        return None
    return f"another program needs the GPU's memory ({_gigabytes(gpu.free)} of {_gigabytes(gpu.total)} free)"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
