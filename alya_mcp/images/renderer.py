"""The renderer's interface: its requests, progress, status and exceptions."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from alya_mcp.images.engine import Job, Picture

RenderPhase = Literal["load", "encode", "denoise", "decode"]


class CancelledJob(Exception):
    """The job was cancelled. `ReportProgress.__call__` raises it; renderers must not catch it."""


class DeviceLost(Exception):
    """The GPU reported an error that only a new process clears. The text is for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """What to load and what to draw with it; `job` is None where only loading is asked for.

    `download` allows downloading missing weights.
    """

    model: str
    precision: str
    job: Job | None
    download: bool = True


class ReportProgress(Protocol):
    """Tells that `phase` is `at` (0 to 1), to be heard of next at `until`; `preview` as in a JobProgress."""

    def __call__(
        self, phase: RenderPhase, at: float, until: float, message: str, preview: bytes = b"", /
    ) -> None:
        """Report progress; raises if the job is cancelled.

        Raises:
            CancelledJob: the job was cancelled.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RendererStatus:
    """The model in memory, its device, and the memory in bytes by name; None and empty without a model.

    `others` are models that stay in memory beside it. `plan` describes how the model is run, such as "bf16,
    resident, compiled". `temperature` is the device's, in degrees Celsius, if known. `measured` is the time
    of these values, in seconds since 1970.
    """

    model: str | None = None
    device: str | None = None
    memory: Mapping[str, int] = field(default_factory=dict[str, int])
    plan: str | None = None
    temperature: int | None = None
    others: tuple[str, ...] = ()
    measured: float = field(default_factory=time.time, compare=False)


class Renderer(Protocol):
    """Draws one picture at a time, always in the same thread."""

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        """Load the model of `request`, unless it is loaded.

        Raises:
            Failure: with words for the caller.
            DeviceLost, CancelledJob: see there.
        """
        ...

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        """Draw `job` with the model of `request`; raises as `prepare` does."""
        ...

    def tend(self, *, idle: bool) -> bool:
        """Do a small part of the work that makes later pictures faster. True if there is more to do.

        Called between pictures, about every second; `idle` if none waits. Raises DeviceLost.
        """
        ...

    def status(self) -> RendererStatus:
        """The model in memory; called in the renderer's thread after every picture, so it must be fast."""
        ...
