"""The file of the YouTube tools, `youtube/pipeline.sqlite` in ALYA_HOME.

It holds drafts and their history, channels, uploads, what was used of the API's quota, and imported figures.
"""

from pathlib import Path
from typing import Final

from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.toolkit.services import Hub

_TABLES: Final = """
    CREATE TABLE drafts (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, grant TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT, created_at TEXT NOT NULL, content TEXT NOT NULL, files TEXT NOT NULL DEFAULT '{}',
        progress TEXT, video_id TEXT
    );
    CREATE INDEX drafts_of_grant ON drafts (grant, number);
    CREATE TABLE history (draft TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, at TEXT NOT NULL);
    CREATE INDEX history_of_draft ON history (draft);
    CREATE TABLE channels (grant TEXT PRIMARY KEY, configuration TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE uploads (draft TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE requests (
        day TEXT NOT NULL, bucket TEXT NOT NULL, used INTEGER NOT NULL, exhausted_at TEXT,
        PRIMARY KEY (day, bucket)
    ) WITHOUT ROWID;
    CREATE TABLE topics (
        grant TEXT NOT NULL, topic TEXT NOT NULL, figures TEXT NOT NULL, PRIMARY KEY (grant, topic)
    ) WITHOUT ROWID
"""


class YoutubeDatabase(PrivateDatabase):
    """The file in `home`; `folder` is the folder that it is in."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            home,
            "youtube/pipeline.sqlite",
            title="The channel's pipeline",
            application=0x616C7979,
            schema=1,
            tables=_TABLES,
        )
        self.folder = home / "youtube"


def database_of(hub: Hub) -> YoutubeDatabase:
    """The database of this server's home."""
    return hub.kept(YoutubeDatabase, lambda: YoutubeDatabase(hub.settings.home))
