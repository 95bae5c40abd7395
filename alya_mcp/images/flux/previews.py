"""Small pictures of what is drawn so far: the loaded decoder's own, of fewer latents.

After a step the scheduler's line leads from the noise through the latents to where the model sees the picture
by then, which is taken. It resembles the picture from the first step on, while the latents are mostly noise.
"""

import time
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.device_memory import is_no_memory
from alya_mcp.images.flux.pipeline import Artist

SIDE: Final = 128
"""Pixels of the longer side, where so many come of `_LEAST` latents or more."""
SHARE: Final = 0.03
"""Of the time that is drawn, what previews after the first one may take in all."""
_LEAST: Final = 6
"""Latents of the longer side at least: fewer of alya-sketch's no longer tell what the picture shows."""


class Previews:
    """The previews of one drawing of `job`: one after its first step, and more while they take little time.

    There is none after the last step, as the picture itself follows. Those after the first may take `share`
    of the time that is drawn. When memory ends for one there are no more, as it is for the picture.
    """

    def __init__(self, artist: Artist, job: Job, *, share: float = SHARE) -> None:
        self._artist = artist
        self._job = job
        self._share = share
        self._noise = [float(each) for each in artist.sigmas(job)[0]]
        self._began = time.perf_counter()
        self._has_room = True
        self._last: float | None = None
        self._spent = 0.0
        self._taken: tuple[int, Tensor, _Watch] | None = None

    def wanted(self, step: int) -> bool:
        """Whether one is to be taken of step number `step`, the first of which is 1."""
        if not self._has_room or self._taken is not None or step >= len(self._noise) - 1:
            return False
        drawn = time.perf_counter() - self._began
        return self._last is None or self._spent + self._last <= self._share * drawn

    @torch.no_grad()
    def take(self, step: int, before: Tensor, after: Tensor) -> None:
        """Take that of number `step`, which led from the latents `before` to those `after` it."""
        watch = _Watch(self._artist.device)
        now, then = self._noise[step - 1 : step + 1]
        try:
            clean = after.float() - then / (then - now) * (after.float() - before.float())
            with torch.compiler.set_stance("force_eager"):
                levels, _ = self._artist.decode(self._fewer(self._artist.scaled(self._job, clean)))
            self._taken = step, levels.to("cpu", non_blocking=True), watch
        except (RuntimeError, MemoryError) as error:
            if not is_no_memory(error):
                raise
            self._has_room = False
        watch.stop()

    def of(self, step: int) -> Tensor | None:
        """What was taken of number `step`: (height, width, 3), 8 bits a channel; once the step is done."""
        if self._taken is None or self._taken[0] != step:
            return None
        _, levels, watch = self._taken
        self._taken = None
        self._last = watch.seconds
        self._spent += self._last
        return levels

    def _fewer(self, latents: Tensor) -> Tensor:
        """Latents (1, channels, height, width) of the same picture, so few that it is decoded small."""
        height, width = latents.shape[2:]
        most = max(_LEAST, SIDE // int(self._artist.pipeline.vae_scale_factor))
        longest = max(height, width)
        if longest <= most:
            return latents
        fewer = latents.float()
        if (pooled := longest // (2 * most)) > 1:
            fewer = functional.avg_pool2d(fewer, min(pooled, height, width))
        size = [max(1, round(side * most / longest)) for side in (height, width)]
        return functional.interpolate(fewer, size=size, mode="bicubic").to(latents.dtype)


class _Watch:
    """Times work on `device` from when it is made until `stop`, without waiting for CUDA."""

    def __init__(self, device: torch.device) -> None:
        if device.type == "mps":  # what was asked for before isn't part of it
            torch.mps.synchronize()
        self._events: list[Any] = []
        self._cuda = device.type == "cuda"
        self._began = self._ended = 0.0
        self._began = self._mark()

    def stop(self) -> None:
        """The work has been asked for, and is done where the device isn't CUDA."""
        self._ended = self._mark()

    @property
    def seconds(self) -> float:
        """How long it took; to be asked once the work is done."""
        if self._cuda:
            begun, ended = self._events
            return float(begun.elapsed_time(ended)) / 1000
        return self._ended - self._began

    def _mark(self) -> float:
        if self._cuda:
            event: Any = torch.cuda.Event(enable_timing=True)
            event.record()
            self._events.append(event)
        return time.perf_counter()
