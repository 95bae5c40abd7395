"""Memory pressure: whether other programs need the memory of a worker that no server uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import psutil

_MAIN_SHARE: Final = 20
"""Main memory is short if less than this fraction, 1 / N, is available."""
_GPU_SHARE: Final = 4
"""The GPU's memory can be short only if less than this fraction, 1 / N, is free."""
_NOISE: Final = 256_000_000
"""Growth of other programs' GPU memory that is ignored, in bytes: a display, our own kernels."""


@dataclass(frozen=True, slots=True)
class MainMemory:
    """Bytes of the machine's memory."""

    available: int
    total: int

    @classmethod
    def now(cls) -> Self:
        """The current values of the system."""
        memory = psutil.virtual_memory()
        return cls(memory.available, memory.total)


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Bytes of the GPU's memory; `taken` excludes this process's tensors and its allocator's cache."""

    free: int
    total: int
    taken: int

    @classmethod
    def of(cls, memory: Mapping[str, int]) -> Self | None:
        """The GPU's memory in a renderer's status, or None."""
        try:
            free, total, own = memory["gpu_free"], memory["gpu_total"], memory["gpu_reserved"]
        except KeyError:
            return None
        return cls(free, total, total - free - own)


def shortage(main: MainMemory, gpu: GpuMemory | None, before: GpuMemory | None) -> str | None:
    """The memory that is short, as the end of a sentence, or None.

    The loaded model may itself fill the GPU. So its memory counts as short if another program has taken some
    since `before`, the state when the worker was last in use.
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
