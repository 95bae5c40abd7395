"""The ingress of the Ray application: checks the token, limits the queue, retries lost replicas' jobs."""

import asyncio
import hmac
import logging
import math
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import DeploymentUnavailableError, RayServeException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alya_mcp.errors import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.images.engine import EngineStatus, Job, Picture, Replicas
from alya_mcp.images.ray.endpoints import MEDIA_TYPE, PICTURES, STATUS
from alya_mcp.images.renderer import RendererStatus
from alya_mcp.images.wire.frames import WireError, unpack
from alya_mcp.images.wire.messages import (
    ALIVE,
    MAX_FILES,
    Answer,
    DrawRequest,
    Failed,
    JobStep,
    Sign,
    pack_answer,
    read_request,
)
from alya_mcp.images.worker.fair_queue import FairQueue

_TOKEN: Final = "ALYA_RAY_TOKEN"  # noqa: S105 - the name of a variable
_LEAST_TOKEN: Final = 16
_MAX_REQUEST: Final = (64 << 10) + MAX_FILES
_ABOUT_LIMIT: Final = 1.5
_LOOK_LIMIT: Final = 2.5
"""Seconds in which a status request is answered; its client waits for 5."""
_MOST_TRIES: Final = 3
"""Replicas that may be lost while they are known to draw a picture."""
_MOST_LOSSES: Final = 6
"""Replicas that may be lost with a picture in all: a crash may come before a replica reports the start."""
_NO_REPLICA: Final = (
    "No replica of the Ray application can start. The user finds the reason on the cluster with "
    "`serve status`"
)

_log = logging.getLogger("ray.serve")


@dataclass(eq=False, slots=True)
class Ticket:
    """An accepted job: the messages for its client, whether a replica draws it, the last reported wait.

    None ends the messages.
    """

    client: str
    job: Job
    answers: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue[Answer | None])
    since: float = field(default_factory=time.monotonic)
    begun: bool = False
    told: JobStep | None = None
    drawing: "asyncio.Task[None] | None" = None


