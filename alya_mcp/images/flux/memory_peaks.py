"""The most memory of a CUDA device that tensors took, in all and in each phase of a picture."""

import contextlib
from collections.abc import Generator

import torch


class Peaks:
    """Counts on a CUDA device of this process, without a wait for it."""

    def __init__(self) -> None:
        self._before = 0

    @property
    def most(self) -> int:
        """Bytes at most since this process began, or since the count was begun anew."""
        return max(self._before, torch.cuda.max_memory_allocated())

    @contextlib.contextmanager
    def during(self, phase: str, taken: dict[str, int]) -> Generator[None]:
        """Put into `taken` the most bytes during the body, as those of `phase`."""
        self._before = self.most
        torch.cuda.reset_peak_memory_stats()
        try:
            yield
        finally:
            taken[phase] = torch.cuda.max_memory_allocated()
