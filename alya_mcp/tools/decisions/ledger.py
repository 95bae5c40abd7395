"""The ledger of decisions, `decisions/ledger.sqlite` in ALYA_HOME: predictions, their outcomes, and sums of
them.

One file for every server process of the user; each caller (grant) sees its own cases only. Sums are kept per
prefix of a domain, so that reading a ledger of 100,000 cases takes no longer than one of ten. Nothing is ever
deleted. A file that is damaged, newer or another program's is an error and stays as it is.
"""

import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from pathlib import Path
from typing import Any, Final, Literal

from alya_mcp.errors import InvalidInput
from alya_mcp.text.words import guess_language, terms
from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.tools.decisions.logic.calibration import Cell, logit
from alya_mcp.tools.decisions.logic.domains import prefixes
from alya_mcp.tools.decisions.logic.opinions import Heard
from alya_mcp.tools.decisions.logic.reliability import BINS, Bin

PredictionOutcome = Literal["win", "loss", "void"]

RECORD: Final = 1000
"""Newest cases by which a source of second opinions is weighed."""

CERTAIN: Final = 0.001
"""Log loss reads stated confidences as at least this far from 0 and 1, where it would be infinite."""

_APPLICATION: Final = 0x616C7964
_SCHEMA: Final = 1
_WORDS: Final = 24
_CANDIDATES: Final = 1000
_NEAREST: Final = 50
_TABLES: Final = """
    CREATE TABLE predictions (
        id INTEGER PRIMARY KEY, call_id TEXT NOT NULL UNIQUE, grant TEXT NOT NULL, domain TEXT NOT NULL,
        statement TEXT NOT NULL, confidence REAL NOT NULL, calibrated REAL NOT NULL, opinion REAL,
        opinion_source TEXT, made_at TEXT NOT NULL, outcome TEXT, resolved_at TEXT, note TEXT
    );
    CREATE INDEX by_source ON predictions (grant, opinion_source, id) WHERE opinion_source IS NOT NULL;
    CREATE TABLE cells (
        grant TEXT NOT NULL, prefix TEXT NOT NULL, percent INTEGER NOT NULL, n INTEGER NOT NULL,
        wins INTEGER NOT NULL, x REAL NOT NULL, confidence REAL NOT NULL,
        PRIMARY KEY (grant, prefix, percent)
    ) WITHOUT ROWID;
    CREATE TABLE totals (
        grant TEXT NOT NULL, prefix TEXT NOT NULL, open INTEGER NOT NULL, wins INTEGER NOT NULL,
        losses INTEGER NOT NULL, void INTEGER NOT NULL, brier REAL NOT NULL, log_loss REAL NOT NULL,
        calibrated_brier REAL NOT NULL, resolved_at TEXT, PRIMARY KEY (grant, prefix)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5 (statement, content = '');
    CREATE VIRTUAL TABLE counts USING fts5vocab (words, 'row');
"""
_COLUMNS: Final = (
    "call_id, domain, statement, confidence, calibrated, opinion, opinion_source, made_at, outcome, "
    "resolved_at, note"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM predictions"  # noqa: S608
_PAGE: Final = f"SELECT id, {_COLUMNS} FROM predictions WHERE grant = ? AND id > ? ORDER BY id LIMIT 1000"  # noqa: S608
_SIMILAR: Final = f"""
    {_SELECT} JOIN (SELECT rowid AS match, rank AS fit FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?)
    ON match = id WHERE grant = ? AND outcome IN ('win', 'loss') ORDER BY fit
"""  # noqa: S608
_HELD: Final = "SELECT doc FROM counts WHERE term = ?"
_ADD_CELL: Final = """
    INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n,
    wins = wins + excluded.wins, x = x + excluded.x, confidence = confidence + excluded.confidence
"""
_ADD_TOTAL: Final = """
    INSERT INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    open = open + excluded.open, wins = wins + excluded.wins, losses = losses + excluded.losses,
    void = void + excluded.void, brier = brier + excluded.brier, log_loss = log_loss + excluded.log_loss,
    calibrated_brier = calibrated_brier + excluded.calibrated_brier,
    resolved_at = NULLIF(MAX(IFNULL(resolved_at, ''), IFNULL(excluded.resolved_at, '')), '')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCase:
    """A prediction and, once it is known, what came of it.

    Confidences are those of the statement coming true.
    """

    call_id: str
    domain: str
    statement: str
    confidence: float
    calibrated: float
    made_at: datetime
    opinion: float | None = None
    opinion_source: str | None = None
    outcome: PredictionOutcome | None = None
    resolved_at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTotals:
    """Sums over a prefix. `brier`, `log_loss` and `calibrated_brier` are means over wins and losses."""

    open: int = 0
    wins: int = 0
    losses: int = 0
    void: int = 0
    brier: float | None = None
    log_loss: float | None = None
    calibrated_brier: float | None = None
    last_resolved_at: datetime | None = None


class PredictionLedger:
    """The ledger in `home`. Its methods block and may be called from any thread.

    Raises:
        Unavailable: from every method, when the file can't be used.
    """

    def __init__(self, home: Path) -> None:
        self._file = PrivateDatabase(
            home,
            "decisions/ledger.sqlite",
            title="The ledger of decisions",
            application=_APPLICATION,
            schema=_SCHEMA,
            tables=_TABLES,
        )

    def keep(self, grant: str, cases: Iterable[LedgerCase]) -> set[str]:
        """Keep predictions, resolved or not; returns the ids that were taken, whose cases are left out."""
        sums = _Sums(grant)
        taken: set[str] = set()
        with self._file.writing() as db:
            for case in cases:
                row = db.execute(
                    "INSERT OR IGNORE INTO predictions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        case.call_id, grant, case.domain, case.statement, case.confidence, case.calibrated,
                        case.opinion, case.opinion_source, _text(case.made_at), case.outcome,
                        _text(case.resolved_at), case.note,
                    ),
                )  # fmt: skip
                if not row.rowcount:
                    taken.add(case.call_id)
                    continue
                words = " ".join(_words(case.statement))
                db.execute("INSERT INTO words (rowid, statement) VALUES (?, ?)", (row.lastrowid, words))
                sums.open(case, 1)
                if case.outcome is not None:
                    sums.resolve(case, case.outcome, case.resolved_at)
            sums.add(db)
        return taken

    def resolve(
        self, grant: str, call_id: str, outcome: PredictionOutcome, note: str | None, now: datetime
    ) -> LedgerCase:
        """Record the outcome of a prediction, once.

        Raises:
            InvalidInput: the caller has no such prediction, or its outcome is already recorded.
        """
        with self._file.writing() as db:
            found = db.execute(f"{_SELECT} WHERE call_id = ? AND grant = ?", (call_id, grant)).fetchone()
            if found is None:
                raise InvalidInput(
                    f"There is no prediction {call_id!r} of yours; calibrate_decision returns a callId."
                )
            case = _case(found)
            if case.outcome is not None:
                raise InvalidInput(
                    f"The outcome of {call_id} was already recorded as {case.outcome}; it can't be changed."
                )
            db.execute(
                "UPDATE predictions SET outcome = ?, resolved_at = ?, note = ? WHERE call_id = ?",
                (outcome, _text(now), note, call_id),
            )
            sums = _Sums(grant)
            sums.resolve(case, outcome, now)
            sums.add(db)
            return _case(db.execute(f"{_SELECT} WHERE call_id = ?", (call_id,)).fetchone())

    def levels(self, grant: str, domain: str) -> list[list[Cell]]:
        """Outcomes for `calibrated`: per prefix of `domain`, the widest first, those in no narrower one."""
        with self._file.reading() as db:
            cells = [_cells(db, grant, prefix) for prefix in prefixes(domain)]
        levels: list[list[Cell]] = []
        for index, wide in enumerate(cells):
            narrow = cells[index + 1] if index + 1 < len(cells) else {}
            rest = {key: _minus(cell, narrow.get(key)) for key, cell in wide.items()}
            levels.append([Cell(x / n, n, wins) for x, n, wins in rest.values() if n])
        return levels

    def totals(self, grant: str, prefix: str) -> LedgerTotals:
        """Sums over a normal domain and all within it; "" is the whole ledger of the caller."""
        sql = (
            "SELECT open, wins, losses, void, brier, log_loss, calibrated_brier, resolved_at FROM totals "
            "WHERE grant = ? AND prefix = ?"
        )
        with self._file.reading() as db:
            found = db.execute(sql, (grant, prefix)).fetchone()
        if found is None:
            return LedgerTotals()
        open_, wins, losses, void, brier, loss, calibrated, last = found
        n = wins + losses
        return LedgerTotals(
            open=open_,
            wins=wins,
            losses=losses,
            void=void,
            brier=brier / n if n else None,
            log_loss=loss / n if n else None,
            calibrated_brier=calibrated / n if n else None,
            last_resolved_at=_moment(last),
        )

    def bins(self, grant: str, prefix: str) -> list[Bin]:
        """Stated confidences against what came true, in tenths; those without a case are left out."""
        sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        sql = "SELECT percent, n, wins, confidence FROM cells WHERE grant = ? AND prefix = ?"
        with self._file.reading() as db:
            for percent, n, wins, confidence in db.execute(sql, (grant, prefix)):
                total = sums[min(percent * BINS // 100, BINS - 1)]
                for index, value in enumerate((n, wins, confidence)):
                    total[index] += value
        return [
            Bin(low=key / BINS, high=(key + 1) / BINS, n=int(n), stated=stated / n, came_true=wins / n)
            for key, (n, wins, stated) in sorted(sums.items())
        ]

    def record_of(self, grant: str, source: str) -> list[Heard]:
        """The newest resolved cases on which a source of second opinions had one."""
        sql = (
            "SELECT calibrated, opinion, outcome = 'win' FROM predictions WHERE grant = ? "
            "AND opinion_source = ? AND outcome IN ('win', 'loss') ORDER BY id DESC LIMIT ?"
        )
        with self._file.reading() as db:
            rows = db.execute(sql, (grant, source, RECORD)).fetchall()
        return [Heard(own, other, bool(won)) for own, other, won in rows]

    def similar(self, grant: str, statement: str) -> list[tuple[LedgerCase, float]]:
        """Resolved cases whose statements share words with `statement`, with 0 to 1 how much they share.

        Words are weighed by their rarity in the ledger; those in most statements aren't looked for.
        """
        words = list(dict.fromkeys(_words(statement)))[:_WORDS]
        with self._file.reading() as db:
            held = {word: count for word in words for (count,) in db.execute(_HELD, (word,))}
            total = db.execute("SELECT COALESCE(MAX(id), 0) FROM predictions").fetchone()[0]
            rarity = {word: log(1 + total / held.get(word, 1)) for word in words}
            asked: list[str] = []
            reached = 0
            for word in sorted((word for word in words if word in held), key=lambda word: held[word]):
                reached += held[word]
                if asked and reached > _CANDIDATES:
                    break
                asked.append(f'"{word}"')
            if not asked:
                return []
            found = db.execute(_SIMILAR, (" OR ".join(asked), _NEAREST, grant)).fetchall()
        rare = log(1 + total)
        return [(case, _shared(words, rarity, rare, case.statement)) for case in map(_case, found)]

    def cases(self, grant: str) -> Iterator[LedgerCase]:
        """Every case of a caller, the oldest first."""
        last = 0
        while True:
            with self._file.reading() as db:
                rows = db.execute(_PAGE, (grant, last)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (_case(row[1:]) for row in rows)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def new_call_id() -> str:
    """An id by which a prediction's outcome is recorded."""
    return str(uuid.uuid4())


class _Sums:
    """What cases add to the sums of a caller."""

    def __init__(self, grant: str) -> None:
        self._grant = grant
        self._cells: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0] * 4)
        self._totals: dict[str, list[float]] = defaultdict(lambda: [0.0] * 7)
        self._last: dict[str, str] = {}

    def open(self, case: LedgerCase, count: int) -> None:
        for prefix in prefixes(case.domain):
            self._totals[prefix][0] += count

    def resolve(self, case: LedgerCase, outcome: PredictionOutcome, when: datetime | None) -> None:
        self.open(case, -1)
        won = outcome == "win"
        scores = _scores(case, won) if outcome != "void" else (0.0, 0.0, 0.0)
        counted = (won, outcome == "loss", outcome == "void", *scores)
        percent = int(case.confidence * 100)
        for prefix in prefixes(case.domain):
            _add(self._totals[prefix], (0, *counted))
            if when is not None:
                self._last[prefix] = max(self._last.get(prefix, ""), _text(when) or "")
            if outcome != "void":
                _add(self._cells[prefix, percent], (1, won, logit(case.confidence), case.confidence))

    def add(self, db: sqlite3.Connection) -> None:
        for (prefix, percent), values in self._cells.items():
            db.execute(_ADD_CELL, (self._grant, prefix, percent, *values))
        for prefix, values in self._totals.items():
            db.execute(_ADD_TOTAL, (self._grant, prefix, *values, self._last.get(prefix)))


