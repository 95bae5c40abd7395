"""One job of the worker, from its request to its last frame."""

import math
import time
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.renderer import RenderRequest
from alya_mcp.images.worker.client import Client
from alya_mcp.images.worker.protocol import pack
from alya_mcp.images.worker.render_thread import Order

_MAX_SECONDS: Final = 1e9


@dataclass(eq=False, slots=True, kw_only=True)
class Work:
    """A job that waits or runs; `asked`, `until` and `begun` are times of the scheduler's clock.

    `until` is its deadline, `ahead` the number of pictures before it when it came. Nothing more is said to
    its client once it isn't `wanted`.
    """

    client: Client
    number: int
    request: RenderRequest
    asked: float
    until: float
    ahead: int
    begun: float | None = None
    wanted: bool = True
    order: Order | None = None
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls, client: Client, number: int, head: dict[str, Any], job: Job | None, now: float, ahead: int
    ) -> Self:
        """The work that a request's `head` asks for with `job`; only loading has no deadline.

        Raises:
            KeyError, ValueError: when `head` isn't such a request.
        """
        asked = now - seconds(head, "spent")
        return cls(
            client=client,
            number=number,
            request=RenderRequest(
                model=str(head["model"]),
                precision=str(head["precision"]),
                job=job,
                download=head.get("download") is not False,
            ),
            asked=asked,
            until=math.inf if job is None else asked + seconds(head, "deadline"),
            ahead=ahead,
        )

    def tell(self, now: float, head: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame about this job, with the seconds that it has taken of its deadline."""
        if self.wanted:
            spent = round(now - self.asked, 3)
            self.client.say(pack({**head, "id": self.number, "spent": spent}, payload))

    def stop(self) -> None:
        """Have it stop at its next step if it runs, and say no more of it."""
        self.wanted = False
        if self.order is not None:
            self.order.cancelled.set()


def seconds(head: dict[str, Any], field: str) -> float:
    """A number of seconds that `head` holds.

    Raises:
        KeyError, ValueError: when it holds none.
    """
    value = head[field]
    if not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        raise ValueError(f"{field} is not a number of seconds")
    return value


def job_of(head: dict[str, Any]) -> Job | None:
    """The job in a request's `head`; None where only loading is asked for.

    Raises:
        InvalidInput: when no model could draw it.
        KeyError, TypeError: when it isn't one.
    """
    if head["type"] != "render":
        return None
    asked = head["job"]
    if not isinstance(asked, dict):
        raise TypeError("the job is not an object")
    asked = cast("dict[str, Any]", asked)
    if any(type(value) is not (str if name == "prompt" else int) for name, value in asked.items()):
        raise TypeError("the job has a field of another kind")
    return Job(**asked)


def picture_head(picture: Picture) -> dict[str, Any]:
    """What a client is told beside the pixels."""
    return {
        "type": "done",
        "width": picture.width,
        "height": picture.height,
        "model": picture.model,
        "notice": picture.notice,
        "timings": picture.timings,
        "peaks": picture.peaks,
        "truncated": picture.truncated,
        "ignored": picture.ignored,
    }


def refusal(number: int, kind: str, message: str) -> bytes:
    """The frame that ends a call which never became work."""
    return pack({"type": "failure", "id": number, "kind": kind, "message": message})
