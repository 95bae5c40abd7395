"""Usage and ends of audit chains, buffered until they are written to the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.gate.state.interface import Head, Usage

if TYPE_CHECKING:
    import sqlite3

_MINUTE_NS: Final = 60_000_000_000

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS heads (
        chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS usage (
        subject TEXT NOT NULL, minute INTEGER NOT NULL, session TEXT NOT NULL, tool TEXT NOT NULL,
        calls INTEGER NOT NULL, ok INTEGER NOT NULL, errors INTEGER NOT NULL, denied INTEGER NOT NULL,
        usd REAL NOT NULL, PRIMARY KEY (subject, minute, session, tool)
    ) WITHOUT ROWID""",
)
READ_HEADS: Final = "SELECT chain, seq, hash FROM heads"
READ_USAGE: Final = (
    "SELECT tool, SUM(calls), SUM(ok), SUM(errors), SUM(denied), SUM(usd) FROM usage "
    "WHERE subject = :grant AND minute >= :first AND (:session IS NULL OR session = :session) "
    "AND (:tool IS NULL OR tool = :tool) "
    "GROUP BY tool ORDER BY tool"
)
READ_BUCKETS: Final = (
    "SELECT (minute + :shift) / :size, subject, tool, SUM(calls), SUM(ok), SUM(errors), SUM(denied), "
    "SUM(usd) FROM usage WHERE minute >= :first GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_SET_HEAD: Final = (
    "INSERT INTO heads VALUES (?, ?, ?) "
    "ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > seq"
)
_ADD_USAGE: Final = (
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "calls = calls + excluded.calls, ok = ok + excluded.ok, errors = errors + excluded.errors, "
    "denied = denied + excluded.denied, usd = usd + excluded.usd"
)


@dataclass(slots=True)
class Notes:
    """What was noted: heads by chain, counts by grant, minute, session and tool."""

    heads: dict[str, Head] = field(default_factory=dict[str, Head])
    counts: dict[tuple[str, int, str, str], list[float]] = field(
        default_factory=dict[tuple[str, int, str, str], list[float]]
    )

    def denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        self._row(grant, session, tool, time_ns)[3] += 1

    def settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        row = self._row(grant, session, tool, time_ns)
        row[0] += 1
        row[1 if ok else 2] += 1
        row[4] += usd

    def _row(self, grant: str, session: str, tool: str, time_ns: int) -> list[float]:
        key = (grant, time_ns // _MINUTE_NS, session, tool)
        row = self.counts.get(key)
        if row is None:
            row = self.counts[key] = [0, 0, 0, 0, 0.0]
        return row

    def merge(self, later: "Notes") -> None:
        """Add what was noted after these."""
        self.heads.update(later.heads)
        for key, counts in later.counts.items():
            mine = self.counts.setdefault(key, [0, 0, 0, 0, 0.0])
            self.counts[key] = [a + b for a, b in zip(mine, counts, strict=True)]

    def write(self, db: "sqlite3.Connection") -> None:
        """Add them to a file's tables, in the transaction that `db` is in."""
        db.executemany(_SET_HEAD, [(chain, head.seq, head.hash) for chain, head in self.heads.items()])
        db.executemany(_ADD_USAGE, [(*key, *row) for key, row in self.counts.items()])

    def usage(self, grant: str, first: int, session: str | None, tool: str | None) -> tuple[Usage, ...]:
        """What a grant used from the minute `first` on, a row per tool."""
        sums: dict[str, list[float]] = {}
        for (by, minute, in_session, of_tool), counts in self.counts.items():
            if by == grant and minute >= first and session in (None, in_session) and tool in (None, of_tool):
                sums[of_tool] = [a + b for a, b in zip(sums.get(of_tool, [0] * 5), counts, strict=True)]
        return tuple(usage_of((name, *sums[name])) for name in sorted(sums))


def usage_asked(grant: str, since: float, session: str | None, tool: str | None) -> Mapping[str, object]:
    """The values that `READ_USAGE` takes; `since` is in seconds since 1970."""
    return {"grant": grant, "first": int(since // 60), "session": session, "tool": tool}


def usage_of(row: Sequence[Any]) -> Usage:
    """A row of sums as `Usage`."""
    tool, calls, ok, errors, denied, usd = row
    return Usage(tool, int(calls), int(ok), int(errors), int(denied), round(float(usd), 9))
