"""Drawings in progress, which may outlive the call that started them."""

import re
import secrets
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.toolkit.tool import Progress
from alya_mcp.toolkit.work import KEPT_SECONDS, Work
from alya_mcp.tools.images.begun import Begun, BegunDrawings, other_prompt
from alya_mcp.tools.images.request import FileFormat, ImageRequest, request_of

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job
    from alya_mcp.storage.store import Stored
    from alya_mcp.toolkit.services import Hub
    from alya_mcp.tools.images.repeat_index import Known

_ID: Final = re.compile(r"[0-9a-f]{12}")

MOST_LEFT: Final = 4
"""Drawings of one caller that may go on without a call that waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture in the store, and the milliseconds that each phase took; `repeated` from an earlier call.

    `anew`: it was drawn a second time because the first drawing was lost.
    """

    job: "Job"
    known: "Known"
    stored: "Stored"
    timings: dict[str, float]
    repeated: bool = False
    anew: bool = False


Draw = Callable[[Progress, str], Coroutine[Any, Any, Sequence[Drawn]]]
"""Draws and stores pictures; the engine may keep them by the given key."""


@dataclass(eq=False, slots=True, kw_only=True)
class Drawing:
    """The pictures of one call while they are drawn.

    `request` is what the call asked for, under the policy with digest `policy`. `waiting` has, for each call
    that waits for them, whether its client has abandoned it. `done` are the finished ones by number,
    `previews` small JPEGs of those in progress. Once a call for them was charged they are `paid`, and
    collecting them is free.
    """

    id: str
    grant: str
    request: Hashable
    jobs: Sequence["Job"]
    format: FileFormat
    expires_in: int
    policy: str
    work: Work[Sequence[Drawn]]
    done: Mapping[int, Drawn]
    previews: Mapping[int, bytes]
    waiting: list[Callable[[], bool]] = field(default_factory=list[Callable[[], bool]])
    paid: bool = False

    @property
    def job(self) -> "Job":
        """The id of the first picture's job."""
        return self.jobs[0]

    @property
    def preview(self) -> bytes:
        """That of the first picture that has one; empty where none has."""
        return self.previews[min(self.previews)] if self.previews else b""


def drawings_of(hub: "Hub") -> "Drawings":
    """The drawings of the hub's server."""
    return hub.kept(Drawings, lambda: Drawings(hub.settings.home))


class Drawings:
    """The drawings of one server, and those left by ended servers of `home`."""

    def __init__(self, home: Path) -> None:
        self._all: dict[str, Drawing] = {}
        self._prefix = secrets.token_hex(3)
        self._begun = BegunDrawings(home, self._prefix)
        self._owed: set[str] = set()

    def left_behind(self, grant: str, arguments: ImageRequest) -> Begun | None:
        """The drawing of an ended server for `grant` that `arguments` ask for.

        Raises:
            InvalidInput: when their `job` draws another prompt.
        """
        return self._begun.left(grant, arguments)

    def forget(self, begun: Begun) -> None:
        """Delete a drawing of an ended server that needn't be collected."""
        if self._begun.claim(begun):
            self._begun.forget(begun.id)

    def begin(
        self, grant: str, arguments: ImageRequest, jobs: Sequence["Job"], draw: Draw,
        *, done: Mapping[int, Drawn], previews: Mapping[int, bytes], policy: str,
        begun: Begun | None = None,
    ) -> Drawing:  # fmt: skip
        """Start drawing what `arguments` ask for, for `grant`, or collecting what was `begun`.

        `begun` is what an ended server left. `draw` adds to `done`, and keeps `previews`.

        Raises:
            Unavailable: when too many of its drawings go on that no call waits for, or another call collects
                what was begun.
        """
        left = [each for each in self._of(grant) if each.work.left and each.work.ended is None]
        if len(left) >= MOST_LEFT:
            raise Unavailable(
                f"{len(left)} pictures that you asked for are still being drawn. Get one of them first: call "
                f"image_gen with job {left[0].id!r}"
            )
        if begun is None:
            job_id = self._prefix + secrets.token_hex(3)
            key = self._begun.note(job_id, grant, arguments, jobs[0].seed, policy)
        elif self._begun.claim(begun):
            job_id, key, policy = begun.id, begun.key, begun.policy
        else:
            raise collected_meanwhile()
        self._owed.discard(job_id)
        drawing = Drawing(
            id=job_id, grant=grant, request=request_of(arguments), jobs=jobs, format=arguments.format,
            expires_in=arguments.expires_in, policy=policy, work=Work(lambda progress: draw(progress, key)),
            done=done, previews=previews, paid=begun is not None and begun.paid,
        )  # fmt: skip
        self._all[drawing.id] = drawing
        return drawing

    def get(self, grant: str, job_id: str, prompt: str) -> Drawing | None:
        """The drawing with the id `job_id`; None if it was lost with its server.

        Raises:
            InvalidInput: when `grant` has none of that name, or it draws another prompt.
        """
        for each in self._of(grant):
            if each.id == job_id:
                if each.job.prompt != prompt:
                    raise other_prompt(each.id)
                return each
        if job_id in self._owed or (_ID.fullmatch(job_id) and not job_id.startswith(self._prefix)):
            return None
        raise InvalidInput(
            f"job is {job_id!r}, which names no picture of yours that is being drawn or was within "
            f"{KEPT_SECONDS / 60:.0f} minutes. Leave job out to draw the picture"
        )

    def undelivered(self, grant: str, request: Hashable) -> Drawing | None:
        """A drawing for the same `request` that no call waits for, or only abandoned ones."""
        for each in self._of(grant):
            left = each.work.left or any(given_up() for given_up in each.waiting)
            if left and each.request == request:
                return each
        return None

    def leave(self, drawing: Drawing, *, paid: bool) -> None:
        """Let a drawing go on without a waiting call; `paid` if a call for it was charged."""
        drawing.work.left = True
        drawing.paid = drawing.paid or paid
        self._begun.set_paid(drawing.id, paid=drawing.paid)

    def drop(self, drawing: Drawing) -> None:
        """Drop a drawing that was delivered, failed or was cancelled; one in progress is stopped."""
        self._all.pop(drawing.id, None)
        self._begun.forget(drawing.id)
        drawing.work.stop()

    def owe(self, drawing: Drawing) -> None:
        """Forget a drawing that failed; it was paid, so a later call for the same draws it again for free."""
        self._all.pop(drawing.id, None)
        self._owed.add(drawing.id)
        self._begun.owe(drawing.id)

    def close(self) -> None:
        """Stop all drawings at the server's end; those that the engine keeps may be collected later."""
        for each in self._all.values():
            each.work.stop()
        self._all.clear()
        self._begun.close()

    def _of(self, grant: str) -> list[Drawing]:
        """The drawings of `grant`, after dropping expired ones."""
        self._all = {key: each for key, each in self._all.items() if not each.work.is_stale}
        return [each for each in self._all.values() if each.grant == grant]


def collected_meanwhile() -> Unavailable:
    """The error for a drawing that another call collected first."""
    return Unavailable("Another call has collected this picture meanwhile; call again to have it drawn")
