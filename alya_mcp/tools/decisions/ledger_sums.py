"""Sums over the ledger's cases: counts and scores per prefix of a domain, and outcomes per stated percent."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from math import log
from typing import Final

from alya_mcp.tools.decisions.ledger_case import LedgerCase, PredictionOutcome, text_of
from alya_mcp.tools.decisions.logic.calibration import logit
from alya_mcp.tools.decisions.logic.domains import prefixes

CERTAIN: Final = 0.001
"""Log loss clips confidences to at least this far from 0 and 1, where it would be infinite."""

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


class LedgerSums:
    """What new and resolved cases add to the sums of a caller, per prefix of their domains."""

    def __init__(self, grant: str) -> None:
        self._grant = grant
        self._cells: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0] * 4)
        self._totals: dict[str, list[float]] = defaultdict(lambda: [0.0] * 7)
        self._last: dict[str, str] = {}

    def open(self, case: LedgerCase, count: int) -> None:
        """Add `count` open cases of the domain of `case`."""
        for prefix in prefixes(case.domain):
            self._totals[prefix][0] += count

    def resolve(self, case: LedgerCase, outcome: PredictionOutcome, when: datetime | None) -> None:
        """Count an open case as resolved at `when`."""
        self.open(case, -1)
        won = outcome == "win"
        scores = _scores(case, won) if outcome != "void" else (0.0, 0.0, 0.0)
        counted = (won, outcome == "loss", outcome == "void", *scores)
        percent = int(case.confidence * 100)
        for prefix in prefixes(case.domain):
            _add(self._totals[prefix], (0, *counted))
            if when is not None:
                self._last[prefix] = max(self._last.get(prefix, ""), text_of(when) or "")
            if outcome != "void":
                _add(self._cells[prefix, percent], (1, won, logit(case.confidence), case.confidence))

    def add(self, db: sqlite3.Connection) -> None:
        """Write the sums, within the transaction that is open."""
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
