"""Pictures that are being drawn."""

import re
import secrets
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.toolkit.tool import Progress
from alya_mcp.toolkit.work import KEPT_SECONDS, Work

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job
    from alya_mcp.storage.store import Stored
    from alya_mcp.tools.images.repeat_index import Known

FileFormat = Literal["png", "webp", "jpeg"]

_ID: Final = re.compile(r"[0-9a-f]{12}")

MOST_LEFT: Final = 4
"""Drawings of one caller that may go on without a call that waits for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture in the store, and the milliseconds that each phase took; `repeated` from an earlier call."""

    job: "Job"
    known: "Known"
    stored: "Stored"
    timings: dict[str, float]
    repeated: bool = False


Draw = Callable[[Progress], Coroutine[Any, Any, Sequence[Drawn]]]


@dataclass(eq=False, slots=True, kw_only=True)
class Drawing:
    """The pictures of one call on their way.

    `request` is what the call asked for, under the policy with digest `policy`. `waiting` tells of each call
    that waits for them whether its client has given it up. `done` are those that are there, by number. They
    are `paid` once an answer to a call was charged: collecting them is free then.
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
    waiting: list[Callable[[], bool]] = field(default_factory=list[Callable[[], bool]])
    paid: bool = False

    @property
    def job(self) -> "Job":
        """The first picture's."""
        return self.jobs[0]


class Drawings:
    """The drawings of one server."""

    def __init__(self) -> None:
        self._all: dict[str, Drawing] = {}
        self._prefix = secrets.token_hex(3)

    def begin(
        self, grant: str, request: Hashable, jobs: Sequence["Job"], draw: Draw,
        *, done: Mapping[int, Drawn], file_format: FileFormat, expires_in: int, policy: str,
    ) -> Drawing:  # fmt: skip
        """Start to draw for `grant`; `draw` adds to `done`.

        Raises:
            Unavailable: when too many of its drawings go on that no call waits for.
        """
        left = [each for each in self._of(grant) if each.work.left and each.work.ended is None]
        if len(left) >= MOST_LEFT:
            raise Unavailable(
                f"{len(left)} pictures that you asked for are still being drawn. Get one of them first: call "
                f"image_gen with job {left[0].id!r}"
            )
        drawing = Drawing(
            id=self._prefix + secrets.token_hex(3), grant=grant, request=request, jobs=jobs,
            format=file_format, expires_in=expires_in, policy=policy, work=Work(draw), done=done,
        )  # fmt: skip
        self._all[drawing.id] = drawing
        return drawing

    def get(self, grant: str, job_id: str, prompt: str) -> Drawing | None:
        """The drawing that `job_id` names; None when it went with the server that began it.

        Raises:
            InvalidInput: when `grant` has none of that name, or it draws another prompt.
        """
        for each in self._of(grant):
            if each.id == job_id:
                if each.job.prompt != prompt:
                    raise InvalidInput(
                        f"job {each.id!r} draws another prompt than the given one; give the prompt of the "
                        "call that began it"
                    )
                return each
        if _ID.fullmatch(job_id) and not job_id.startswith(self._prefix):
            return None
        raise InvalidInput(
            f"job is {job_id!r}, which names no picture of yours that is being drawn or was within "
            f"{KEPT_SECONDS / 60:.0f} minutes. Leave job out to draw the picture"
        )

    def undelivered(self, grant: str, request: Hashable) -> Drawing | None:
        """A drawing that an earlier call with the same `request` left behind, or that only such wait for."""
        for each in self._of(grant):
            left = each.work.left or any(given_up() for given_up in each.waiting)
            if left and each.request == request:
                return each
        return None

    def drop(self, drawing: Drawing) -> None:
        """Forget a drawing that was delivered, failed or isn't wanted; one that goes on is stopped."""
        self._all.pop(drawing.id, None)
        drawing.work.stop()

    def close(self) -> None:
        """Stop them all."""
        for each in tuple(self._all.values()):
            self.drop(each)

    def _of(self, grant: str) -> list[Drawing]:
        """The drawings of `grant`; what was kept long enough is forgotten first."""
        self._all = {key: each for key, each in self._all.items() if not each.work.is_stale}
        return [each for each in self._all.values() if each.grant == grant]
