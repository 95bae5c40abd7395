"""The jobs of the worker: who waits, what runs, what everyone is told. Touched by the event loop only."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alya_mcp.failures import InvalidInput, Unavailable
from alya_mcp.images.client import Client
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.fair import FairQueue
from alya_mcp.images.rendering import Renderer, RendererStatus, RenderPhase, Request
from alya_mcp.images.thread import Cancelled, Failed, Order, Outcome, RenderThread
from alya_mcp.images.wire import pack

MAX_WAITING: Final = 16


@dataclass(eq=False, slots=True, kw_only=True)
class Work:
    """A job of a client, waiting or running."""

    client: Client
    number: int
    request: Request
    since: float
    order: Order | None = None


class Desk:
    """Takes jobs, hands them to the render thread one by one, and calls `end` when no more will be done."""

    def __init__(
        self, create: Callable[[], Renderer], loop: asyncio.AbstractEventLoop, end: Callable[[], None]
    ) -> None:
        self._thread = RenderThread(create, loop)
        self._end = end
        self._waiting: FairQueue[Client, Work] = FairQueue()
        self._running: Work | None = None
        self._renderer = RendererStatus()
        self._since = time.time()
        self._seconds_per_job = 0.0
        self._last_error: str | None = None
        self._lost = False
        self.leaving = False

    def take(self, client: Client, number: int, head: dict[str, Any]) -> None:
        """Queue what `head` asks for, or tell the client why not.

        Raises:
            KeyError, TypeError, ValueError: when `head` isn't such a request.
        """
        try:
            job = Job(**head["job"]) if head["type"] == "render" else None
        except InvalidInput as error:
            self._fail(client, number, InvalidInput.__name__, str(error))
            return
        if self.leaving:
            self._fail(client, number, "leaving", "the image worker takes no more work")
            return
        if len(self._waiting) >= MAX_WAITING:
            wait = self._seconds_per_job * (len(self._waiting) + 1)
            self._fail(
                client,
                number,
                Unavailable.__name__,
                f"The image queue is full: {len(self._waiting)} images wait"
                + (f", about {wait:.0f} s of work" if wait >= 1 else "")
                + ". Call again later",
            )
            return
        request = Request(model=str(head["model"]), precision=str(head["precision"]), job=job)
        work = Work(client=client, number=number, request=request, since=time.monotonic())
        self._waiting.push(client, work)
        self._next()
        self._tell_positions()

    def cancel(self, client: Client, number: int) -> None:
        """Stop the client's job `number`, if it waits or runs."""
        for work in self._waiting:
            if work.client is client and work.number == number:
                self._waiting.remove(client, work)
                self._tell_positions()
                return
        if self._running is not None and self._running.client is client and self._running.number == number:
            self._stop_running()

    def drop(self, client: Client) -> None:
        """Stop everything of a client that has gone."""
        self._waiting.clear(client)
        if self._running is not None and self._running.client is client:
            self._stop_running()
        self._tell_positions()

    def leave(self) -> None:
        """Take no more jobs, and end when those taken are done."""
        self.leaving = True
        self._next()

    def _next(self) -> None:
        if self._running is not None or self._lost:
            return
        work = self._waiting.pop()
        if work is None:
            if self.leaving:
                self._end()
            return
        began = time.monotonic()

        def on_step(phase: RenderPhase, at: float, until: float, message: str) -> None:
            self._step(work, phase, at, until, message)

        def on_end(outcome: Outcome, renderer: RendererStatus) -> None:
            self._renderer = renderer
            self._running = None
            self._since = time.time()
            self._finish(work, began, outcome)
            self._next()
            self._tell_positions()

        work.order = Order(request=work.request, on_step=on_step, on_end=on_end)
        self._running = work
        # Sent before the work begins: if the work ends this process, its caller knows which job did it.
        work.client.say(pack({"type": "begun", "id": work.number}))
        self._since = time.time()
        self._thread.submit(work.order)

    def _stop_running(self) -> None:
        if self._running is not None and self._running.order is not None:
            self._running.order.cancelled.set()

    def _finish(self, work: Work, began: float, outcome: Outcome) -> None:
        match outcome:
            case Picture():
                took = time.monotonic() - began
                self._seconds_per_job = (self._seconds_per_job + took) / 2 if self._seconds_per_job else took
                work.client.say(_picture_frame(work, began, outcome))
            case Failed():
                self._last_error = outcome.message
                self._fail(work.client, work.number, outcome.kind, outcome.message)
                if outcome.fatal:
                    self._lost = self.leaving = True
                    self._end()
            case Cancelled():
                pass
            case None:
                work.client.say(pack({"type": "done", "id": work.number}))

    def _step(self, work: Work, phase: str, at: float, until: float, message: str) -> None:
        head = {
            "type": "step",
            "id": work.number,
            "phase": phase,
            "at": at,
            "until": until,
            "message": message,
        }
        work.client.say(pack(head))

    def _fail(self, client: Client, number: int, kind: str, message: str) -> None:
        client.say(pack({"type": "failure", "id": number, "kind": kind, "message": message}))

    def _tell_positions(self) -> None:
        for before, work in enumerate(self._waiting, start=1):
            ahead = f"{before} images" if before > 1 else "1 image"
            self._step(work, "queue", 1 / (before + 1), 1 / before, f"Waiting: {ahead} first")

    def status(self, clients: int) -> dict[str, Any]:
        """The fields of an EngineStatus."""
        waiting = len(self._waiting)
        state = "leaving" if self.leaving else "idle" if self._running is None else "busy"
        model = self._renderer.model
        detail = {
            "leaving": "The image worker finishes its work and makes room for a newer version",
            "idle": f"{model} is loaded and ready"
            if model
            else "The image worker runs; nothing is loaded yet",
            "busy": f"An image is being drawn, {waiting} more wait" if waiting else "An image is being drawn",
        }[state]
        memory = dict(self._renderer.memory)
        resident = _resident()
        if resident is not None:
            memory["resident"] = resident
        return {
            "state": state,
            "detail": detail,
            "since": self._since,
            "pid": os.getpid(),
            "model": model,
            "device": self._renderer.device,
            "waiting": waiting,
            "clients": clients,
            "memory": memory,
            "last_error": self._last_error,
        }

    def say_alive(self) -> None:
        """Let everyone who waits for something know that this process answers."""
        for work in self._all_work():
            work.client.say(pack({"type": "alive", "id": work.number}))

    def _all_work(self) -> Iterator[Work]:
        running = () if self._running is None else (self._running,)
        return itertools.chain(running, self._waiting)


def _picture_frame(work: Work, began: float, picture: Picture) -> bytes:
    head = {
        "type": "done",
        "id": work.number,
        "width": picture.width,
        "height": picture.height,
        "model": picture.model,
        "notice": picture.notice,
        "timings": {"queue": round((began - work.since) * 1000, 1), **picture.timings},
        "truncated": picture.truncated,
        "ignored": picture.ignored,
    }
    return pack(head, picture.pixels)


def _resident() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
