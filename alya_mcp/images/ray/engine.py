"""The engine on a Ray cluster: an HTTP client of the application at ALYA_RAY_URL, without Ray."""

import asyncio
import secrets
import time
from dataclasses import replace
from typing import Final

import httpx2

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.images.engine import EngineStatus, Job, JobProgress, OnProgress, Picture
from alya_mcp.images.progress import Meter
from alya_mcp.images.ray.connection import LostError, NobodyError, PictureStream, check, told
from alya_mcp.images.ray.endpoints import STATUS
from alya_mcp.images.wire.frames import WireError, unpack
from alya_mcp.images.wire.messages import DrawRequest, Failed, JobStep, Sign, check_picture, read_answer
from alya_mcp.images.words import engine_words

_CONNECT: Final = 10.0
_SILENCE: Final = 30.0
"""Seconds without a byte after which a response counts as lost; heartbeats come every 5 s."""
_STATUS_LIMIT: Final = 5.0
_PAUSES: Final = (0.5, 5.0)
"""Seconds before each retry of a lost picture."""
_AWAY: Final = 60.0
"""Seconds for which a retry waits for the application; Serve restarts a proxy in about ten."""
_LOOK_AGAIN: Final = 1.0
_LOST: Final = (
    "The Ray application lost the image, and again when it was asked for once more. The user finds the "
    "reason on the cluster with `serve status` and `ray logs`; the same call may succeed later"
)
_SILENT: Final = "The Ray application doesn't answer. On the cluster `serve status` says why"


class RayEngine:
    """Draws through the application at `url` with `token`; a picture may take `deadline` seconds."""

    def __init__(self, url: str, token: str, *, deadline: float) -> None:
        self._deadline = deadline
        self._name = secrets.token_hex(8)
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(_SILENCE, connect=_CONNECT, pool=None),
            limits=httpx2.Limits(max_connections=None),
        )
        self._streams: set[PictureStream] = set()
        self._closed = False

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        """Draw `job`. A lost picture is retried, at most twice."""
        began = time.monotonic()
        heard = ""

        async def hear(step: JobProgress) -> None:
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
            return EngineStatus(state="stuck", why=str(failure))

    async def warm(self) -> None:
        """Check that a replica is ready; replicas load the model before they are."""
        status = await self._status()
        if status.model is None:
            raise Unavailable(f"The Ray application isn't ready: {engine_words(status)}")

    async def aclose(self) -> None:
        """Close every request, which stops the work on the cluster."""
        self._closed = True
        for stream in list(self._streams):
            await stream.end()
        await self._client.aclose()

    async def _draw(self, job: Job, meter: Meter) -> Picture:
        lost = 0
        given_up = 0.0
        while True:
            try:
                return await self._try(DrawRequest(job=job, client=self._name, again=lost > 0), meter)
            except NobodyError as nobody:
                if not lost:
                    raise nobody.failure from None
                counts, reason = False, f"The Ray application lost the image. {nobody}"
            except LostError as loss:
                # A restarting application accepts nothing, so this doesn't count as an attempt.
                counts, reason = loss.accepted or not lost, _LOST
            if lost == len(_PAUSES) if counts else time.monotonic() > given_up:
                raise Unavailable(reason)
            if counts:
                pause = _PAUSES[lost]
                lost += 1
                given_up = time.monotonic() + _AWAY
            else:
                pause = _LOOK_AGAIN
            meter.restart()
            await meter.report("start", 0.0, 1.0, "The image got lost on the cluster; asking for it again")
            await meter.beating(asyncio.sleep(pause))

    async def _try(self, request: DrawRequest, meter: Meter) -> Picture:
        self._require_open()
        await meter.report("start", 0.0, 1.0, "Asking the Ray cluster")
        stream = PictureStream(self._client, request)
        self._streams.add(stream)
        accepted = False
        try:
            while True:
                answer = await meter.beating(stream.answer())
                match answer:
                    case Sign(kind="accepted"):
                        accepted = True
                    case JobStep():
                        await meter.report(
                            answer.phase, answer.at, answer.until, answer.message, answer.preview
                        )
                    case Failed():
                        raise answer.failure()
                    case Picture():
                        check_picture(answer, request.job)
                        return answer
                    case _:
                        pass
        except WireError as error:
            raise Unavailable(
                f"The Ray application's answer can't be read ({error}). The cluster and this machine may run "
                "versions of alya-mcp that don't fit"
            ) from None
        except LostError as loss:
            self._require_open()
            loss.accepted = accepted
            raise
        finally:
            self._streams.discard(stream)
            await stream.end()

    async def _status(self) -> EngineStatus:
        try:
            async with asyncio.timeout(_STATUS_LIMIT):
                response = await self._client.get(STATUS.removeprefix("/"))
            check(response)
            status = read_answer(unpack(response.content))
        except httpx2.HTTPError as error:
            meaning = told(error)
            if isinstance(meaning, NobodyError):
                meaning = meaning.failure
            raise meaning if isinstance(meaning, Failure) else Unavailable(_SILENT) from None
        except NobodyError as nobody:
            raise nobody.failure from None
        except (TimeoutError, LostError, WireError):
            raise Unavailable(_SILENT) from None
        if not isinstance(status, EngineStatus):
            raise Unavailable(_SILENT)
        return status

    def _require_open(self) -> None:
        if self._closed:
            raise Unavailable("The image engine was closed while the image was drawn; call again")
