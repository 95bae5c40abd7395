"""The local engine: it uses the image worker that all servers of the user share."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alya_mcp import __version__
from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.images.engine import DrawingLost, EngineStatus, Job, JobProgress, OnProgress, Picture
from alya_mcp.images.environment.packages import PackagesHere, require_packages
from alya_mcp.images.licences import require_accepted
from alya_mcp.images.progress import Meter
from alya_mcp.images.wire.frames import WireError
from alya_mcp.images.wire.messages import (
    DEVICE_LOST,
    LEAVING,
    LOST,
    CollectRequest,
    DrawRequest,
    Failed,
    JobStep,
    LoadRequest,
    Sign,
    StatusRequest,
    Terms,
)
from alya_mcp.images.worker.connection import PendingCall, WorkerConnection, WorkerGoneError
from alya_mcp.images.worker.greeting import RefusedError
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.settings import Settings

_CLOSED: Final = "The image engine was closed while the image was drawn; call again"
_UNREADABLE: Final = (
    "The image worker's answer can't be read ({what}). The user can restart this client, and others that "
    "still run another version of alya-mcp"
)
_LOST: Final = "The image worker ended, or gave the drawing up, before it was collected; have it drawn again"
_LOOK_LIMIT: Final = 20.0
_STATUS_LIMIT: Final = 5.0
_MAX_LOST_BEFORE_START: Final = 3


class LocalEngine:
    """Draws through the worker of `settings.home`, which `command` starts on first use."""

    def __init__(
        self, settings: Settings, *, command: Sequence[str] | None = None, version: str = __version__
    ) -> None:
        self._settings = settings
        self.home = settings.home
        self._command = command
        self._packages_here = PackagesHere()
        self._launcher = Launcher(
            settings.home,
            command,
            version,
            patience=settings.image_deadline,
        )
        self._connection: WorkerConnection | None = None
        self._connections: set[WorkerConnection] = set()
        self._joining: asyncio.Task[WorkerConnection] | None = None
        self._closed = False

    async def render(self, job: Job, progress: OnProgress, *, key: str = "") -> Picture:
        """Draw `job`. If the worker dies, the job is retried once in a new one."""
        request = DrawRequest(job=job, terms=self._terms(job.model), key=key)
        return await self._picture(request, job, progress)

    async def collect(self, key: str, job: Job, progress: OnProgress) -> Picture:
        """The picture that another server started with `key`; it is lost if the worker died."""
        return await self._picture(CollectRequest(key=key), job, progress)

    async def _picture(
        self, request: DrawRequest | CollectRequest, job: Job, progress: OnProgress
    ) -> Picture:
        self._require_installed()
        began = time.monotonic()
        meter = Meter(progress)
        picture = await self._ask(request, meter)
        if picture is None or (picture.width, picture.height) != (job.width, job.height):
            raise Unavailable(_UNREADABLE.format(what="no picture, or one of another size"))
        timings = {**picture.timings, "total": round((time.monotonic() - began) * 1000, 1)}
        await meter.report("receive", 1.0, 1.0, "The picture is here")
        return replace(picture, timings=timings)

    async def warm(self) -> None:
        """Load the model in the worker, starting it if need be."""
        self._require_installed()
        await self._ask(LoadRequest(terms=self._terms()), Meter(_nobody))

    async def status(self) -> EngineStatus:
        """Ask the worker, if one runs."""
        try:
            self._require_installed()
        except NotConfigured as missing:
            return EngineStatus(state="not installed", why=str(missing))
        own = self._connection if self._connection is not None and not self._connection.lost else None
        try:
            connection = own or await self._launcher.find(_LOOK_LIMIT)
        except RefusedError:
            return EngineStatus(state="stuck", why="The image worker holds another key; it leaves by itself")
        except Unavailable as silent:
            return EngineStatus(state="stuck", why=str(silent))
        try:
            return self._stopped() if connection is None else await _status_of(connection)
        except WorkerGoneError:
            return self._stopped()
        finally:
            if connection is not None and connection is not own:
                await connection.close()

    async def aclose(self) -> None:
        """Close the connection; the worker lingers after its last one, see ALYA_IMAGE_LINGER."""
        self._closed = True
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.wait({self._joining})
        for connection in list(self._connections):
            await connection.close()

    def _require_installed(self) -> None:
        if self._command is None:
            require_packages("image_gen", self._settings.home, self._packages_here)

    def _terms(self, model: str | None = None) -> Terms:
        """The user's settings for drawing with `model`."""
        settings = self._settings
        require_accepted(settings.home, model or settings.image_model)
        return Terms(
            model=settings.image_model,
            precision=settings.image_precision,
            idle=settings.image_idle,
            linger=settings.image_linger,
            deadline=settings.image_deadline,
        )

    def _stopped(self) -> EngineStatus:
        ending = self._launcher.run_folder.read_ending()
        return EngineStatus(
            state="stopped",
            why=ending.reason,
            unused=ending.idle,
            since=ending.at,
            last_error=ending.error,
            last_error_at=ending.error_at,
        )

    async def _connected(self) -> WorkerConnection:
        if self._closed:
            raise Unavailable(_CLOSED)
        if self._connection is not None and not self._connection.lost:
            return self._connection
        if self._joining is None or self._joining.done():
            self._joining = asyncio.create_task(self._launcher.join())
            self._joining.add_done_callback(self._joined)
        await asyncio.wait({self._joining})
        if self._joining.cancelled():
            raise Unavailable(_CLOSED)
        return self._joining.result()

    def _joined(self, joining: asyncio.Task[WorkerConnection]) -> None:
        if not joining.cancelled() and joining.exception() is None:
            self._connection = joining.result()
            alive = {each for each in self._connections if not each.lost}
            self._connections = alive | {self._connection}

    def _leave(self, connection: WorkerConnection) -> None:
        """Don't use `connection` for new calls; it may still answer earlier ones."""
        if self._connection is connection:
            self._connection = None

    async def _ask(self, request: DrawRequest | CollectRequest | LoadRequest, meter: Meter) -> Picture | None:
        """The picture; None for a request that only loads a model."""
        lost_at_work = lost_before = 0
        spent = 0.0
        while True:
            await meter.report(
                "start",
                0.0,
                1.0,
                self._launcher.doing if self._connection is None else "Asking the image worker",
            )
            connection = await meter.beating(self._connected(), lambda: self._launcher.doing)
            attempt = _Attempt(spent)
            try:
                if isinstance(request, DrawRequest):
                    request = replace(request, spent=spent)
                call = connection.call(request)
                try:
                    return await attempt.follow(call, meter)
                finally:
                    call.end(cancel=True)
            except WorkerGoneError:
                how = attempt.ending()
                if attempt.working:
                    lost_at_work += 1
                elif not connection.dismissed:
                    lost_before += 1
            except _DeviceLostError as lost:
                lost_at_work += 1
                how = str(lost)
            except _LeavingError:
                how = ""
            except WireError as unreadable:
                raise Unavailable(_UNREADABLE.format(what=unreadable)) from None
            # The next connection waits until this worker has ended.
            self._leave(connection)
            if lost_at_work > 1 or lost_before > _MAX_LOST_BEFORE_START:
                tried = "twice" if lost_at_work > 1 else f"{lost_before} times"
                raise Unavailable(
                    f"The image was tried {tried}, each time in another image worker, and lost with it. {how}"
                )
            spent = attempt.spent
            meter.restart()


