"""The pipeline of one caller: drafts with their states, files and history, and the channel they are for.

    pipeline = pipeline_of(context)
    number = pipeline.create(DraftContent(topic=..., mode="outline", titles=(...), description=...))
    pipeline.keep_files(number, {"preview": DraftFile(path=..., sha256=..., size=...)})
    pipeline.move(number, "previewed")

Every method blocks, may be called from any thread, and raises `Unavailable` when the file can't be used.
"""

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import Failure, InvalidInput
from alya_mcp.runtime.private_files import private_folder
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.database import YoutubeDatabase, database_of
from alya_mcp.tools.youtube.drafts import Draft, DraftContent, DraftFile, FileKind
from alya_mcp.tools.youtube.logic.states import DraftState, allowed

_COLUMNS: Final = "number, id, state, reason, created_at, content, files, progress, video_id"
_SELECT: Final = f"SELECT {_COLUMNS} FROM drafts WHERE grant = ?"  # noqa: S608
_STEPS: Final = "SELECT state, reason, at FROM history WHERE draft = ? ORDER BY rowid"


class WrongMove(Failure):
    """A draft can't come into that state from where it is."""


@dataclass(frozen=True, slots=True)
class DraftPage:
    """Some drafts, the newest first, and the cursor of the next page; None when this is the last one."""

    drafts: Sequence[Draft]
    next_cursor: str | None


