"""Pictures that are being drawn: each in a task of its own, so that it may outlive its call."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.toolkit.tool import Progress

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job
    from alya_mcp.storage.store import Stored
    from alya_mcp.tools.images.repeat_index import Known

FileFormat = Literal["png", "webp", "jpeg"]

KEPT_SECONDS: Final = 600.0
"""How long a picture that nobody has collected can be."""
MOST_LEFT: Final = 4
"""Drawings of one caller that may go on without a call that waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture in the store, and the milliseconds that each phase took."""

    known: "Known"
    stored: "Stored"
    timings: dict[str, float]


Draw = Callable[[Progress], Coroutine[Any, Any, Drawn]]


@dataclass(eq=False, slots=True, kw_only=True)
class Drawing:
    """One picture on its way.

    `request` is what its call asked for; `began` and `ended` are seconds of the monotonic clock. `left` tells
    that no call waits for it.
    """

    id: str
    grant: str
    request: Hashable
    job: "Job"
    format: FileFormat
    began: float
    ended: float | None = None
    left: bool = False
    _done: float = 0.0
    _total: float = 0.0
    _outcome: Drawn | Exception | None = None
    _listeners: list[Progress] = field(default_factory=list[Progress])
    _over: anyio.Event = field(default_factory=anyio.Event)
    _task: asyncio.Task[None] | None = None

    async def wait(self, seconds: float, progress: Progress) -> Drawn | None:
        """The picture, or None when it isn't there after `seconds`; `progress` is told meanwhile.

        Raises:
            Failure: why it couldn't be drawn.
        """
        self.left = False
        self._listeners.append(progress)
        try:
            with anyio.move_on_after(seconds):
                await self._over.wait()
        finally:
            self._listeners.remove(progress)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    @property
    def remaining(self) -> float | None:
        """Seconds that it may still take, by how far it is; None while that says nothing."""
        share = self._done / self._total if self._total else 0.0
        return None if share < 0.1 else (time.monotonic() - self.began) * (1 - share) / share

    def start(self, draw: Draw) -> None:
        """Draw in a task."""
        self._task = asyncio.create_task(self._run(draw))

    def stop(self) -> None:
        """Give the picture up; the device is free within one step."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, draw: Draw) -> None:
        try:
            self._outcome = await draw(self._tell)
        except Exception as error:  # noqa: BLE001 - raised again in the call that waits
            self._outcome = error
        except asyncio.CancelledError:
            self._outcome = Unavailable("The picture was given up before it was drawn; call again")
        self.ended = time.monotonic()
        self._over.set()

    async def _tell(self, done: float, total: float, message: str) -> None:
        self._done, self._total = done, total
        for listener in tuple(self._listeners):
            await listener(done, total, message)


class Drawings:
    """The drawings of one server."""

    def __init__(self) -> None:
        self._all: dict[str, Drawing] = {}

    def begin(
        self, grant: str, request: Hashable, job: "Job", file_format: FileFormat, draw: Draw
    ) -> Drawing:
        """Start to draw for `grant`.

        Raises:
            Unavailable: when too many of its drawings go on that no call waits for.
        """
        left = [each for each in self._of(grant) if each.left and each.ended is None]
        if len(left) >= MOST_LEFT:
            raise Unavailable(
                f"{len(left)} pictures that you asked for are still being drawn. Get one of them first: call "
                f"image_gen with job {left[0].id!r}"
            )
        drawing = Drawing(
            id=secrets.token_hex(6), grant=grant, request=request, job=job, format=file_format,
            began=time.monotonic(),
        )  # fmt: skip
        self._all[drawing.id] = drawing
        drawing.start(draw)
        return drawing

    def get(self, grant: str, job_id: str) -> Drawing:
        """The drawing that `job_id` names.

        Raises:
            InvalidInput: when `grant` has none of that name.
        """
        for each in self._of(grant):
            if each.id == job_id:
                return each
        raise InvalidInput(
            f"job is {job_id!r}, which names no picture of yours that is being drawn or was within "
            f"{KEPT_SECONDS / 60:.0f} minutes. Leave job out to draw the picture"
        )

    def undelivered(self, grant: str, request: Hashable) -> Drawing | None:
        """A drawing that an earlier call with the same `request` left behind."""
        return next((each for each in self._of(grant) if each.left and each.request == request), None)

    def leave(self, drawing: Drawing) -> None:
        """Let it go on without a call that waits for it."""
        drawing.left = True

    def drop(self, drawing: Drawing) -> None:
        """Forget a drawing that was delivered, failed or isn't wanted; one that goes on is stopped."""
        self._all.pop(drawing.id, None)
        drawing.stop()

    def close(self) -> None:
        """Stop them all."""
        for each in tuple(self._all.values()):
            self.drop(each)

    def _of(self, grant: str) -> list[Drawing]:
        """The drawings of `grant`; what was kept long enough is forgotten first."""
        oldest = time.monotonic() - KEPT_SECONDS
        for each in tuple(self._all.values()):
            if each.ended is not None and each.ended < oldest:
                del self._all[each.id]
        return [each for each in self._all.values() if each.grant == grant]
