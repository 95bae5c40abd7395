"""Spend: calls, denials and money over time, by tool and caller, and what is left of limits and budgets."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import anyio.to_thread
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alya_mcp.app.presence import running_servers
from alya_mcp.dashboard.charts import Bar, bars, gauge
from alya_mcp.dashboard.live import Parts, stream
from alya_mcp.dashboard.rendering import page, part, services_of
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.words import dollars, number, span
from alya_mcp.gate import Gate, LimitRow, Policy, PolicyError, StateError
from alya_mcp.gate.audit.index import SessionUse
from alya_mcp.gate.state import Usage
from alya_mcp.text.plurals import counted
from alya_mcp.tools import NAMES


@dataclass(frozen=True, slots=True)
class Period:
    """A span to look at: so many buckets of so many minutes, and how a bucket's beginning is shown."""

    title: str
    buckets: int
    minutes: int
    form: str


PERIODS: Final = {
    "hour": Period("Last hour", 60, 1, "%H:%M"),
    "day": Period("Last 24 hours", 24, 60, "%H:%M"),
    "month": Period("Last 30 days", 30, 1440, "%d %b"),
}


@dataclass(slots=True)
class SpentSum:
    """What one tool, one caller or one bucket used."""

    calls: int = 0
    ok: int = 0
    errors: int = 0
    denied: int = 0
    usd: float = 0.0

    def add(self, usage: Usage) -> None:
        """Add a row."""
        self.calls += usage.calls
        self.ok += usage.ok
        self.errors += usage.errors
        self.denied += usage.denied
        self.usd += usage.usd


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit or budget for a caller."""

    caller: str
    tool: str
    what: str
    words: str
    note: str
    meter: Markup
    share: float


def used(
    services: Services, period: Period, now: float
) -> tuple[list[tuple[str, SpentSum]], dict[str, dict[str, SpentSum]]]:
    """The period's buckets by their names, and the sums by tool and by caller.

    Raises:
        StateError: the state can't be read.
    """
    offset = datetime.fromtimestamp(now).astimezone().utcoffset()
    shift = 0 if offset is None else int(offset.total_seconds() // 60)
    last = (int(now // 60) + shift) // period.minutes
    first = last - period.buckets + 1
    rows = services.state.usage_by_time(first * period.minutes - shift, period.minutes, shift)
    buckets = {bucket: SpentSum() for bucket in range(first, last + 1)}
    by: dict[str, dict[str, SpentSum]] = {"tool": {}, "caller": {}}
    for bucket, caller, usage in rows:
        for group, name in ((by["tool"], usage.tool), (by["caller"], caller or "(unknown)")):
            group.setdefault(name, SpentSum()).add(usage)
        if bucket in buckets:
            buckets[bucket].add(usage)

    def label(bucket: int) -> str:
        return (
            datetime.fromtimestamp((bucket * period.minutes - shift) * 60).astimezone().strftime(period.form)
        )

    return [(label(bucket), total) for bucket, total in buckets.items()], by


def remaining(services: Services) -> Iterator[Left]:
    """What is left of every limit, of every caller and of each session of a server that runs.

    Raises:
        StateError: the state can't be read.
    """
    categories = {name: services.catalogue[name].category for name in NAMES}
    told: set[tuple[str, str | None]] = set()
    of_sessions: dict[str, list[LimitRow]] = {}
    for caller, grant in services.callers():
        policy = services.policy
        if grant is not None and grant.policy is not None:
            try:
                policy = Policy.load(grant.policy, NAMES)
            except PolicyError:
                continue  # everything is denied to that caller; Health says why
        gate = Gate(policy, services.state)
        for row in gate.limits("", caller, categories.items()):
            if row.scope == "host":
                if (row.rule, row.tool) in told:
                    continue
                told.add((row.rule, row.tool))
            if row.scope == "session":
                of_sessions.setdefault(caller, []).append(row)
            else:
                yield _left(row, caller if row.scope == "grant" else "everyone")
    for session, caller, row in in_sessions(services, of_sessions, time.time()):
        where = f"{caller}, session {session[:8]}"
        yield _left(row, where) if _is_logged(row) else _uncounted(row, where)


def in_sessions(
    services: Services, rows: Mapping[str, Sequence[LimitRow]], now: float
) -> Iterator[tuple[str, str, LimitRow]]:
    """What is left of each caller's `rows` in each session of a running server, as the audit log has it.

    A server counts these in memory. The log doesn't hold what `limits` add up: an argument, or the price of
    failed calls. Such a row is returned unused.
    """
    sessions = tuple(running_servers(services.settings.home)) if rows else ()
    used: dict[float, list[SessionUse]] = {}
    for window in {row.window_s for each in rows.values() for row in each}:
        used[window] = services.index.session_use(sessions, now - window)
    for session, caller in {(use.session, use.caller) for uses in used.values() for use in uses}:
        for row in rows.get(caller, ()):
            uses = [
                use
                for use in used[row.window_s]
                if use[:2] == (session, caller) and row.tool in {None, use.tool}
            ]
            if uses and not _is_logged(row):
                yield session, caller, replace(row, left=row.max, resets_in=0.0)
            elif uses:
                spent = sum(use.calls if row.unit == "calls" else use.usd for use in uses)
                frees = min(use.oldest for use in uses) / 1e6 + row.window_s - now
                yield session, caller, replace(row, left=max(0.0, row.max - spent), resets_in=frees)


def _is_logged(row: LimitRow) -> bool:
    """Whether the audit log holds what `row` counts."""
    return row.unit == "calls" or row.rule.endswith("/budget")


def _uncounted(row: LimitRow, caller: str) -> Left:
    """A limit of a session of which only the server knows how much is used."""
    note = "how much is used is known to its server alone"
    return Left(
        caller,
        row.tool or "all tools",
        _what(row),
        f"At most {_amount(row, row.max)}",
        note,
        gauge(0, "fill"),
        0,
    )


def _left(row: LimitRow, caller: str) -> Left:
    spent = row.max - row.left
    share = spent / row.max if row.max else 1.0
    shown = dollars(spent) if row.unit == "usd" else number(round(spent, 9))
    words = f"{shown} of {_amount(row, row.max)} used"
    note = ""
    if row.left <= 0 and row.resets_in:
        note = f"free again in {counted(-int(-row.resets_in // 1), 'second')}"
    elif row.mode == "shadow":
        note = "not enforced (shadow)"
    kind = "full" if share >= 1 else "high" if share >= 0.8 else "fill"
    return Left(caller, row.tool or "all tools", _what(row), words, note, gauge(share, kind), share)


def _what(row: LimitRow) -> str:
    return f"{'Budget' if row.unit == 'usd' else 'Limit'} per {span(row.window_s)}"


def _amount(row: LimitRow, value: float) -> str:
    if row.unit == "usd":
        return dollars(value)
    return number(round(value, 9)) + ("" if row.unit == "calls" else f" of {row.unit}")


def _seen(services: Services, chosen: str) -> dict[str, Any]:
    period = PERIODS[chosen]
    seen: dict[str, Any] = {"trouble": None, "period": period, "chosen": chosen}
    nothing: dict[str, Any] = {
        "total": SpentSum(), "buckets": [], "chart": "", "tools": [], "callers": [], "left": [], "most": 0,
    }  # fmt: skip
    try:
        buckets, by = used(services, period, time.time())
        left = list(remaining(services))
    except (OSError, sqlite3.Error) as error:
        return {**seen, **nothing, "trouble": f"The index of the audit log can't be read: {error}."}
    except StateError as error:
        return {**seen, **nothing, "trouble": f"{error}. {error.remedy}"}
    total = SpentSum()
    for _, each in buckets:
        total.calls += each.calls
        total.ok += each.ok
        total.errors += each.errors
        total.denied += each.denied
        total.usd += each.usd
    chart = bars(
        f"Calls and denials, {period.title.lower()}",
        [
            Bar(
                name,
                (
                    ("ok", each.ok, f"{name}: {each.ok:,} answered, {dollars(each.usd)}"),
                    ("failed", each.errors, f"{name}: {each.errors:,} failed"),
                    ("denied", each.denied, f"{name}: {each.denied:,} denied"),
                ),
            )
            for name, each in buckets
        ],
    )

    def ranked(group: dict[str, SpentSum]) -> list[tuple[str, SpentSum]]:
        return sorted(
            group.items(), key=lambda each: (-each[1].usd, -each[1].calls, -each[1].denied, each[0])
        )

    most = max((each.calls + each.denied for _, each in buckets), default=0)
    left.sort(key=lambda each: (-each.share, each.caller, each.tool))
    return {
        **seen, "total": total, "most": most, "buckets": buckets, "chart": chart, "tools": ranked(by["tool"]),
        "callers": ranked(by["caller"]), "left": left,
    }  # fmt: skip


def _chosen(request: Request) -> str:
    chosen = request.query_params.get("over", "day")
    return chosen if chosen in PERIODS else "day"


async def _page(request: Request) -> Response:
    chosen = _chosen(request)
    seen = await anyio.to_thread.run_sync(_seen, services_of(request), chosen)
    live = f"live/spend?over={chosen}"
    return page(request, "spend", "Spend", page="spend", live=live, periods=PERIODS, **seen)


def _parts(request: Request) -> Parts:
    seen = _seen(services_of(request), _chosen(request))
    return {name: part(request, name, **seen) for name in ("figures", "left")}


async def _live(request: Request) -> Response:
    return stream(request, _parts)


ROUTES: Final = (Route("/spend", _page), Route("/live/spend", _live))
