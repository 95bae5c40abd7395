"""A replica of the Ray application that owns one GPU and draws on it."""

import asyncio
import math
import os
import platform
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from alya_mcp import __version__
from alya_mcp.errors import InvalidInput
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.library_environment import tell_libraries
from alya_mcp.images.renderer import Renderer, RendererStatus, RenderRequest
from alya_mcp.images.wire.messages import DEVICE_LOST, Failed, JobStep
from alya_mcp.images.worker.render_thread import Order, RenderOutcome, RenderThread

_LOCAL_LOG: Final = "logs/image-worker.log of ALYA_HOME"
_LOG: Final = "the replica's log on the cluster (`ray logs`)"
_OTHER_MODEL: Final = (
    "The Ray application doesn't draw with this model. Leave model out; the user can list it in `models` of "
    "the application (docs/scale.md)"
)
_EXIT_LOST: Final = 70
_STUCK: Final = 300.0
"""Seconds after which cancelled work that hasn't stopped counts as stuck; a step may compile for 60."""


class Replica:
    """Draws with the renderer that `create` makes, one job after the other, in one thread.

    It gets two jobs at a time, so that the GPU doesn't wait for Ray's router, which under load looks for free
    replicas only every half a second.
    """

    def __init__(self, create: Callable[[], Renderer]) -> None:
        tell_libraries()
        self._thread = RenderThread(create, asyncio.get_running_loop())
        self._wanted: Mapping[str, Any] = {}
        self._renderer = RendererStatus()
        self._unwanted: dict[Order, float] = {}

    async def reconfigure(self, wanted: Mapping[str, Any]) -> None:
        """Load the `model` of `wanted` in its `precision`; Serve calls this before it sends jobs.

        Jobs may choose one of its `models` instead.

        Raises: RuntimeError: it can't be loaded, or this machine's alya-mcp isn't the deployed `version`; the
        deployment fails with this text.
        """
        if wanted["version"] != __version__:
            raise RuntimeError(
                f"{platform.node()} has alya-mcp {__version__}, and {wanted['version']} was deployed: "
                "install the same version on every machine of the cluster, and start Ray there again"
            )
        self._wanted = wanted
        async for told in self._fill(None):
            if isinstance(told, Failed):
                raise RuntimeError(told.message)  # noqa: TRY004 - not of a wrong type

    async def draw(self, job: Job) -> AsyncGenerator[JobStep | Picture | Failed]:
        """Draw `job`: yields steps, then the picture or a failure. Closing the generator cancels the work."""
        if job.model not in {None, self._wanted["model"], *self._wanted["models"]}:
            yield Failed.of(InvalidInput(_OTHER_MODEL))
            return
        async for told in self._fill(job):
            yield told

    async def about(self) -> RendererStatus:
        """The model in memory."""
        return self._renderer

    async def check_health(self) -> None:
        """Serve's health check, which it calls every few seconds.

        Raises:
            RuntimeError: cancelled work doesn't stop; Serve then replaces the process.
        """
        oldest = min(self._unwanted.values(), default=math.inf)
        if time.monotonic() - oldest > _STUCK:
            raise RuntimeError(f"the device hasn't come back for {_STUCK:.0f} s from work that was cancelled")

    async def _fill(self, job: Job | None) -> AsyncGenerator[JobStep | Picture | Failed]:
        own: str = self._wanted["model"]
        model = own if job is None or job.model is None else job.model
        request = RenderRequest(
            model=model, precision=self._wanted["precision"], job=job, download=model == own
        )
        said: asyncio.Queue[JobStep | RenderOutcome] = asyncio.Queue()
        runs = False

        def on_step(step: JobStep) -> None:
            nonlocal runs
            runs = True
            said.put_nowait(step)

        def on_end(outcome: RenderOutcome, renderer: RendererStatus) -> None:
            nonlocal runs
            runs = False
            self._renderer = renderer
            self._unwanted.pop(order, None)
            if isinstance(outcome, Failed) and outcome.kind == DEVICE_LOST:
                # Only a new process clears the device; other replicas draw its jobs meanwhile.
                sys.stderr.flush()
                os._exit(_EXIT_LOST)
            said.put_nowait(outcome)

        order = Order(request=request, on_step=on_step, on_end=on_end)
        self._thread.submit(order)
        try:
            while isinstance(told := await said.get(), JobStep):
                yield told
        except (asyncio.CancelledError, GeneratorExit):
            order.cancelled.set()
            if runs:
                self._unwanted[order] = time.monotonic()
            raise
        if isinstance(told, Failed):
            yield Failed(kind=told.kind, message=told.message.replace(_LOCAL_LOG, _LOG))
        elif isinstance(told, Picture):
            yield told
