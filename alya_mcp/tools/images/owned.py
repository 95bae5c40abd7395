"""The pictures of each caller, in `repeats/owned.sqlite` of ALYA_HOME."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from alya_mcp.errors import Unavailable
from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.toolkit.tool import Context

if TYPE_CHECKING:
    from alya_mcp.toolkit.services import Hub
    from alya_mcp.tools.images.repeat_index import Known

MOST: Final = 20_000
"""Pictures recorded in all; the oldest are deleted first."""

_TABLES: Final = """
    CREATE TABLE owned (
        number INTEGER PRIMARY KEY, caller TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, at REAL NOT NULL, UNIQUE (caller, key)
    )
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPicture:
    """A picture that a caller had drawn, at `at` in seconds since 1970."""

    key: str
    model: str
    width: int
    height: int
    at: float


class OwnedPictures:
    """The pictures of every caller of `home`; its methods block and may be called from any thread."""

    def __init__(self, home: Path, *, most: int = MOST) -> None:
        self._most = most
        self._database = PrivateDatabase(
            home, "repeats/owned.sqlite", title="The list of each caller's pictures",
            application=0x616C796F, schema=1, tables=_TABLES,
        )  # fmt: skip

    def note(self, caller: str, key: str, model: str, width: int, height: int) -> None:
        """Record that `caller` had the picture drawn; errors are logged only."""
        try:
            with self._database.writing() as db:
                db.execute(
                    "INSERT OR IGNORE INTO owned (caller, key, model, width, height, at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (caller, key, model, width, height, time.time()),
                )
                db.execute(
                    "DELETE FROM owned WHERE number <= (SELECT MAX(number) - ? FROM owned)", (self._most,)
                )
        except Unavailable as failure:
            logger.warning("a picture can't be used as a reference later: %s", failure)

    def find(self, caller: str, key: str) -> OwnPicture | None:
        """The picture that the store keeps as `key`, if `caller` had it drawn.

        Raises:
            Unavailable: the list can't be read.
        """
        with self._database.reading() as db:
            row = db.execute(
                "SELECT key, model, width, height, at FROM owned WHERE caller = ? AND key = ?", (caller, key)
            ).fetchone()
        if row is None:
            return None
        return OwnPicture(key=row[0], model=row[1], width=row[2], height=row[3], at=row[4])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()


def owned_pictures(hub: "Hub") -> OwnedPictures:
    """The list of the server's home."""
    return hub.kept(OwnedPictures, lambda: OwnedPictures(hub.settings.home))


async def note_owner(known: "Known", context: Context) -> None:
    """Record that the caller has a picture, so that its later calls may refer to it."""
    note = owned_pictures(context.hub).note
    await anyio.to_thread.run_sync(note, context.grant, known.key, known.model, known.width, known.height)
