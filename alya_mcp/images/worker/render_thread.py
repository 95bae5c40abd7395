"""The thread that runs the renderer, from its imports to the last pixel."""

import asyncio
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Picture
from alya_mcp.images.renderer import (
    CancelledJob,
    DeviceLost,
    Renderer,
    RendererStatus,
    RenderPhase,
    RenderRequest,
)
from alya_mcp.images.wire.messages import DEVICE_LOST, Failed, JobStep

_TENDING: Final = 0.5
"""Seconds without an order after which the renderer's background work goes on."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The outcome of a job that was cancelled."""


RenderOutcome = Picture | Failed | Cancelled | None
"""The outcome of an order: None if it only asked to load the model."""


@dataclass(eq=False, slots=True, kw_only=True)
class Order:
    """Work for the thread; `on_step` and `on_end` are called in the event loop."""

    request: RenderRequest
    on_step: Callable[[JobStep], None]
    on_end: Callable[[RenderOutcome, RendererStatus], None]
    cancelled: threading.Event = field(default_factory=threading.Event)


OnStatus = Callable[[RendererStatus], None]


class RenderThread:
    """Executes orders one after the other, with a renderer that `create` makes in the thread."""

    def __init__(self, create: Callable[[], Renderer], loop: asyncio.AbstractEventLoop) -> None:
        self._create = create
        self._loop = loop
        self._renderer: Renderer | None = None
        self._seen = RendererStatus()
        self._asked: queue.SimpleQueue[Order | OnStatus] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="render", daemon=True).start()

    def submit(self, order: Order) -> None:
        """Add an order."""
        self._asked.put(order)

    def look(self, on_status: OnStatus) -> None:
        """Call `on_status` in the event loop with the renderer's status, or the last known one."""
        self._asked.put(on_status)

    def _run(self) -> None:
        more = False
        while True:
            try:
                asked = self._asked.get(timeout=_TENDING if more else None)
            except queue.Empty:
                more = self._tend(idle=True)
                continue
            if isinstance(asked, Order):
                outcome = self._fill(asked)
                # Only here, outside every except block, can the tensors of a failed job be freed.
                self._loop.call_soon_threadsafe(asked.on_end, outcome, self._status())
                del outcome
                more = self._tend(idle=False)
            else:
                self._loop.call_soon_threadsafe(asked, self._status())
            del asked

    def _tend(self, *, idle: bool) -> bool:
        try:
            return self._renderer is not None and self._renderer.tend(idle=idle)
        except Exception:  # noqa: BLE001 - what it left undone, or a lost device, shows with the next picture
            traceback.print_exc(file=sys.stderr)
            return False

    def _status(self) -> RendererStatus:
        if self._renderer is not None:
            try:
                self._seen = self._renderer.status()
            except Exception:  # noqa: BLE001 - a device that can't be asked must not cost a picture
                traceback.print_exc(file=sys.stderr)
        return self._seen

    def _fill(self, order: Order) -> RenderOutcome:
        began: dict[RenderPhase, float] = {}

        def report(
            phase: RenderPhase, at: float, until: float, message: str, preview: bytes = b"", /
        ) -> None:
            if order.cancelled.is_set():
                raise CancelledJob
            began.setdefault(phase, time.monotonic())
            step = JobStep(phase=phase, at=at, until=until, message=message, preview=preview)
            self._loop.call_soon_threadsafe(order.on_step, step)

        request = order.request
        try:
            if self._renderer is None:
                self._renderer = self._create()
            renderer = self._renderer
            if request.job is None:
                renderer.prepare(request, report)
                return None
            picture = renderer.render(request, request.job, report)
            return replace(picture, timings=_durations(began, time.monotonic()))
        except CancelledJob:
            return Cancelled()
        except DeviceLost as lost:
            return Failed(kind=DEVICE_LOST, message=str(lost))
        except Failure as failure:
            return Failed.of(failure)
        except MemoryError:
            return Failed(
                kind=Failure.__name__,
                message="The machine ran out of memory for this picture; close other programs and call again",
            )
        except BaseException as error:  # noqa: BLE001 - whatever a library raises ends this job alone
            sys.stderr.write(_particulars(request))
            return Failed(
                kind=Failure.__name__,
                message=f"Drawing failed for a reason that isn't known ({type(error).__name__}). "
                "The user finds it in logs/image-worker.log of ALYA_HOME",
            )


def _particulars(request: RenderRequest) -> str:
    """The traceback of the current exception, without the prompt that it may quote."""
    text = traceback.format_exc()
    prompt = request.job.prompt if request.job is not None else ""
    for quoted in filter(None, (prompt, repr(prompt)[1:-1])):
        text = text.replace(quoted, "[prompt]")
    return text


def _durations(began: dict[RenderPhase, float], end: float) -> dict[str, float]:
    ends = [*list(began.values())[1:], end]
    return {
        phase: round((until - since) * 1000, 1)
        for (phase, since), until in zip(began.items(), ends, strict=True)
    }