class Ingress:
    """Accepts up to `room` jobs for `replicas`, a handle to the replicas of the deployment `name`.

    At most `hands` of them are given to Ray; the others wait here in a queue that is fair between clients.

    Raises:
        NotConfigured: this process's environment has no token, or too short a one.
    """

    def __init__(self, replicas: Any, name: str, room: int, hands: int) -> None:
        self._token = os.environ.get(_TOKEN, "").strip().encode()
        if len(self._token) < _LEAST_TOKEN:
            raise NotConfigured(
                f"{_TOKEN} has {len(self._token)} characters; it takes at least {_LEAST_TOKEN}. Set it in "
                "the environment of `ray start` on every machine of the cluster"
            )
        self._replicas = replicas
        self._name = name
        self._room = room
        self._hands = hands
        self._given: dict[Ticket, None] = {}
        self._queue: FairQueue[str, Ticket] = FairQueue()
        self._renderer: RendererStatus | None = None
        self._since = time.time()
        self._last_error: tuple[str, float] | None = None
        self._looked = -math.inf
        self._failed = self._none_ready = False

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not hmac.compare_digest(token.strip().encode(), self._token):
            return _refusal(401, "the token is wrong", {"WWW-Authenticate": "Bearer"})
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if (request.method, path) == ("POST", PICTURES):
            return await self._take(request)
        if (request.method, path) == ("GET", STATUS):
            return _one(await self._status())
        return _refusal(404, "there is nothing here")

    # -- pictures

    async def _take(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_REQUEST:
                return _refusal(413, f"a request for a picture has at most {_MAX_REQUEST} bytes")
        try:
            wanted = read_request(unpack(bytes(body)))
        except WireError as error:
            return _refusal(400, str(error))
        except InvalidInput as error:
            return _one(Failed.of(error))
        if not isinstance(wanted, DrawRequest):
            return _refusal(400, "type is not that of a picture to draw")
        return StreamingResponse(_packed(self._answers(wanted)), media_type=MEDIA_TYPE)

    async def _answers(self, wanted: DrawRequest) -> AsyncGenerator[Answer]:
        # A job is counted only here: a caller that has left doesn't get this far.
        if len(self._given) + len(self._queue) >= self._room and not wanted.again:
            full = (
                f"The Ray cluster's image queue is full: {len(self._waiting())} images wait. Call again later"
            )
            yield Failed.of(Unavailable(full))
            return
        ticket = Ticket(client=wanted.client, job=wanted.job)
        self._queue.push(ticket.client, ticket)
        try:
            yield Sign("accepted")
            self._proceed()
            while True:
                try:
                    async with asyncio.timeout(ALIVE):
                        answer = await ticket.answers.get()
                except TimeoutError:
                    if not ticket.begun:
                        await self._look()
                        if self._failed:
                            yield Failed.of(Unavailable(_NO_REPLICA))
                            return
                        self._tell_positions()
                    yield Sign("alive")
                    continue
                if answer is None:
                    return
                yield answer
        finally:
            self._queue.remove(ticket.client, ticket)
            if ticket.drawing is not None:
                ticket.drawing.cancel()
            self._hand_back(ticket)

    def _proceed(self) -> None:
        """Give waiting jobs to Ray while hands are free."""
        while len(self._given) < self._hands and (ticket := self._queue.pop()) is not None:
            self._given[ticket] = None
            ticket.drawing = asyncio.create_task(self._feed(ticket))
        self._tell_positions()

    def _hand_back(self, ticket: Ticket) -> None:
        self._given.pop(ticket, None)
        self._proceed()

    async def _feed(self, ticket: Ticket) -> None:
        """Have a job drawn until there is a picture or a failure, retrying it when a replica is lost."""
        tries = losses = 0
        try:
            while tries < _MOST_TRIES and losses < _MOST_LOSSES:
                end = await self._outcome(ticket)
                if end is not None:
                    ticket.answers.put_nowait(end)
                    return
                losses += 1
                tries += ticket.begun
                ticket.begun, ticket.told = False, None
                self._tell_positions()
            message = (
                f"{losses} replicas of the Ray application ended while they had the image. Another prompt or "
                "size may work; the user finds the reason in the replicas' logs on the cluster"
            )
            ticket.answers.put_nowait(Failed.of(Unavailable(message)))
        finally:
            ticket.answers.put_nowait(None)
            self._hand_back(ticket)

    async def _outcome(self, ticket: Ticket) -> Picture | Failed | None:
        """The result of one replica; None if the replica was lost."""
        try:
            return await self._try(ticket)
        except DeploymentUnavailableError:
            return Failed.of(Unavailable(_NO_REPLICA))
        except RayTaskError:
            _log.exception("a replica failed to draw")
            return Failed.of(Failure("Drawing failed on the Ray cluster; its log tells the user why"))
        except (RayError, RayServeException) as error:
            self._last_error = (f"A replica was lost ({type(error).__name__})", time.time())
            return None

    async def _try(self, ticket: Ticket) -> Picture | Failed | None:
        """Let one replica draw; None if it ended without a result."""
        queued = 0.0
        stream = self._replicas.options(stream=True).draw.remote(ticket.job)
        try:
            async for said in stream:
                if not ticket.begun:
                    ticket.begun = True
                    queued = time.monotonic() - ticket.since
                    self._none_ready = False
                    self._tell_positions()
                match said:
                    case JobStep():
                        ticket.answers.put_nowait(said)
                    case Picture():
                        timings = {"queue": round(queued * 1000, 1), **said.timings}
                        return replace(said, timings=timings)
                    case Failed():
                        self._last_error = (said.message, time.time())
                        return said
                    case _:
                        raise TypeError(f"a replica said a {type(said).__name__}")
            return None
        finally:
            stream.cancel()

    def _waiting(self) -> list[Ticket]:
        """The waiting jobs, in the order in which they will be drawn."""
        return [*(ticket for ticket in self._given if not ticket.begun), *self._queue]

    def _tell_positions(self) -> None:
        for ahead, ticket in enumerate(self._waiting()):
            told = self._told(ahead)
            if told != ticket.told:
                ticket.told = told
                ticket.answers.put_nowait(told)

    def _told(self, ahead: int) -> JobStep:
        if self._none_ready:
            words = "Waiting: no replica is ready; `serve status` on the cluster says why"
        elif ahead:
            words = f"Waiting: {ahead} images first" if ahead > 1 else "Waiting: 1 image first"
        else:
            words = "Waiting for a free replica"
        return JobStep(phase="queue", at=1 / (ahead + 2), until=1 / (ahead + 1), message=words)

    # -- status

    async def _deployment(self) -> tuple[bool, int, int, int]:
        """Whether the replicas' deployment has failed, ready replicas, all replicas, and ingresses."""
        own = serve.get_replica_context()
        async with asyncio.timeout(_LOOK_LIMIT):
            cluster = await asyncio.to_thread(serve.status)
        deployments = cluster.applications[own.app_name].deployments
        deployment, fronts = deployments[self._name], deployments[own.deployment]
        replicas = deployment.replica_states
        ready = sum(count for state, count in replicas.items() if state == "RUNNING")
        failed = deployment.status == "DEPLOY_FAILED"
        return failed, ready, sum(replicas.values()), sum(fronts.replica_states.values())

    async def _look(self) -> None:
        """Check whether replicas are ready or have failed: after a failure Ray lets earlier requests wait."""
        now = time.monotonic()
        if now - self._looked < ALIVE:
            return
        self._looked = now
        try:
            failed, ready, _, _ = await self._deployment()
        except (TimeoutError, RayError, RayServeException, KeyError):
            _log.warning("the state of the replicas can't be asked for")
        else:
            self._none_ready = not ready
            self._failed = failed and not ready

    async def _status(self) -> EngineStatus:
        _, ready, total, ingresses = await self._deployment()
        renderer = await self._about() if ready else None
        error, error_at = self._last_error or (None, None)
        waiting = len(self._waiting())
        drawing = sum(ticket.begun for ticket in self._given)
        return EngineStatus(
            state="stuck" if not ready else "busy" if drawing or waiting else "idle",
            replicas=Replicas(ready=ready, total=total, drawing=drawing, ingresses=ingresses),
            since=self._since,
            model=renderer and renderer.model,
            device=renderer and renderer.device,
            plan=renderer and renderer.plan,
            waiting=waiting,
            last_error=error,
            last_error_at=error_at,
        )

    async def _about(self) -> RendererStatus | None:
        """The state of a replica; if all are busy, the last known one."""
        try:
            async with asyncio.timeout(_ABOUT_LIMIT):
                self._renderer = await self._replicas.about.remote()
        except (TimeoutError, RayError, RayServeException):
            pass
        return self._renderer


def room(replicas: int, waiting: int, fronts: int) -> int:
    """Jobs, drawn or waiting, that each of `fronts` ingresses accepts for `waiting` per replica."""
    return math.ceil(replicas * (1 + waiting) / fronts)


async def _packed(answers: AsyncGenerator[Answer]) -> AsyncGenerator[bytes]:
    async with aclosing(answers):
        async for answer in answers:
            yield pack_answer(answer)


def _one(answer: Answer) -> Response:
    return Response(pack_answer(answer), media_type=MEDIA_TYPE)


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(message, status, headers)
