"""Sessions of the symptom checker, `health/sessions.sqlite` in ALYA_HOME.

A session holds findings, age and sex, never the words of a complaint. It belongs to the grant that began it
and is deleted `LIFETIME` after its last use. The file has mode 0600.
"""

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import InvalidInput
from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.tools.health.logic.symptoms.extraction import Mention
from alya_mcp.tools.health.logic.symptoms.model import Patient
from alya_mcp.tools.health.logic.symptoms.reading import PatientCase

LIFETIME: Final = 24 * 3600.0
"""Seconds from its last use after which a session is deleted."""

MOST_PER_GRANT: Final = 500
"""Sessions of one grant that are kept, those used last."""

_APPLICATION: Final = 0x616C7973
_SCHEMA: Final = 1
_TABLES: Final = """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, grant TEXT NOT NULL, expires REAL NOT NULL, facts TEXT NOT NULL
    ) WITHOUT ROWID
"""
_TRIM: Final = """
    DELETE FROM sessions WHERE grant = ? AND id NOT IN
    (SELECT id FROM sessions WHERE grant = ? ORDER BY expires DESC LIMIT ?)
"""


class SymptomSessions:
    """The sessions in `home`; `clock` gives seconds since 1970. Its methods block, from any thread.

    Raises:
        Unavailable: from every method, when the file can't be used.
    """

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = PrivateDatabase(
            home,
            "health/sessions.sqlite",
            title="The file of symptom sessions",
            application=_APPLICATION,
            schema=_SCHEMA,
            tables=_TABLES,
        )

    def update(
        self, grant: str, session: str | None, case: PatientCase, change: Callable[[PatientCase], None]
    ) -> tuple[str, datetime]:
        """Fill `case` with what a session holds, change it and keep it; without a session a new one begins.

        Returns the session's id and when it expires. Nothing is kept when `change` raises.

        Raises:
            InvalidInput: the grant has no such session, or no longer.
        """
        now = self._clock()
        with self._file.writing() as db:
            db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
            if session is not None:
                row = db.execute(
                    "SELECT facts FROM sessions WHERE id = ? AND grant = ?", (session, grant)
                ).fetchone()
                if row is None:
                    raise InvalidInput(
                        f"There is no session {session!r} of yours; a session ends 24 hours after its last "
                        "use. Leave sessionId out to start again."
                    )
                _restore(case, json.loads(row[0]))
            change(case)
            name = session or str(uuid.uuid4())
            expires = now + LIFETIME
            db.execute(
                "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)",
                (name, grant, expires, json.dumps(_facts(case))),
            )
            db.execute(_TRIM, (grant, grant, MOST_PER_GRANT))
        return name, datetime.fromtimestamp(expires, UTC)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def _facts(case: PatientCase) -> dict[str, Any]:
    return {
        "language": case.language,
        "findings": {name: mention.present for name, mention in case.mentions.items()},
        "asked": sorted(case.asked),
        "days": case.days,
        "age": case.age,
        "supposed": [case.supposed.age, case.supposed.ages],
        "sex": case.sex,
        "leaning": case.leaning,
        "alarm": case.alarm,
    }


def _restore(case: PatientCase, facts: dict[str, Any]) -> None:
    case.language = facts["language"]
    case.mentions = {
        name: Mention(name, present=bool(present)) for name, present in facts["findings"].items()
    }
    case.asked = set(facts["asked"])
    case.days = facts["days"]
    case.age = facts["age"]
    typical, ages = facts.get("supposed", (None, None))
    case.supposed = Patient(age=typical, ages=tuple(ages) if ages else None)
    case.sex = facts["sex"]
    case.leaning = facts.get("leaning", {})
    case.alarm = facts.get("alarm")
