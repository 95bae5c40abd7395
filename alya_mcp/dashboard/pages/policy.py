"""Policy: what is in force per tool, an editor that shows what an edit changes, a policy to begin with."""

import json
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alya_mcp.app.policy_edit import (
    REPLAY_DAYS,
    SORTS,
    NotSaved,
    PolicyText,
    Sort,
    check_text,
    difference,
    policy_text,
    replay_start,
    replayed,
    save_text,
    sort_of,
    sorted_policy,
)
from alya_mcp.app.presets import PresetName, starting_policy
from alya_mcp.dashboard.forms import Form, action, back
from alya_mcp.dashboard.live import stream
from alya_mcp.dashboard.rendering import page, services_of
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.words import dollars
from alya_mcp.gate import AuditError, Policy, StateError
from alya_mcp.runtime.paths import tilde
from alya_mcp.toolkit.bounds import lines

PRESETS: Final[tuple[PresetName, ...]] = ("strict", "balanced", "open")
MOST_REPLAYED: Final = 10_000
_MOST_CHANGES: Final = 50
_MOST_PER_HOUR: Final = 1_000_000


def _tools(services: Services, policy: Policy) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for tool in services.catalogue.values():
        summary = policy.summary(tool.name, tool.category)
        price = policy.price(tool.name, tool.price)
        bounds = list(lines(summary))
        rows.append(
            {
                "name": tool.name,
                "title": tool.title,
                "category": tool.category,
                "verdict": summary.verdict,
                "reason": summary.reason,
                "price": dollars(price) if price else "free",
                "bounds": [each.words for each in bounds if not each.of.every_tool],
                "shared": [each.words for each in bounds if each.of.every_tool],
            }
        )
    return rows


def _seen(services: Services) -> dict[str, Any]:
    rows = _tools(services, services.policy)
    shared = list(dict.fromkeys(words for row in rows for words in row["shared"]))
    error = services.policy_error
    return {"tools": rows, "shared": shared, "wrong": None if error is None else str(error)}


def _text(services: Services) -> PolicyText | None:
    try:
        return policy_text(services.settings)
    except StateError:
        return None


async def _page(request: Request) -> Response:
    services = services_of(request)
    seen = await anyio.to_thread.run_sync(_seen, services)
    there = await anyio.to_thread.run_sync(_text, services)
    saved = request.query_params.get("saved") == "1"
    return page(
        request, "policy", "Policy", page="policy", live="live/policy", there=there,
        shown=None if there is None else tilde(there.path), saved=saved, problem=None, **seen,
    )  # fmt: skip


def _examined(services: Services, text: str, there: PolicyText) -> dict[str, Any]:
    checked = check_text(text, there.path, services.catalogue)
    found: dict[str, Any] = {
        "errors": checked.errors, "warnings": checked.warnings, "usable": checked.policy is not None,
        "difference": difference(there.text, text), "replayed": None, "changes": [], "since": None,
        "trouble": None, "days": REPLAY_DAYS,
    }  # fmt: skip
    if checked.policy is None:
        return found
    since = replay_start()
    try:
        newest = services.index.time_of_nth(MOST_REPLAYED)
        if newest is not None and newest > since:
            since = newest
        past = replayed(services.settings, checked.policy, services.catalogue, since)
    except (AuditError, OSError) as error:
        found["trouble"] = str(error)
        return found
    groups: dict[tuple[str, str, str, str], int] = {}
    for each in past.changes:
        key = (str(each.record["tool"]), str(each.record["decision"]), each.now.decision, each.now.rule)
        groups[key] = groups.get(key, 0) + 1
    changes = sorted(groups.items(), key=lambda each: -each[1])[:_MOST_CHANGES]
    return {**found, "replayed": past, "changes": changes, "since": since}


async def _examine(request: Request, text: str, before: str | None = None, why: str = "") -> Response:
    services = services_of(request)
    there = await anyio.to_thread.run_sync(_text, services)
    if there is None:
        why = "It can't be determined which policy is in force; Health says why."
        return page(request, "failed", "Policy", 500, page="policy", live="", why=why)
    found = await anyio.to_thread.run_sync(_examined, services, text, there)
    return page(
        request, "policy_check", "Check the policy", page="policy", live="", text=text, there=there,
        shown=tilde(there.path), before=there.digest if before is None else before, why=why, **found,
    )  # fmt: skip


async def _check(request: Request, form: Form) -> Response:
    return await _examine(request, _unix(form.get("text", "")), form.get("before"))


async def _save(request: Request, form: Form) -> Response:
    services = services_of(request)
    text = _unix(form.get("text", ""))
    there = await anyio.to_thread.run_sync(_text, services)
    if there is None:
        return await _examine(request, text)
    try:
        await anyio.to_thread.run_sync(
            save_text, text, there.path, form.get("before", ""), services.catalogue
        )
    except NotSaved as error:
        return await _examine(request, text, why=str(error))
    return back(request, "/policy?saved=1")


async def _begin(request: Request) -> Response:
    services = services_of(request)
    given = request.query_params.get("preset", "balanced")
    preset: PresetName = given if given in PRESETS else "balanced"
    policy = Policy.parse(starting_policy(preset, services.catalogue.values()))
    return page(
        request, "policy_begin", "A policy to begin with", page="policy", live="", presets=PRESETS,
        preset=preset, sorts=SORTS, tools=list(services.catalogue.values()),
        chosen=sort_of(policy, services.catalogue.values()),
    )  # fmt: skip


async def _sorted(request: Request, form: Form) -> Response:
    services = services_of(request)
    choices: dict[str, Sort] = {}
    per_hour: dict[str, int] = {}
    for name in services.catalogue:
        sort = form.get(f"sort-{name}", "deny")
        choices[name] = sort if sort in SORTS else "deny"
        number = form.get(f"hour-{name}", "")
        if number.isascii() and number.isdigit() and 0 < int(number[:9]) <= _MOST_PER_HOUR:
            per_hour[name] = int(number)
    return await _examine(request, json.dumps(sorted_policy(choices, per_hour), indent=2) + "\n")


def _unix(text: str) -> str:
    """Browsers send line ends as CR LF."""
    return text.replace("\r\n", "\n")


async def _live(request: Request) -> Response:
    return stream(request, lambda _: {})


ROUTES: Final = (
    Route("/policy", _page),
    Route("/live/policy", _live),
    Route("/policy/check", action(_check), methods=["POST"]),
    Route("/policy/save", action(_save), methods=["POST"]),
    Route("/policy/begin", _begin, methods=["GET"]),
    Route("/policy/begin", action(_sorted), methods=["POST"]),
)
