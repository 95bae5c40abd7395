"""CUDA graphs: work recorded once and replayed with one launch instead of thousands."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Replay:
    """`work` on tensors of the examples' shapes, recorded as a CUDA graph.

    `answer` is what each call returns, valid until the next one. Recording and replaying belong to one
    thread.
    """

    def __init__(
        self, work: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor], pool: Any = None
    ) -> None:
        self._inputs = [example.clone() for example in examples]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(2):
                work(*self._inputs)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self.answer = work(*self._inputs)

    @property
    def pool(self) -> Any:
        """The memory that graphs which never run at the same time can share."""
        return self._graph.pool()

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        """Do the work on `inputs`."""
        for known, given in zip(self._inputs, inputs, strict=True):
            known.copy_(given)
        self._graph.replay()
        return self.answer
