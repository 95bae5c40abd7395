"""The audit log in figures: calls, decisions, cost and latency, per day and tool, session and rule."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from alya_mcp.gate.audit.reading import AuditFilter, Made, read_calls
from alya_mcp.gate.decision import UNKNOWN_TOOL

_STEP: Final = 1.02
_LOG_STEP: Final = math.log(_STEP)
_LEAST_MS: Final = 0.001


class Latency:
    """Durations in milliseconds, counted in steps of 2 %: any quantile is right within 1 %.

    The steps are those of DDSketch (Masson, Rim and Lee, VLDB 2019); a few hundred hold every duration.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, ms: float) -> None:
        """Count a duration."""
        self._counts[math.ceil(math.log(max(ms, _LEAST_MS)) / _LOG_STEP)] += 1

    def merge(self, other: "Latency") -> None:
        """Count all that `other` has."""
        self._counts.update(other._counts)

    def quantile(self, part: float) -> float | None:
        """The duration that `part` (0 to 1) of all don't exceed; None without any."""
        rank = math.ceil(part * self._counts.total())
        for step in sorted(self._counts):
            rank -= self._counts[step]
            if rank <= 0:
                return 2 * _STEP**step / (_STEP + 1)
        return None


@dataclass(slots=True)
class AuditTotals:
    """What a day, a tool or a session saw.

    `failed` counts admitted calls that ended otherwise than `ok`, `open` those without an outcome. `shadowed`
    counts calls that a rule in shadow mode would have refused. `usd` is the price of the successes.
    """

    calls: int = 0
    allowed: int = 0
    denied: int = 0
    asked: int = 0
    failed: int = 0
    open: int = 0
    shadowed: int = 0
    usd: float = 0.0
    latency: Latency = field(default_factory=Latency)

    def add(self, call: Made) -> None:
        """Count a call."""
        self.calls += 1
        decision = call.decided["decision"]
        self.allowed += decision == "allow"
        self.denied += decision == "deny"
        self.asked += decision == "ask"
        self.shadowed += bool(call.decided.get("shadow"))
        if call.settled is not None:
            self.failed += call.settled["outcome"] != "ok"
            self.usd += call.settled["usd"]
            self.latency.add(call.settled["ms"])
        elif decision == "allow":
            self.open += 1

    def merge(self, other: "AuditTotals") -> None:
        """Count all that `other` counted."""
        for name in ("calls", "allowed", "denied", "asked", "failed", "open", "shadowed", "usd"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency.merge(other.latency)

    def figures(self) -> dict[str, Any]:
        """The figures by name; durations in milliseconds, money in USD."""
        return {
            **{
                name: getattr(self, name)
                for name in ("calls", "allowed", "denied", "asked", "failed", "open")
            },
            "shadowed": self.shadowed,
            "usd": round(self.usd, 9),
            "p50_ms": _rounded(self.latency.quantile(0.5)),
            "p95_ms": _rounded(self.latency.quantile(0.95)),
        }


@dataclass(slots=True)
class AuditSession(AuditTotals):
    """A session: whose it was (empty for an unknown caller), and from when to when calls were decided."""

    grants: set[str] = field(default_factory=set[str])
    first: str = ""
    last: str = ""


@dataclass(slots=True)
class AuditSummary:
    """What the log tells. Days are UTC; `rules` refused or asked, `shadow_rules` would have."""

    total: AuditTotals = field(default_factory=AuditTotals)
    days: defaultdict[str, AuditTotals] = field(default_factory=lambda: defaultdict(AuditTotals))
    tools: defaultdict[str, AuditTotals] = field(default_factory=lambda: defaultdict(AuditTotals))
    sessions: defaultdict[str, AuditSession] = field(default_factory=lambda: defaultdict(AuditSession))
    rules: Counter[str] = field(default_factory=Counter[str])
    shadow_rules: Counter[str] = field(default_factory=Counter[str])
    first: str = ""
    last: str = ""

    def add(self, call: Made) -> None:
        """Count a call; names that the catalogue doesn't have, as they come from outside, count as one."""
        record = call.decided
        time, rule = record["time"], record["rule"]
        tool = record["tool"] if rule != UNKNOWN_TOOL else UNKNOWN_TOOL
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        session = self.sessions[record["session"]]
        session.grants.add(record["grant"] or "")
        session.first = min(session.first or time, time)
        session.last = max(session.last, time)
        for row in (self.total, self.days[time[:10]], self.tools[tool], session):
            row.add(call)
        if record["decision"] != "allow":
            self.rules[rule] += 1
        for shadow in record.get("shadow") or ():
            self.shadow_rules[str(shadow.get("rule", ""))] += 1

    def figures(self) -> dict[str, Any]:
        """All figures as JSON has them; tools and rules by how often, days and sessions by time."""
        return {
            "first": self.first or None,
            "last": self.last or None,
            **self.total.figures(),
            "days": [{"day": day, **row.figures()} for day, row in sorted(self.days.items())],
            "tools": [{"tool": tool, **row.figures()} for tool, row in most(self.tools)],
            "rules": [{"rule": rule, "calls": count} for rule, count in self.rules.most_common()],
            "shadow_rules": [
                {"rule": rule, "calls": count} for rule, count in self.shadow_rules.most_common()
            ],
            "sessions": [
                {
                    "session": name,
                    "grants": sorted(row.grants),
                    "first": row.first,
                    "last": row.last,
                    **row.figures(),
                }
                for name, row in sorted(self.sessions.items(), key=lambda each: each[1].first)
            ],
        }


def summarise(folder: str | os.PathLike[str], wanted: AuditFilter) -> AuditSummary:
    """The figures of the calls in `folder` that are `wanted`, however many they are.

    Raises:
        AuditError: when the folder or a file can't be read.
    """
    summary = AuditSummary()
    for call in read_calls(folder, wanted):
        summary.add(call)
    return summary


def most(rows: Mapping[str, AuditTotals]) -> list[tuple[str, AuditTotals]]:
    """The rows with the most calls first, those with as many by name."""
    return sorted(rows.items(), key=lambda each: (-each[1].calls, each[0]))


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else float(f"{ms:.3g}")
