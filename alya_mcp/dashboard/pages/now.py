"""Now: questions that wait, calls in flight, what was denied lately, and the switch that stops everything."""

import hashlib
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alya_mcp.app.presence import CallProgress, running_servers
from alya_mcp.app.stop import resume_calls, stop_calls
from alya_mcp.dashboard.forms import Form, action, back
from alya_mcp.dashboard.live import Parts, stream
from alya_mcp.dashboard.rendering import page, part, services_of
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.words import parsed_arguments
from alya_mcp.gate import StateError
from alya_mcp.gate.approvals import Unanswerable
from alya_mcp.gate.approvals.question import STANDS_FOR

if TYPE_CHECKING:
    from alya_mcp.gate.approvals import KeptQuestion, Status

DENIED_SECONDS: Final = 900
_FLIGHT_SECONDS: Final = 3600
_MOST_ANSWERED: Final = 6
_SECOND: Final = 1_000_000_000
_WAYS: Final[Mapping[str, str]] = {
    "client": "in the client",
    "command": "on the command line",
    "dashboard": "here",
    "desktop": "by a desktop notification",
    "ntfy": "by ntfy",
    "telegram": "by Telegram",
    "slack": "by Slack",
    "webhook": "by a webhook",
}


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A kept question as the page shows it; times in seconds since 1970."""

    id: str
    status: "Status"
    tool: str
    caller: str
    rule: str
    reason: str
    arguments: list[tuple[str, str]]
    about: list[str]
    session: bool
    hold: float
    asked: float
    expires: float
    answered: float | None
    way: str


@dataclass(frozen=True, slots=True)
class Flight:
    """A call that runs; `began` in seconds since 1970."""

    tool: str
    caller: str
    began: float
    progress: CallProgress | None
    chain: str
    seq: int
    preview: str
    """Path of a small image of what it makes; empty where there is none."""


def questions(services: Services) -> tuple[list[ShownQuestion], list[ShownQuestion]]:
    """The questions that wait, the oldest first, and those that were answered lately, the newest first.

    Raises:
        StateError: they can't be read.
    """
    found = [_question(*each) for each in services.state.approvals.all()]
    waiting = [each for each in found if each.status == "pending"]
    answered = [each for each in found if each.answered is not None]
    answered.sort(key=lambda each: each.answered or 0, reverse=True)
    return waiting, answered[:_MOST_ANSWERED]


def flights(services: Services) -> list[Flight]:
    """The calls that run now, the newest first."""
    running = running_servers(services.settings.home)
    if not running:
        return []
    found: list[Flight] = []
    for row in services.index.running(time.time() - _FLIGHT_SECONDS):
        if row.session in running:
            record = services.index.record(row.chain, row.seq)
            request = None if record is None else record.decided.get("request")
            progress = running[row.session].get(str(request))
            preview = ""
            if progress is not None and progress.preview:
                digest = hashlib.sha256(progress.preview).hexdigest()
                preview = f"previews/{row.session}/{digest}"
            found.append(Flight(row.tool, row.caller, row.time / 1e6, progress, row.chain, row.seq, preview))
    return found


def _question(asked: "KeptQuestion", status: "Status") -> ShownQuestion:
    told = asked.message.splitlines()
    reason = next((line.partition(": ")[2] for line in told[1:2] if line.startswith("Why you are")), "")
    answered = asked.answered_ns
    return ShownQuestion(
        id=asked.id,
        status=status,
        tool=asked.tool,
        caller=asked.grant,
        rule=asked.rule,
        reason=reason,
        arguments=parsed_arguments(asked.arguments),
        about=[line.strip() for line in told[told.index(STANDS_FOR) + 1 : -1]] if STANDS_FOR in told else [],
        session=asked.who == "session",
        hold=asked.hold_ns / _SECOND,
        asked=asked.created_ns / _SECOND,
        expires=asked.expires_ns / _SECOND,
        answered=None if answered is None else answered / _SECOND,
        way=_WAYS.get(asked.way or "", ""),
    )


def _seen(services: Services) -> dict[str, Any]:
    seen: dict[str, Any] = {"waiting_list": [], "answered": [], "trouble": None, "flights": [], "denials": []}
    try:
        seen["waiting_list"], seen["answered"] = questions(services)
    except StateError as error:
        seen["trouble"] = f"The questions can't be read: {error}. {error.remedy}"
    try:
        seen["flights"] = flights(services)
        since = time.time() - DENIED_SECONDS
        seen["denials"] = [
            (each, services.index.record(each.newest.chain, each.newest.seq))
            for each in services.index.denials(since)
        ]
    except (OSError, sqlite3.Error) as error:
        seen["trouble"] = seen["trouble"] or f"The audit log can't be searched: {error}"
    return seen


async def _page(request: Request) -> Response:
    seen = await anyio.to_thread.run_sync(_seen, services_of(request))
    notice = _NOTICES.get(request.query_params.get("said", ""), "")
    return page(request, "now", "Now", page="now", live="live/now", notice=notice, **seen)


def _parts(request: Request) -> Parts:
    seen = _seen(services_of(request))
    return {name: part(request, name, **seen) for name in ("questions", "answered", "flights", "denials")}


async def _preview(request: Request) -> Response:
    """A preview of a running call, named by its session and its digest."""
    running = await anyio.to_thread.run_sync(running_servers, services_of(request).settings.home)
    for call in running.get(request.path_params["session"], {}).values():
        if call.preview and hashlib.sha256(call.preview).hexdigest() == request.path_params["digest"]:
            return Response(call.preview, media_type="image/jpeg")
    return PlainTextResponse("This preview is gone.\n", 404)


async def _live(request: Request) -> Response:
    return stream(request, _parts)


_NOTICES: Final = {
    "yes": "Approved. The agent can make the call again.",
    "no": "Denied.",
    "late": "That question was answered or has expired meanwhile; nothing was changed.",
    "trouble": "The answer could not be written. Health says why.",
}


def _answer(said: Literal["yes", "no"]) -> Any:
    async def answer(request: Request, _: Form) -> Response:
        approvals = services_of(request).state.approvals
        try:
            await anyio.to_thread.run_sync(
                lambda: approvals.answer(request.path_params["id"], said, "dashboard")
            )
        except Unanswerable:
            return back(request, "/?said=late")
        except StateError:
            return back(request, "/?said=trouble")
        return back(request, f"/?said={said}")

    return action(answer)


async def _stop(request: Request, _: Form) -> Response:
    try:
        await anyio.to_thread.run_sync(stop_calls, services_of(request).settings)
    except OSError as error:
        return page(request, "failed", "Not stopped", 500, page="", live="", why=error.strerror or str(error))
    return back(request, "/")


async def _resume(request: Request, _: Form) -> Response:
    try:
        await anyio.to_thread.run_sync(resume_calls, services_of(request).settings)
    except OSError as error:
        why = error.strerror or str(error)
        return page(request, "failed", "Still stopped", 500, page="", live="", why=why)
    return back(request, "/")


ROUTES: Final = (
    Route("/", _page),
    Route("/live/now", _live),
    Route("/previews/{session}/{digest}", _preview),
    Route("/approvals/{id}/yes", _answer("yes"), methods=["POST"]),
    Route("/approvals/{id}/no", _answer("no"), methods=["POST"]),
    Route("/stop", action(_stop), methods=["POST"]),
    Route("/resume", action(_resume), methods=["POST"]),
)
