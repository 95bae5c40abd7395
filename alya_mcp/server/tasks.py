"""The tasks extension: a call that takes longer is answered with a task, which the client polls.

Built against revision 2026-07-28 of `io.modelcontextprotocol/tasks` (SEP-2663), as published in
modelcontextprotocol/ext-tasks. A task is one call on its way through the gate: it is admitted, charged and
settled once, polling doesn't count as a call, and its result is delivered only while the policy allows the
tool.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types import methods
from mcp_types.version import LATEST_MODERN_VERSION

from alya_mcp.gate import Refused
from alya_mcp.server import approvals
from alya_mcp.server.approvals import RequestContext
from alya_mcp.toolkit.work import KEPT_SECONDS

EXTENSION: Final = "io.modelcontextprotocol/tasks"

MOST: Final = 32
"""Tasks of one session, including finished ones that are kept; further calls get no task."""
POLL_MS: Final = 2000

Json = dict[str, Any]
Result = types.CallToolResult | types.InputRequiredResult
Status = Literal["working", "completed", "failed", "cancelled"]

_log = logging.getLogger(__name__)


class TaskParams(types.RequestParams):
    """The parameters of `tasks/get` and `tasks/cancel`."""

    task_id: str


class UpdateParams(TaskParams):
    """The parameters of `tasks/update`."""

    input_responses: dict[str, Any]


def declared(ctx: RequestContext) -> bool:
    """Whether the client declares support for tasks in this request."""
    capabilities = ctx.session.client_capabilities
    extensions = None if capabilities is None else capabilities.extensions
    return approvals.is_modern(ctx) and extensions is not None and EXTENSION in extensions


class Task:
    """One call, run by `run` in a task of the event loop, so that it may outlive its request.

    `check` raises `Refused` if the result may no longer be delivered.
    """

    def __init__(self, caller: str | None, check: Callable[[], None], room: Callable[[], bool]) -> None:
        self.id = secrets.token_urlsafe(24)
        self.caller = caller
        self.check = check
        self.is_waited_for = True
        self.over = anyio.Event()
        self.ended: float | None = None
        self.outcome: Result | Exception | None = None
        self.patience = anyio.CancelScope()
        self.deferred = False
        self._room = room
        self._scope = anyio.CancelScope()
        self._message = ""
        self._began = time.monotonic()
        self._created = self._updated = datetime.now(UTC)

    @property
    def is_stale(self) -> bool:
        """Whether the task ended so long ago that it can be dropped."""
        return self.ended is not None and time.monotonic() - self.ended > KEPT_SECONDS

    @property
    def status(self) -> Status:
        """The task's status in the protocol."""
        if self.ended is None:
            return "working"
        if self.outcome is None:
            return "cancelled"
        return "failed" if isinstance(self.outcome, Exception) else "completed"

    def defer(self, seconds: float) -> bool:
        """Answer the request after `seconds` if the call isn't done. False if there is no room for a task."""
        if not self.deferred and self._room():
            self.deferred = True
            self.patience.deadline = anyio.current_time() + seconds
        return self.deferred

    def tell(self, message: str) -> None:
        """Set the status message."""
        self._message, self._updated = message, datetime.now(UTC)

    async def run(self, call: Callable[["Task"], Awaitable[Result]]) -> None:
        """Make the call."""
        try:
            with self._scope:
                self.outcome = await call(self)
        except MCPError as error:
            self.outcome = error
        except Exception as error:  # noqa: BLE001 - what isn't expected costs one call
            _log.exception("a call failed outside of its tool")
            self.outcome = error
        finally:
            self.ended = time.monotonic()
            self._updated = datetime.now(UTC)
            self.over.set()

    def stop(self) -> None:
        """Cancel the call, unless it has ended."""
        self._scope.cancel()

    def as_json(self) -> Json:
        """The task's members in the protocol, which every response about it has."""
        ttl = None  # None: as long as the work takes
        if self.ended is not None:
            ttl = round((self.ended - self._began + KEPT_SECONDS) * 1000)
        told: Json = {
            "taskId": self.id,
            "status": self.status,
            "createdAt": _stamp(self._created),
            "lastUpdatedAt": _stamp(self._updated),
            "ttlMs": ttl,
            "pollIntervalMs": POLL_MS,
        }
        if self._message and self.ended is None:
            told["statusMessage"] = self._message
        return told


