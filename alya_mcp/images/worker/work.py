"""One job of the worker, from its request to its last frame."""

import math
import time
from dataclasses import dataclass, field
from typing import Any, Self

from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.rendering import Request
from alya_mcp.images.worker.client import Client
from alya_mcp.images.worker.thread import Order
from alya_mcp.images.worker.wire import pack


@dataclass(eq=False, slots=True, kw_only=True)
class Work:
    """A job that waits or runs; `asked`, `until` and `begun` are times of the desk's clock.

    `until` is its deadline, `ahead` the number of pictures before it when it came. Nothing more is said to
    its client once it isn't `wanted`.
    """

    client: Client
    number: int
    request: Request
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
            KeyError, TypeError, ValueError: when `head` isn't such a request.
        """
        asked = now - float(head["spent"])
        return cls(
            client=client,
            number=number,
            request=Request(model=str(head["model"]), precision=str(head["precision"]), job=job),
            asked=asked,
            until=math.inf if job is None else asked + float(head["deadline"]),
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


def picture_head(picture: Picture) -> dict[str, Any]:
    """What a client is told beside the pixels."""
    return {
        "type": "done",
        "width": picture.width,
        "height": picture.height,
        "model": picture.model,
        "notice": picture.notice,
        "timings": picture.timings,
        "truncated": picture.truncated,
        "ignored": picture.ignored,
    }


def refusal(number: int, kind: str, message: str) -> bytes:
    """The frame that ends a call which never became work."""
    return pack({"type": "failure", "id": number, "kind": kind, "message": message})
