"""Peaks of a CUDA device's memory, in all and in each phase of a picture."""

import contextlib
from collections.abc import Generator

import torch


class Peaks:
    """This process's memory peaks on a CUDA device, read without synchronising."""

    def __init__(self) -> None:
        self._before = 0

    @property
    def most(self) -> int:
        """The peak in bytes since this process started, or since the last reset."""
        return max(self._before, torch.cuda.max_memory_allocated())

    @contextlib.contextmanager
    def during(self, phase: str, taken: dict[str, int]) -> Generator[None]:
        """Record the body's peak in `taken`, as that of `phase`."""
        self._before = self.most
        torch.cuda.reset_peak_memory_stats()
        try:
            yield
        finally:
            taken[phase] = torch.cuda.max_memory_allocated()