class Tasks:
    """The tasks of one session. `caller` returns the caller's label, `refusal` the result of a denial."""

    def __init__(
        self, caller: Callable[[], str | None], refusal: Callable[[Refused], types.CallToolResult]
    ) -> None:
        self._caller = caller
        self._refusal = refusal
        self._all: dict[str, Task] = {}
        self._running: dict[Task, asyncio.Task[None]] = {}

    async def call(
        self, call: Callable[[Task], Awaitable[Result]], check: Callable[[], None]
    ) -> Result | Json:
        """The result of a call, or its task when the call has asked for one and isn't done in time.

        Raises:
            MCPError: the call's own error.
        """
        task = Task(self._caller(), check, self._has_room)
        self._running[task] = asyncio.create_task(task.run(call))
        self._running[task].add_done_callback(lambda _: self._running.pop(task))
        try:
            with task.patience:
                await task.over.wait()
        except anyio.get_cancelled_exc_class():
            task.stop()
            with anyio.CancelScope(shield=True):
                await task.over.wait()
            raise
        if task.ended is None:
            task.is_waited_for = False
            self._all[task.id] = task
            return {"resultType": "task", **task.as_json()}
        if isinstance(task.outcome, Exception):
            raise task.outcome
        if task.outcome is None:
            raise MCPError(types.INTERNAL_ERROR, "The call was stopped, as the server ends")
        return task.outcome

    async def get(self, ctx: RequestContext, params: TaskParams) -> Json:
        """Answer `tasks/get` with the task's status and result.

        Raises:
            MCPError: the caller has no such task, or the client doesn't declare the extension.
        """
        task = self._find(ctx, params)
        told = task.as_json()
        if isinstance(task.outcome, MCPError):
            told["error"] = task.outcome.error.model_dump(by_alias=True, mode="json", exclude_none=True)
        elif isinstance(task.outcome, Exception):
            told["error"] = {"code": types.INTERNAL_ERROR, "message": "The call failed inside alya-mcp"}
        elif task.outcome is not None:
            try:
                task.check()
            except Refused as refused:  # permanently, as a finished task doesn't change
                task.outcome, task.check = self._refusal(refused), _nothing
            made = task.outcome.model_dump(by_alias=True, mode="json", exclude_none=True)
            told["result"] = methods.serialize_server_result("tools/call", LATEST_MODERN_VERSION, made)
        return told

    async def update(self, ctx: RequestContext, params: UpdateParams) -> Json:
        """Answer `tasks/update`. No task asks for input: the user answered before the call started.

        Raises:
            MCPError: as for `get`.
        """
        self._find(ctx, params)
        return {}

    async def cancel(self, ctx: RequestContext, params: TaskParams) -> Json:
        """Answer `tasks/cancel`: cancel the call, unless it has ended.

        Raises:
            MCPError: as for `get`.
        """
        self._find(ctx, params).stop()
        return {}

    async def aclose(self) -> None:
        """Cancel the calls in flight, and return when each is settled."""
        for task in tuple(self._running):
            task.stop()
        for task in tuple(self._running):
            await task.over.wait()

    def _has_room(self) -> bool:
        """Whether another call may become a task, after dropping stale ones."""
        self._all = {name: task for name, task in self._all.items() if not task.is_stale}
        deferred = sum(task.deferred and task.is_waited_for for task in self._running)
        return len(self._all) + deferred < MOST

    def _find(self, ctx: RequestContext, params: TaskParams) -> Task:
        if not approvals.is_modern(ctx):
            raise MCPError(types.METHOD_NOT_FOUND, "Method not found", ctx.method)
        if not declared(ctx):
            raise MCPError(
                types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                f"Missing required client capability: {EXTENSION}",
                {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
            )
        task = self._all.get(params.task_id)
        if task is None or task.is_stale or task.caller is None or task.caller != self._caller():
            raise MCPError(
                types.INVALID_PARAMS,
                f"Unknown task: {params.task_id[:64]}; the server that created a task keeps it for "
                f"{KEPT_SECONDS / 60:.0f} minutes after its end",
            )
        return task


def _nothing() -> None:
    """A check that always passes."""


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
