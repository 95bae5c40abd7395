"""The engine on a Ray cluster: asks the application at ALYA_RAY_URL over HTTP. Needs no Ray here."""

import asyncio
import time
from dataclasses import replace
from typing import Final

import httpx2

from alya_mcp.failures import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.images.engine import EngineStatus, Job, Picture, Progress, Step
from alya_mcp.images.meter import Meter
from alya_mcp.images.ray.answers import STATUS, Ask, read_picture, read_status, read_told
from alya_mcp.images.ray.exchange import Exchange, LostError, NobodyError, check, told
from alya_mcp.images.worker.wire import Frame, WireError

_KINDS: Final = {cls.__name__: cls for cls in (Failure, InvalidInput, NotConfigured, Unavailable)}
_CONNECT: Final = 10.0
_SILENCE: Final = 30.0
"""Seconds without a byte after which an answer counts as lost; the application speaks every 5 s."""
_STATUS_LIMIT: Final = 5.0
_PAUSES: Final = (0.5, 5.0)
"""Seconds before each new try of a lost picture: for a replaced process, then for a restarting proxy."""
_NOBODY: Final = (
    "Nothing answers at ALYA_RAY_URL. The person has to start the Ray cluster and the application there, "
    "with `serve run` or `serve deploy` (docs/scale.md), or set ALYA_IMAGE_ENGINE to 'local'"
)
_SILENT: Final = "The Ray application doesn't answer. On the cluster `serve status` says why"


class RayEngine:
    """Draws through the application at `url`, which takes `token`; a picture may take `deadline` seconds."""

    def __init__(self, url: str, token: str, *, deadline: float) -> None:
        self._deadline = deadline
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(_SILENCE, connect=_CONNECT, pool=None),
            limits=httpx2.Limits(max_connections=None),
        )
        self._exchanges: set[Exchange] = set()
        self._closed = False

    async def render(self, job: Job, progress: Progress) -> Picture:
        """Draw `job`. A picture that gets lost on the way is asked for again, twice at most."""
        began = time.monotonic()
        heard = ""

        async def hear(step: Step) -> None:
            nonlocal heard
            heard = step.message
            await progress(step)

        meter = Meter(hear)
        try:
            async with asyncio.timeout(self._deadline):
                picture = await self._draw(job, meter)
        except TimeoutError:
            raise Unavailable(
                f"The Ray cluster didn't draw the image within {self._deadline:g} s (last: {heard}). Call "
                "again when less is asked of it; ALYA_IMAGE_DEADLINE sets the limit"
            ) from None
        await meter.report("receive", 1.0, 1.0, "The picture is here")
        total = round((time.monotonic() - began) * 1000, 1)
        return replace(picture, timings={**picture.timings, "total": total})

    async def status(self) -> EngineStatus:
        """Ask the application."""
        try:
            return await self._status()
        except Failure as failure:
            return EngineStatus(state="stuck", detail=str(failure))

    async def warm(self) -> None:
        """See that a replica is ready; replicas load the model before they are."""
        status = await self._status()
        if status.model is None:
            raise Unavailable(f"The Ray application isn't ready: {status.detail}")

    async def aclose(self) -> None:
        """Close every request, which stops the work on the cluster."""
        self._closed = True
        for exchange in list(self._exchanges):
            await exchange.end()
        await self._client.aclose()

    async def _draw(self, job: Job, meter: Meter) -> Picture:
        lost = 0
        while True:
            try:
                return await self._try(Ask(job=job, again=lost > 0), meter)
            except NobodyError:
                if not lost:
                    raise Unavailable(_NOBODY) from None
            except LostError:
                pass
            if lost == len(_PAUSES):
                raise Unavailable(
                    "The Ray application lost the image, and again when it was asked for once more. The "
                    "person finds the reason on the cluster with `serve status` and `ray logs`; the same "
                    "call may succeed later"
                )
            meter.restart()
            await meter.report("start", 0.0, 1.0, "The image got lost on the cluster; asking for it again")
            await meter.beating(asyncio.sleep(_PAUSES[lost]))
            lost += 1

    async def _try(self, ask: Ask, meter: Meter) -> Picture:
        self._require_open()
        await meter.report("start", 0.0, 1.0, "Asking the Ray cluster")
        exchange = Exchange(self._client, ask)
        self._exchanges.add(exchange)
        try:
            while True:
                frame = await meter.beating(exchange.answer())
                match frame.head.get("type"):
                    case "step":
                        step = read_told(frame)
                        await meter.report(step.phase, step.at, step.until, step.message)
                    case "failure":
                        raise _failure(frame)
                    case "done":
                        return read_picture(frame, ask.job)
                    case _:
                        pass
        except WireError as error:
            raise Unavailable(
                f"The Ray application's answer can't be read ({error}). The cluster and this machine may run "
                "versions of alya-mcp that don't fit"
            ) from None
        except LostError:
            self._require_open()
            raise
        finally:
            self._exchanges.discard(exchange)
            await exchange.end()

    async def _status(self) -> EngineStatus:
        try:
            async with asyncio.timeout(_STATUS_LIMIT):
                response = await self._client.get(STATUS.removeprefix("/"))
            check(response, "application/json")
            return read_status(response.content)
        except httpx2.HTTPError as error:
            meaning = told(error)
            if isinstance(meaning, Failure):
                raise meaning from None
            raise Unavailable(_NOBODY if isinstance(meaning, NobodyError) else _SILENT) from None
        except (TimeoutError, LostError, WireError):
            raise Unavailable(_SILENT) from None

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("The image engine was closed while the image was drawn; call again")


def _failure(frame: Frame) -> Failure:
    kind, message = frame.head.get("kind"), frame.head.get("message")
    if not isinstance(message, str):
        raise WireError("a failure without words")
    return _KINDS.get(str(kind), Failure)(message)