def _add(total: list[float], values: Sequence[float]) -> None:
    for index, value in enumerate(values):
        total[index] += value


def _scores(case: LedgerCase, won: bool) -> tuple[float, float, float]:
    """Brier score and log loss of the stated confidence, Brier score of the calibrated one."""
    held = min(max(case.confidence, CERTAIN), 1 - CERTAIN)
    loss = -log(held if won else 1 - held)
    return (case.confidence - won) ** 2, loss, (case.calibrated - won) ** 2


def _case(row: Sequence[Any]) -> LedgerCase:
    """The case in a row of `_COLUMNS`."""
    (call_id, domain, statement, confidence, calibrated, opinion, source, made, outcome, resolved, note) = row
    return LedgerCase(
        call_id=call_id,
        domain=domain,
        statement=statement,
        confidence=confidence,
        calibrated=calibrated,
        opinion=opinion,
        opinion_source=source,
        made_at=datetime.fromisoformat(made),
        outcome=outcome,
        resolved_at=_moment(resolved),
        note=note,
    )


def _cells(db: sqlite3.Connection, grant: str, prefix: str) -> dict[int, tuple[float, int, int]]:
    sql = "SELECT percent, x, n, wins FROM cells WHERE grant = ? AND prefix = ?"
    return {percent: (x, n, wins) for percent, x, n, wins in db.execute(sql, (grant, prefix))}


def _minus(wide: tuple[float, int, int], narrow: tuple[float, int, int] | None) -> tuple[float, int, int]:
    return wide if narrow is None else (wide[0] - narrow[0], wide[1] - narrow[1], wide[2] - narrow[2])


def _shared(words: Sequence[str], rarity: dict[str, float], rare: float, other: str) -> float:
    """The weight of the words that two statements share, over that of all their words."""
    mine, theirs = set(words), set(_words(other))
    common = sum(rarity[word] for word in mine & theirs)
    every = sum(rarity[word] for word in mine) + sum(rarity.get(word, rare) for word in theirs - mine)
    return common / every if every else 0.0


def _words(statement: str) -> list[str]:
    return terms(statement, guess_language(statement))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
