"""The entrance of the Ray application: checks the token, bounds the queue, and outlives the replicas."""

import asyncio
import hmac
import logging
import math
import os
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Final

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import DeploymentUnavailableError, RayServeException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alya_mcp.failures import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.images.engine import EngineStatus, Job, Picture
from alya_mcp.images.ray import answers
from alya_mcp.images.ray.answers import MEDIA_TYPE, Told
from alya_mcp.images.rendering import RendererStatus
from alya_mcp.images.worker.thread import Failed
from alya_mcp.images.worker.wire import WireError, pack

_TOKEN: Final = "ALYA_RAY_TOKEN"  # noqa: S105 - the name of a variable
_LEAST_TOKEN: Final = 16
_MAX_ASK: Final = 64 << 10
_ABOUT_LIMIT: Final = 2.0
_MOST_TRIES: Final = 3
"""A prompt that ends its replica does so two more times; a job beside it is lost with two of them at most."""
_NO_REPLICA: Final = (
    "No replica of the Ray application can start. The person finds the reason on the cluster with "
    "`serve status`"
)

_log = logging.getLogger("ray.serve")


@dataclass(eq=False, slots=True)
class Ticket:
    """An accepted job: the frames for its caller, whether a replica draws it, how many wait before it."""

    frames: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue[bytes | None])
    begun: bool = False
    ahead: int | None = None


