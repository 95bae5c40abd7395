"""The worker's scheduler: queue, deadlines, progress. Used by the event loop only."""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.images.engine import EngineState, EngineStatus, Phase, Picture
from alya_mcp.images.renderer import Renderer, RendererStatus
from alya_mcp.images.wire.messages import (
    DEVICE_LOST,
    LEAVING,
    LOST,
    Answer,
    DrawRequest,
    Failed,
    JobStep,
    LoadRequest,
    Sign,
    pack_answer,
)
from alya_mcp.images.worker.client import Client
from alya_mcp.images.worker.deadline_clock import WorkClock
from alya_mcp.images.worker.fair_queue import FairQueue
from alya_mcp.images.worker.health import WorkerHealth
from alya_mcp.images.worker.kept import MOST_LEFT, KeptDrawings
from alya_mcp.images.worker.log import say
from alya_mcp.images.worker.memory import GpuMemory, MainMemory, shortage
from alya_mcp.images.worker.queued_job import QueuedJob
from alya_mcp.images.worker.render_thread import Order, RenderOutcome, RenderThread
from alya_mcp.images.worker.run_folder import Ending

MAX_WAITING: Final = 16
GRACE = 60.0
"""Seconds that a picture has to stop after its deadline; then this process ends, to free the device."""
_LOOK_AGAIN: Final = 1.0
_LOOK_LIMIT: Final = 2.0
"""Seconds to wait for the renderer's status."""