class Pipeline:
    """The pipeline of the caller `grant`; nobody else's drafts can be seen through it."""

    def __init__(self, database: YoutubeDatabase, grant: str) -> None:
        self.database = database
        self.grant = grant

    # -- drafts

    def create(self, content: DraftContent) -> str:
        """Keep a new draft, in state `drafted`; returns its id."""
        draft = str(uuid.uuid4())
        now = _now()
        with self.database.writing() as db:
            db.execute(
                "INSERT INTO drafts (id, grant, state, created_at, content) VALUES (?, ?, 'drafted', ?, ?)",
                (draft, self.grant, now, content.model_dump_json()),
            )
            db.execute("INSERT INTO history VALUES (?, 'drafted', NULL, ?)", (draft, now))
        return draft

    def get(self, draft: str) -> Draft:
        """The draft with that id.

        Raises:
            InvalidInput: the caller has none.
        """
        with self.database.reading() as db:
            return self._find(db, draft)

    def move(
        self, draft: str, state: DraftState, reason: str | None = None, *, video_id: str | None = None
    ) -> Draft:
        """Bring the draft into `state`, and note when and why, and YouTube's id of its video if given.

        Raises:
            InvalidInput: the caller has no such draft.
            WrongMove: that state can't follow the one it is in.
        """
        with self.database.writing() as db:
            found = self._find(db, draft)
            after = allowed([step.state for step in found.history])
            if state not in after:
                may = " or ".join(after) or "nothing else"
                raise WrongMove(
                    f"The draft {draft} is {found.state}; it can become {may} next, and not {state}."
                )
            self._set(db, draft, "state", state)
            self._set(db, draft, "reason", reason)
            if video_id is not None:
                self._set(db, draft, "video_id", video_id)
            db.execute("INSERT INTO history VALUES (?, ?, ?, ?)", (draft, state, reason, _now()))
            return self._find(db, draft)

    def keep_content(self, draft: str, content: DraftContent) -> None:
        """Replace what the draft says, as long as nobody has approved it.

        Raises:
            InvalidInput: the caller has no such draft.
            WrongMove: it is approved, queued, uploaded or published.
        """
        with self.database.writing() as db:
            self._open_draft(db, draft)
            self._set(db, draft, "content", content.model_dump_json())

    def keep_files(self, draft: str, files: Mapping[FileKind, DraftFile]) -> None:
        """Note the draft's files, beside those that it has; like `keep_content`."""
        with self.database.writing() as db:
            found = self._open_draft(db, draft)
            held: dict[FileKind, DraftFile] = {**found.files, **files}
            self._set(db, draft, "files", _files_json(held))

    def keep_link(self, draft: str, kind: FileKind, key: str) -> None:
        """Keep the key in the store of pictures under which a file of the draft can be linked."""
        with self.database.writing() as db:
            files = dict(self._find(db, draft).files)
            if kind in files:
                files[kind] = files[kind].model_copy(update={"key": key})
                self._set(db, draft, "files", _files_json(files))

    def note(self, draft: str, progress: Mapping[str, Any] | None) -> None:
        """Keep how far the making of the draft is; None when it is over.

        Raises:
            InvalidInput: the caller has no such draft.
        """
        with self.database.writing() as db:
            self._find(db, draft)
            self._set(db, draft, "progress", None if progress is None else json.dumps(dict(progress)))

    def list(self, state: DraftState | None = None, limit: int = 20, cursor: str | None = None) -> DraftPage:
        """The newest drafts first, at most `limit`, all or those in `state`, from `cursor` on.

        Raises:
            InvalidInput: `cursor` isn't one that an earlier page gave.
        """
        below = 2**62 if cursor is None else _number(cursor)
        sql = f"{_SELECT} AND number < ? AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?"
        with self.database.reading() as db:
            rows = db.execute(sql, (self.grant, below, state, state, limit + 1)).fetchall()
            drafts = [_draft(db, row) for row in rows[:limit]]
        more = len(rows) > limit
        return DraftPage(drafts, str(rows[limit - 1][0]) if more else None)

    def counts(self) -> dict[DraftState, int]:
        """How many drafts are in each state; states without any are left out."""
        sql = "SELECT state, COUNT(*) FROM drafts WHERE grant = ? GROUP BY state"
        with self.database.reading() as db:
            return dict(db.execute(sql, (self.grant,)).fetchall())

    def moments(self, state: DraftState, since: datetime) -> Sequence[datetime]:
        """When drafts came into `state`, from `since` on, the oldest first."""
        sql = (
            "SELECT at FROM history JOIN drafts ON draft = id WHERE grant = ? AND history.state = ? "
            "AND at >= ? ORDER BY at"
        )
        asked = (self.grant, state, since.astimezone(UTC).isoformat(timespec="milliseconds"))
        with self.database.reading() as db:
            return [datetime.fromisoformat(at) for (at,) in db.execute(sql, asked)]

    def newest_ends(self, limit: int) -> Sequence[DraftState]:
        """How the last drafts that were uploaded or failed ended, the newest first."""
        sql = (
            "SELECT history.state FROM history JOIN drafts ON draft = id WHERE grant = ? "
            "AND history.state IN ('uploaded', 'failed') ORDER BY history.rowid DESC LIMIT ?"
        )
        with self.database.reading() as db:
            return [state for (state,) in db.execute(sql, (self.grant, limit))]

    def folder(self, draft: str) -> Path:
        """The draft's own folder, `youtube/drafts/<id>` in ALYA_HOME, made with mode 0700 if it isn't there.

        Raises:
            OSError: it can't be made.
        """
        return private_folder(self.database.folder / "drafts" / str(uuid.UUID(draft)))

    # -- the channel

    def channel(self) -> ChannelProfile:
        """The channel as it was configured; the defaults where it wasn't."""
        with self.database.reading() as db:
            return self._channel(db)

    def change_channel(self, changed: Mapping[str, Any]) -> ChannelProfile:
        """Change those fields of the channel's configuration; returns the whole of it."""
        with self.database.writing() as db:
            channel = ChannelProfile.model_validate({**self._channel(db).model_dump(), **changed})
            db.execute(
                "INSERT OR REPLACE INTO channels VALUES (?, ?)", (self.grant, channel.model_dump_json())
            )
        return channel

    # -- rows

    def _channel(self, db: sqlite3.Connection) -> ChannelProfile:
        found = db.execute("SELECT configuration FROM channels WHERE grant = ?", (self.grant,)).fetchone()
        return ChannelProfile() if found is None else ChannelProfile.model_validate_json(found[0])

    def _find(self, db: sqlite3.Connection, draft: str) -> Draft:
        row = db.execute(f"{_SELECT} AND id = ?", (self.grant, draft)).fetchone()
        if row is None:
            raise InvalidInput(
                f"There is no draft {draft!r} of yours; youtube_generate_video makes one and returns its "
                "tenantVideoId, youtube_list_drafts lists them."
            )
        return _draft(db, row)

    def _open_draft(self, db: sqlite3.Connection, draft: str) -> Draft:
        found = self._find(db, draft)
        if found.state not in ("drafted", "previewed", "failed"):
            raise WrongMove(f"The draft {draft} is {found.state} and can't be changed any more.")
        return found

    def _set(self, db: sqlite3.Connection, draft: str, column: str, value: object) -> None:
        sql = f"UPDATE drafts SET {column} = ? WHERE id = ? AND grant = ?"  # noqa: S608 - our own names
        db.execute(sql, (value, draft, self.grant))


def pipeline_of(context: Context) -> Pipeline:
    """The pipeline of the caller."""
    return Pipeline(database_of(context.hub), context.grant)


def _draft(db: sqlite3.Connection, row: Sequence[Any]) -> Draft:
    """The draft in a row of `_COLUMNS`."""
    _, draft, state, reason, created, content, files, progress, video = row
    steps = db.execute(_STEPS, (draft,)).fetchall()
    return Draft.model_validate(
        {
            "id": draft,
            "state": state,
            "reason": reason,
            "created_at": created,
            "content": json.loads(content),
            "files": json.loads(files),
            "history": [{"state": s, "reason": r, "at": at} for s, r, at in steps],
            "progress": None if progress is None else json.loads(progress),
            "video_id": video,
        }
    )


def _files_json(files: Mapping[FileKind, DraftFile]) -> str:
    return json.dumps({kind: file.model_dump(mode="json") for kind, file in files.items()})


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidInput(f"cursor is {cursor!r}; it takes the nextCursor of an earlier answer.")
    return int(cursor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