class Front:
    """Takes jobs for `painters`, a handle to the replicas of the deployment `name`, `room` of them at a time.

    Raises:
        NotConfigured: when this process' environment has no token that is long enough to be one.
    """

    def __init__(self, painters: Any, name: str, room: int) -> None:
        self._token = os.environ.get(_TOKEN, "").strip().encode()
        if len(self._token) < _LEAST_TOKEN:
            raise NotConfigured(
                f"{_TOKEN} has {len(self._token)} characters; it takes at least {_LEAST_TOKEN}. Set it in "
                "the environment of `ray start` on every machine of the cluster"
            )
        self._painters = painters
        self._name = name
        self._room = room
        self._tickets: dict[Ticket, None] = {}
        self._renderer: RendererStatus | None = None
        self._since = time.time()
        self._last_error: tuple[str, float] | None = None
        self._looked = -math.inf
        self._failed = False

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not hmac.compare_digest(token.strip().encode(), self._token):
            return _refusal(401, "the token is wrong", {"WWW-Authenticate": "Bearer"})
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        match request.method, path:
            case "POST", answers.PICTURES:
                return await self._take(request)
            case "GET", answers.STATUS:
                return Response(answers.pack_status(await self._status()), media_type="application/json")
            case _:
                return _refusal(404, "there is nothing here")

    # -- pictures

    async def _take(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_ASK:
                return _refusal(413, f"a request for a picture has at most {_MAX_ASK} bytes")
        try:
            ask = answers.read_ask(bytes(body))
        except WireError as error:
            return _refusal(400, str(error))
        except InvalidInput as error:
            return Response(_failure(InvalidInput, str(error)), media_type=MEDIA_TYPE)
        return StreamingResponse(self._answer(ask.job, again=ask.again), media_type=MEDIA_TYPE)

    async def _answer(self, job: Job, *, again: bool) -> AsyncGenerator[bytes]:
        # A job is counted here and not before: a caller who is gone by now never gets this far.
        if len(self._tickets) >= self._room and not again:
            yield _failure(
                Unavailable,
                f"The Ray cluster's image queue is full: {self._waiting()} images wait. Call again later",
            )
            return
        ticket = Ticket()
        self._tickets[ticket] = None
        feeding = asyncio.create_task(self._feed(ticket, job))
        try:
            yield pack({"type": "accepted"})
            self._tell_positions()
            while True:
                try:
                    async with asyncio.timeout(answers.ALIVE):
                        frame = await ticket.frames.get()
                except TimeoutError:
                    if not ticket.begun and await self._hopeless():
                        yield _failure(Unavailable, _NO_REPLICA)
                        return
                    yield pack({"type": "alive"})
                    continue
                if frame is None:
                    return
                yield frame
        finally:
            feeding.cancel()
            del self._tickets[ticket]
            self._tell_positions()

    async def _feed(self, ticket: Ticket, job: Job) -> None:
        """Have `job` drawn, by another replica where one is lost, until there is a picture or a failure."""
        try:
            for _ in range(_MOST_TRIES):
                end = await self._outcome(ticket, job)
                if end is not None:
                    ticket.frames.put_nowait(end)
                    return
                ticket.begun, ticket.ahead = False, None
                self._tell_positions()
            message = (
                f"{_MOST_TRIES} replicas of the Ray application ended while they had the image. Another "
                "prompt or size may work; the person finds the reason in the replicas' logs on the cluster"
            )
            ticket.frames.put_nowait(_failure(Unavailable, message))
        finally:
            ticket.frames.put_nowait(None)

    async def _outcome(self, ticket: Ticket, job: Job) -> bytes | None:
        """What one replica makes of `job`; None when the replica was lost."""
        try:
            return await self._try(ticket, job)
        except DeploymentUnavailableError:
            return _failure(Unavailable, _NO_REPLICA)
        except RayTaskError:
            _log.exception("a replica failed to draw")
            return _failure(Failure, "Drawing failed on the Ray cluster; its log tells the person why")
        except (RayError, RayServeException) as error:
            self._last_error = (f"A replica was lost ({type(error).__name__})", time.time())
            return None

    async def _try(self, ticket: Ticket, job: Job) -> bytes | None:
        """Let one replica draw; None when it stopped with nothing said."""
        stream = self._painters.options(stream=True).draw.remote(job)
        try:
            async for said in stream:
                if not ticket.begun:
                    ticket.begun = True
                    self._tell_positions()
                match said:
                    case Told():
                        ticket.frames.put_nowait(answers.pack_told(said))
                    case Picture():
                        return answers.pack_picture(said)
                    case Failed():
                        self._last_error = (said.message, time.time())
                        return pack({"type": "failure", "kind": said.kind, "message": said.message})
                    case _:
                        raise TypeError(f"a replica said a {type(said).__name__}")
            return None
        finally:
            stream.cancel()

    def _waiting(self) -> int:
        return sum(not ticket.begun for ticket in self._tickets)

    def _tell_positions(self) -> None:
        waiting = [ticket for ticket in self._tickets if not ticket.begun]
        for ahead, ticket in enumerate(waiting):
            if ticket.ahead == ahead:
                continue
            ticket.ahead = ahead
            words = f"Waiting: {ahead} images first" if ahead > 1 else "Waiting: 1 image first"
            told = Told(
                phase="queue",
                at=1 / (ahead + 2),
                until=1 / (ahead + 1),
                message=words if ahead else "Waiting for a free replica",
            )
            ticket.frames.put_nowait(answers.pack_told(told))

    # -- status

    async def _deployment(self) -> tuple[bool, int, int]:
        """Whether the replicas' deployment has failed, how many are ready, and how many there are."""
        name = serve.get_replica_context().app_name
        cluster = await asyncio.to_thread(serve.status)
        deployment = cluster.applications[name].deployments[self._name]
        replicas = deployment.replica_states
        ready = sum(count for state, count in replicas.items() if state == "RUNNING")
        return deployment.status == "DEPLOY_FAILED", ready, sum(replicas.values())

    async def _hopeless(self) -> bool:
        """Whether nothing will ever draw: a handle lets a request that came before the failure wait on."""
        now = time.monotonic()
        if now - self._looked >= answers.ALIVE:
            self._looked = now
            try:
                failed, ready, _ = await self._deployment()
                self._failed = failed and not ready
            except (RayError, RayServeException, KeyError):
                _log.warning("the state of the replicas can't be asked for")
        return self._failed

    async def _status(self) -> EngineStatus:
        _, ready, total = await self._deployment()
        renderer = await self._about() if ready else None
        error, error_at = self._last_error or (None, None)
        waiting = self._waiting()
        drawing = len(self._tickets) - waiting
        detail = f"{ready} of {total} replicas on Ray are ready; {drawing} images are drawn, {waiting} wait"
        return EngineStatus(
            state="stuck" if not ready else "busy" if self._tickets else "idle",
            detail=detail,
            since=self._since,
            model=renderer and renderer.model,
            device=renderer and renderer.device,
            plan=renderer and renderer.plan,
            waiting=waiting,
            last_error=error,
            last_error_at=error_at,
        )

    async def _about(self) -> RendererStatus | None:
        """What a replica has in memory; while all are busy, what one had when last asked."""
        try:
            async with asyncio.timeout(_ABOUT_LIMIT):
                self._renderer = await self._painters.about.remote()
        except (TimeoutError, RayError, RayServeException):
            pass
        return self._renderer


def room(replicas: int, waiting: int, fronts: int) -> int:
    """Jobs that each of `fronts` entrances takes, drawn and waiting, when `waiting` may wait per replica."""
    return math.ceil(replicas * (1 + waiting) / fronts)


def _failure(kind: type[Failure], message: str) -> bytes:
    return pack({"type": "failure", "kind": kind.__name__, "message": message})


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(message, status, headers)
