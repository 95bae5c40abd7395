"""A job of the worker, from its request to its last answer."""

import math
import time
from dataclasses import dataclass, field
from typing import Self

from alya_mcp.images.renderer import RenderRequest
from alya_mcp.images.wire.frames import WireError
from alya_mcp.images.wire.messages import Answer, DrawRequest, LoadRequest, Terms, pack_answer
from alya_mcp.images.worker.client import Client
from alya_mcp.images.worker.render_thread import Order


@dataclass(eq=False, slots=True, kw_only=True)
class QueuedJob:
    """A job that waits or runs; `asked`, `until` and `begun` are times of the scheduler's clock.

    `until` is its deadline, `ahead` the number of pictures before it on arrival. Nothing is sent once it
    isn't `wanted`. It takes the turns of `owner`, the client that asked for it, even after that has ended:
    then `client` is None, until another one collects the job by its `key`.
    """

    owner: Client
    client: Client | None
    number: int
    key: str
    request: RenderRequest
    terms: Terms
    asked: float
    until: float
    ahead: int
    begun: float | None = None
    wanted: bool = True
    order: Order | None = None
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls, client: Client, number: int, request: DrawRequest | LoadRequest, now: float, ahead: int
    ) -> Self:
        """The job for `request`; a job that only loads a model has no deadline.

        Raises:
            WireError: the request has no settings.
        """
        job, spent = (request.job, request.spent) if isinstance(request, DrawRequest) else (None, 0.0)
        terms = request.terms
        if terms is None:
            raise WireError("terms is missing")
        model = terms.model if job is None or job.model is None else job.model
        return cls(
            owner=client,
            client=client,
            number=number,
            key=request.key if isinstance(request, DrawRequest) else "",
            request=RenderRequest(
                model=model,
                precision=terms.precision,
                job=job,
                # The user has downloaded a model that a call chooses before.
                download=model == terms.model,
            ),
            asked=now - spent,
            until=math.inf if job is None else now - spent + terms.deadline,
            terms=terms,
            ahead=ahead,
        )

    def tell(self, now: float, answer: Answer) -> None:
        """Send an answer for this job, with the seconds that it has used of its deadline."""
        if self.wanted and self.client is not None:
            self.client.say(pack_answer(answer, self.number, round(max(0.0, now - self.asked), 3)))

    def stop(self) -> None:
        """Stop it at its next step if it runs, and send nothing more for it."""
        self.wanted = False
        if self.order is not None:
            self.order.cancelled.set()