class _LeavingError(Exception):
    """The worker accepts no more jobs."""


class _DeviceLostError(Exception):
    """The worker ends because of a device error; the text, from the renderer, is for the caller."""


class _Attempt:
    """One attempt at a job with one worker: its progress, and the time spent of its deadline."""

    def __init__(self, spent: float) -> None:
        self.working = False
        self.message = ""
        self.spent = spent

    def ending(self) -> str:
        """The error for a worker that ended during this attempt."""
        return (
            f"The worker ended unexpectedly ({self.message.lower() or 'before it began'}). Another prompt, "
            "size or model may work; the user finds the reason in logs/image-worker.log of ALYA_HOME"
        )

    async def follow(self, call: PendingCall, meter: Meter) -> Picture | None:
        while True:
            answer = await meter.beating(call.answer())
            self.spent = call.spent
            match answer:
                case Sign(kind="begun"):
                    self.working = True
                case JobStep():
                    self.message = answer.message
                    await meter.report(answer.phase, answer.at, answer.until, answer.message, answer.preview)
                case Failed():
                    call.end(cancel=False)
                    if answer.kind == LEAVING:
                        raise _LeavingError
                    if answer.kind == DEVICE_LOST:
                        raise _DeviceLostError(answer.message)
                    if answer.kind == LOST:
                        raise DrawingLost(_LOST)
                    raise answer.failure()
                case Picture():
                    call.end(cancel=False)
                    return answer
                case Sign(kind="loaded"):
                    call.end(cancel=False)
                    return None
                case _:
                    pass


async def _status_of(connection: WorkerConnection) -> EngineStatus:
    call = connection.call(StatusRequest())
    pid = connection.hello.pid
    try:
        async with asyncio.timeout(_STATUS_LIMIT):
            answer = await call.answer()
    except TimeoutError:
        why = (
            f"The image worker (process {pid}) doesn't answer within {_STATUS_LIMIT:.0f} s. "
            "The user can end that process; the next call starts a fresh one"
        )
        return EngineStatus(state="stuck", pid=pid, why=why)
    except WireError as unreadable:
        return EngineStatus(state="stuck", pid=pid, why=_UNREADABLE.format(what=unreadable))
    finally:
        call.end(cancel=False)
    if not isinstance(answer, EngineStatus):
        return EngineStatus(state="stuck", pid=pid, why=_UNREADABLE.format(what="no status"))
    return answer


async def _nobody(step: JobProgress) -> None:
    del step
