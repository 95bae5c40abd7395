"""Audit: a search of the log, one record with its explanation, and whether the log is whole."""

import sqlite3
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alya_mcp.dashboard.forms import Form, action, back
from alya_mcp.dashboard.live import Parts, stream
from alya_mcp.dashboard.rendering import page, part, services_of
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.words import pretty
from alya_mcp.gate import AuditError
from alya_mcp.gate.audit.index import CallSearch
from alya_mcp.gate.audit.indexing import DECISIONS, Verdict

PER_PAGE: Final = 50
_MOST: Final = 10_000
_FIELDS: Final = ("tool", "caller", "decision", "rule", "since", "until")


def _wanted(request: Request) -> tuple[CallSearch, dict[str, str], list[str]]:
    """What the query asks for, its fields as they were given, and what can't be used of them."""
    given = {name: request.query_params.get(name, "") for name in _FIELDS}
    problems: list[str] = []

    def moment(name: str) -> float | None:
        if not given[name]:
            return None
        try:
            return datetime.fromisoformat(given[name]).astimezone().timestamp()
        except (ValueError, OverflowError, OSError):
            problems.append(f"{name} is {given[name]!r:.40}; it takes a date and a time")
            return None

    before: tuple[int, int] | None = None
    if cursor := request.query_params.get("before"):
        moment_text, _, row = cursor.partition("-")
        if moment_text.isascii() and moment_text.isdigit() and row.isascii() and row.isdigit():
            before = (min(int(moment_text[:19]), 2**62), min(int(row[:19]), 2**62))
    decision: Verdict | None = given["decision"] if given["decision"] in DECISIONS else None
    search = CallSearch(
        tool=given["tool"] or None,
        caller="" if given["caller"] == "(unknown)" else given["caller"] or None,
        decision=decision,
        rule=given["rule"] or None,
        since=moment("since"),
        until=moment("until"),
        before=before,
    )
    return search, given, problems


def _found(services: Services, search: CallSearch) -> dict[str, Any]:
    index = services.index
    try:
        rows = index.search(search, PER_PAGE + 1)
        more = rows[PER_PAGE - 1] if len(rows) > PER_PAGE else None
        return {
            "rows": rows[:PER_PAGE],
            "more": None if more is None else f"{more.time}-{more.id}",
            "count": index.count(search, _MOST),
            "most": _MOST,
            "tools": index.facets("tool"),
            "callers": [name or "(unknown)" for name in index.facets("caller")],
            "rules": [name for name in index.facets("rule") if name],
            "progress": index.progress(),
            "trouble": services.index_trouble,
        }
    except (AuditError, OSError, sqlite3.Error) as error:
        nothing: dict[str, Any] = {"rows": [], "more": None, "count": 0, "most": _MOST, "progress": None}
        return {**nothing, "tools": [], "callers": [], "rules": [], "trouble": str(error)}


async def _page(request: Request) -> Response:
    services = services_of(request)
    search, given, problems = _wanted(request)
    found = await anyio.to_thread.run_sync(_found, services, search)
    kept = {name: value for name, value in given.items() if value}
    older = urlencode({**kept, "before": found["more"]}) if found["more"] else None
    if services.verifying.at is None:
        services.verifying.begin()
    return page(
        request, "audit", "Audit", page="audit", live="live/audit", given=given, problems=problems,
        older=older, newer=urlencode(kept) if search.before is not None else None,
        verification=services.verifying, decisions=DECISIONS, **found,
    )  # fmt: skip


async def _record(request: Request) -> Response:
    services = services_of(request)
    chain, seq = request.path_params["chain"], request.path_params["seq"]
    try:
        found = await anyio.to_thread.run_sync(services.index.record, chain, seq)
    except (AuditError, OSError, sqlite3.Error) as error:
        return page(request, "failed", "Record", 500, page="audit", live="", why=str(error))
    if found is None:
        return page(request, "failed", "No such record", 404, page="audit", live="", why="The log has none.")
    decided = found.decided
    policy = services.policy
    rule = None
    if decided["policy"] == policy.digest and decided["rule"].startswith("/"):
        rule = rule_in(policy.document, decided["rule"])
    return page(
        request, "record", f"{decided['tool']}, record {decided['seq']}", page="audit", live="",
        decided=decided, settled=found.settled, intact=found.intact, chain=chain,
        answer=decided.get("answer"),
        rule_text=None if rule is None else pretty(rule), same_policy=decided["policy"] == policy.digest,
        raw=pretty(decided), raw_settled=None if found.settled is None else pretty(found.settled),
    )  # fmt: skip


def rule_in(document: object, rule: str) -> object | None:
    """The object in a policy that holds the rule of that id, as far as the id leads; None for nothing."""
    node: object = document
    for step in rule.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        inside = cast("dict[str, object]", node).get(name) if isinstance(node, dict) else None
        if not isinstance(inside, dict):
            break
        node = cast("object", inside)
    return None if node is document else cast("object", node)


def _parts(request: Request) -> Parts:
    services = services_of(request)
    try:
        progress = services.index.progress()
    except (AuditError, OSError, sqlite3.Error):
        progress = None
    return {
        "whole": part(request, "whole", verification=services.verifying),
        "indexing": part(request, "indexing", progress=progress, trouble=services.index_trouble),
    }


async def _live(request: Request) -> Response:
    return stream(request, _parts)


async def _verify(request: Request, _: Form) -> Response:
    services_of(request).verifying.begin()
    return back(request, "/audit")


ROUTES: Final = (
    Route("/audit", _page),
    Route("/live/audit", _live),
    Route("/audit/verify", action(_verify), methods=["POST"]),
    Route("/audit/{chain:str}/{seq:int}", _record),
)