class Scheduler:
    """Queues jobs, gives them to the render thread one by one, and calls `end` when it is finished."""

    def __init__(
        self,
        create: Callable[[], Renderer],
        loop: asyncio.AbstractEventLoop,
        end: Callable[[], None],
        before: Ending,
    ) -> None:
        self._thread = RenderThread(create, loop)
        self._loop = loop
        self._end = end
        self._clock = WorkClock()
        self._waiting: FairQueue[Client, QueuedJob] = FairQueue()
        self._kept = KeptDrawings()
        self._running: QueuedJob | None = None
        self._health = WorkerHealth.after(before)
        self._loading = ""
        self._seconds_per_job = 0.0
        self.linger = 0.0
        self._idle = 0.0
        self._unused: float | None = None
        self._reason: str | None = None
        self._gpu: GpuMemory | None = None
        self._looking = False
        self._idle_timer: asyncio.TimerHandle | None = None
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._over = False
        self.leaving = False

    # -- what clients ask for

    def take(self, client: Client, number: int, request: DrawRequest | LoadRequest) -> None:
        """Queue the job of `request`, or send the client a refusal.

        Raises:
            WireError: the request has no settings.
        """
        ahead = len(self._waiting) + (self._running is not None)
        work = QueuedJob.of(client, number, request, self._clock.now(), ahead)
        self._idle, self.linger = work.terms.idle, work.terms.linger
        if self.leaving:
            client.say(
                pack_answer(Failed(kind=LEAVING, message="the image worker takes no more work"), number)
            )
            return
        if len(self._waiting) >= MAX_WAITING:
            client.say(pack_answer(Failed.of(Unavailable(self._full())), number))
            return
        self._waiting.push(client, work)
        self._proceed()

    def cancel(self, client: Client, number: int) -> None:
        """Cancel the client's job `number`, if it waits or runs."""
        for work in list(self._all_work()):
            if work.client is client and work.number == number:
                self._stop(work)
        self._proceed()

    def drop(self, client: Client) -> None:
        """Cancel the jobs of a client that has ended, except those that another one may collect."""
        for work in list(self._all_work()):
            if work.client is client:
                if work.key and work.wanted and self.left < MOST_LEFT:
                    work.client = None
                else:
                    self._stop(work)
        self._proceed()

    def collect(self, client: Client, number: int, key: str) -> None:
        """Give the client the drawing that another one started with `key`, or its outcome."""
        outcome = self._kept.take(key)
        if outcome is not None:
            client.say(pack_answer(outcome, number))
            return
        for work in self._all_work():
            if work.key == key and work.wanted:
                work.client, work.number = client, number
                self._tell(work, Sign("accepted" if work.begun is None else "begun"))
                self._proceed()
                return
        client.say(pack_answer(Failed(kind=LOST, message="the image worker has no such drawing"), number))

    @property
    def left(self) -> int:
        """The number of drawings without a server, including finished ones."""
        return len(self._kept) + sum(work.client is None for work in self._all_work())

    @property
    def keeps_for(self) -> float:
        """Seconds for which drawings without a server still need this process; 0 if there are none."""
        self._kept.tidy()
        goes_on = any(work.client is None for work in self._all_work())
        return max(self._kept.last_end, _LOOK_AGAIN if goes_on else 0.0)

    def forget_left(self) -> None:
        """Cancel and drop the drawings without a server."""
        self._kept.clear()
        for work in list(self._all_work()):
            if work.client is None:
                self._stop(work)
        self._proceed()

    def leave(self) -> None:
        """Accept no more jobs, and end when the accepted ones are done."""
        self.leaving = True
        self._proceed()

    def finish(self) -> None:
        """Start no more jobs, and end."""
        self._over = self.leaving = True
        self._end()

    @property
    def unloaded(self) -> bool:
        """Whether no model is loaded or about to be."""
        return self._running is None and self._health.renderer.model is None

    def give_way(self) -> None:
        """End if other programs need the loaded model's memory; to be called while the worker is unused."""
        if self._running is not None or self._looking:
            return
        self._looking = True

        def looked(renderer: RendererStatus) -> None:
            self._looking = False
            self._health.renderer = renderer
            self._reason = shortage(MainMemory.now(), GpuMemory.of(renderer.memory), self._gpu)
            if self._reason is not None and self._running is None:
                say(f"ending: {self._reason}")
                self.finish()

        self._thread.look(looked)

    def report(self, clients: int, leaves_in: float | None, then: Callable[[EngineStatus], None]) -> None:
        """Call `then` with the worker's status: at once while it draws, else after asking the renderer.

        A renderer that does background work isn't waited for: then it is the last known status. `leaves_in`
        are the seconds after which the worker ends because no server uses it any more.
        """
        if self._running is not None:
            then(self._status(clients, leaves_in))
            return
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                then(self._status(clients, leaves_in))

        def looked(renderer: RendererStatus) -> None:
            self._health.renderer = renderer
            tell()

        self._loop.call_later(_LOOK_LIMIT, tell)
        self._thread.look(looked)

    def say_alive(self) -> None:
        """Send a heartbeat to all waiting clients."""
        for work in self._all_work():
            self._tell(work, Sign("alive"))

    def ending(self) -> Ending:
        """The ending to record for the next worker."""
        return self._health.ending(self._unused, self._reason)

    # -- what becomes of it

    def _proceed(self) -> None:
        self._next()
        for before, work in enumerate(self._waiting, start=1):
            waits = f"Waiting: {_images(before)} first"
            self._tell(work, JobStep(phase="queue", at=1 / (before + 1), until=1 / before, message=waits))
        self._watch_deadlines()

    def _next(self) -> None:
        if self._running is not None or self._over:
            return
        work = self._waiting.pop()
        if work is None:
            if self.leaving:
                self.finish()
            elif self._idle > 0 and self._idle_timer is None:
                self._idle_timer = self._loop.call_later(self._idle, self._end_unused)
            return
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._running = work
        self._health.turn()
        work.begun = self._clock.now()
        queued = time.monotonic() - work.since

        def on_step(step: JobStep) -> None:
            self._time(step.phase)
            self._loading = step.message if step.phase == "load" else ""
            self._tell(work, step)

        def on_end(outcome: RenderOutcome, renderer: RendererStatus) -> None:
            self._clock.go()
            self._running = None
            self._health.turn()
            self._health.renderer = renderer
            self._gpu = GpuMemory.of(renderer.memory)
            if isinstance(outcome, Failed) and outcome.kind == DEVICE_LOST:
                self.finish()
            # The device gets its next job before the pixels are packed and sent.
            self._next()
            self._settle(work, queued, outcome)
            self._proceed()

        work.order = Order(request=work.request, on_step=on_step, on_end=on_end)
        # Sent before the work starts: if the work crashes this process, the server knows which job did it.
        self._tell(work, Sign("begun"))
        self._thread.submit(work.order)

    def _settle(self, work: QueuedJob, queued: float, outcome: RenderOutcome) -> None:
        now = self._clock.now()
        match outcome:
            case Picture():
                took = now - (work.begun or now)
                self._seconds_per_job = (self._seconds_per_job + took) / 2 if self._seconds_per_job else took
                timings = {"queue": round(queued * 1000, 1), **outcome.timings}
                self._tell(work, replace(outcome, timings=timings))
            case Failed():
                self._fail(work, outcome)
            case None:
                self._tell(work, Sign("loaded"))
            case _:
                pass

    def _tell(self, work: QueuedJob, answer: Answer) -> None:
        work.tell(self._clock.now(), answer)
        if work.client is None and work.wanted and isinstance(answer, Picture | Failed):
            self._kept.add(work.key, answer)

    def _fail(self, work: QueuedJob, failed: Failed) -> None:
        if failed.kind != InvalidInput.__name__:
            self._health.fail(failed.message)
        self._tell(work, failed)

    def _stop(self, work: QueuedJob) -> None:
        work.stop()
        self._waiting.remove(work.owner, work)

    # -- time

    def _time(self, phase: Phase) -> None:
        """Pause the clock while a model is loaded."""
        stood = self._clock.stands
        if phase == "load":
            self._clock.stop()
        else:
            self._clock.go()
        if self._clock.stands != stood:
            self._watch_deadlines()

    def _watch_deadlines(self) -> None:
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
            self._deadline_timer = None
        first = min((work.until for work in self._all_work()), default=math.inf)
        if first < math.inf and not self._clock.stands:
            left = max(0.0, first - self._clock.now())
            self._deadline_timer = self._loop.call_later(left, self._expire)

    def _expire(self) -> None:
        now = self._clock.now()
        for ahead, work in enumerate(list(self._all_work())):
            if work.until > now:
                continue
            self._fail(work, Failed.of(Unavailable(_too_late(work, now, ahead))))
            self._stop(work)
            work.until = math.inf
            if work is self._running:
                self._loop.call_later(GRACE, self._give_up, work)
        self._proceed()

    def _give_up(self, work: QueuedJob) -> None:
        if work is self._running:
            self._health.fail(
                f"A picture didn't stop within {GRACE:.0f} s after its deadline; the image worker ended, to "
                "free the device"
            )
            self.finish()

    def _end_unused(self) -> None:
        if (keeps := self.keeps_for) > 0:
            self._idle_timer = self._loop.call_later(keeps, self._end_unused)
            return
        self._unused = self._idle
        self.finish()

    # -- how it is

    def _full(self) -> str:
        wait = self._seconds_per_job * (len(self._waiting) + 1)
        return (
            f"The image queue is full: {len(self._waiting)} images wait"
            + (f", about {wait:.0f} s of work" if wait >= 1 else "")
            + ". Call again later"
        )

    def _status(self, clients: int, leaves_in: float | None) -> EngineStatus:
        state: EngineState = "leaving" if self.leaving else "idle" if self._running is None else "busy"
        loading = (self._loading or "A model is being loaded") if self._clock.stands else None
        status = self._health.status(state, waiting=len(self._waiting), clients=clients)
        return replace(status, leaves_in=leaves_in, loading=loading)

    def _all_work(self) -> Iterator[QueuedJob]:
        """The running and waiting jobs, in the order in which they will be done."""
        running = () if self._running is None else (self._running,)
        return itertools.chain(running, self._waiting)


def _too_late(work: QueuedJob, now: float, ahead: int) -> str:
    begun = now if work.begun is None else work.begun
    waited = f"waited {_seconds(begun - work.asked)} in the queue"
    allowed = f"a picture may take {_seconds(work.until - work.asked)} (ALYA_IMAGE_DEADLINE)"
    if work.begun is None:
        return (
            f"The picture {waited}, with {_images(ahead)} still ahead of it, and left it: {allowed}. Call "
            "again when fewer wait, which alya_status tells, or the user can set ALYA_IMAGE_DEADLINE higher"
        )
    drawn = f"was drawn for {_seconds(now - begun)}"
    return (
        f"The picture {waited}, with {_images(work.ahead)} ahead of it, {drawn} and was stopped: {allowed}. "
        "Call again with fewer steps, or the user can set ALYA_IMAGE_DEADLINE higher"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"
