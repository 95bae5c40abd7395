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
from datetime import datetime
from math import log
from pathlib import Path
from typing import Final

from alya_mcp.errors import InvalidInput
from alya_mcp.text.words import guess_language, terms
from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.tools.decisions.ledger_case import (
    COLUMNS,
    LedgerCase,
    PredictionOutcome,
    case_of,
    moment_of,
    text_of,
)
from alya_mcp.tools.decisions.ledger_sums import LedgerSums
from alya_mcp.tools.decisions.logic.calibration import Cell
from alya_mcp.tools.decisions.logic.domains import prefixes
from alya_mcp.tools.decisions.logic.opinions import Heard
from alya_mcp.tools.decisions.logic.reliability import BINS, Bin

RECORD: Final = 1000
"""Newest cases by which a source of second opinions is weighed."""

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
_SELECT: Final = f"SELECT {COLUMNS} FROM predictions"  # noqa: S608
_PAGE: Final = f"SELECT id, {COLUMNS} FROM predictions WHERE grant = ? AND id > ? ORDER BY id LIMIT 1000"  # noqa: S608
_SIMILAR: Final = f"""
    {_SELECT} JOIN (SELECT rowid AS match, rank AS fit FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?)
    ON match = id WHERE grant = ? AND outcome IN ('win', 'loss') ORDER BY fit
"""  # noqa: S608
_HELD: Final = "SELECT doc FROM counts WHERE term = ?"


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
        """Save predictions, resolved or not. Returns the ids that exist already; their cases are left out."""
        sums = LedgerSums(grant)
        taken: set[str] = set()
        with self._file.writing() as db:
            for case in cases:
                row = db.execute(
                    "INSERT OR IGNORE INTO predictions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        case.call_id, grant, case.domain, case.statement, case.confidence, case.calibrated,
                        case.opinion, case.opinion_source, text_of(case.made_at), case.outcome,
                        text_of(case.resolved_at), case.note,
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
            case = case_of(found)
            if case.outcome is not None:
                raise InvalidInput(
                    f"The outcome of {call_id} was already recorded as {case.outcome}; it can't be changed."
                )
            db.execute(
                "UPDATE predictions SET outcome = ?, resolved_at = ?, note = ? WHERE call_id = ?",
                (outcome, text_of(now), note, call_id),
            )
            sums = LedgerSums(grant)
            sums.resolve(case, outcome, now)
            sums.add(db)
            return case_of(db.execute(f"{_SELECT} WHERE call_id = ?", (call_id,)).fetchone())

    def levels(self, grant: str, domain: str) -> list[list[Cell]]:
        """Outcomes for `calibrated` per prefix of `domain`, widest first, without those of narrower ones."""
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
            last_resolved_at=moment_of(last),
        )

    def bins(self, grant: str, prefix: str) -> list[Bin]:
        """Stated confidences against outcomes, in bins of a tenth; empty bins are left out."""
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
        """The newest resolved cases with a second opinion of `source`."""
        sql = (
            "SELECT calibrated, opinion, outcome = 'win' FROM predictions WHERE grant = ? "
            "AND opinion_source = ? AND outcome IN ('win', 'loss') ORDER BY id DESC LIMIT ?"
        )
        with self._file.reading() as db:
            rows = db.execute(sql, (grant, source, RECORD)).fetchall()
        return [Heard(own, other, bool(won)) for own, other, won in rows]

    def similar(self, grant: str, statement: str) -> list[tuple[LedgerCase, float]]:
        """Resolved cases whose statements share words with `statement`, with their similarity from 0 to 1.

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
        return [(case, _shared(words, rarity, rare, case.statement)) for case in map(case_of, found)]

    def cases(self, grant: str) -> Iterator[LedgerCase]:
        """Every case of a caller, the oldest first."""
        last = 0
        while True:
            with self._file.reading() as db:
                rows = db.execute(_PAGE, (grant, last)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (case_of(row[1:]) for row in rows)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def new_call_id() -> str:
    """An id by which a prediction's outcome is recorded."""
    return str(uuid.uuid4())


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
