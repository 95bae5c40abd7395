"""The state of a draft's upload, saved before and after every step so that a kill loses nothing."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from alya_mcp.tools.youtube.database import YoutubeDatabase

Privacy = Literal["private", "public"]


class VideoUpload(BaseModel):
    """An upload under way, or done.

    `session` is the address that YouTube gave for it, with the `privacy` that the video will have; None
    before it is begun. `begun_at` is when the first session was. `finishing` is True from before the last
    byte is sent until YouTube's answer to it is known. `thumbnail` and `captions` are True once YouTube has
    them, `captioning` from before the captions are sent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: str | None = Field(default=None, repr=False)
    privacy: Privacy = "private"
    begun_at: datetime | None = None
    finishing: bool = False
    thumbnail: bool = False
    captioning: bool = False
    captions: bool = False


class Uploads:
    """The uploads of all callers, by draft. The methods block."""

    def __init__(self, database: YoutubeDatabase) -> None:
        self._database = database

    def load(self, draft: str) -> VideoUpload:
        """What is known of the draft's upload."""
        with self._database.reading() as db:
            found = db.execute("SELECT record FROM uploads WHERE draft = ?", (draft,)).fetchone()
        return VideoUpload() if found is None else VideoUpload.model_validate_json(found[0])

    def save(self, draft: str, upload: VideoUpload) -> None:
        """Keep it, on disk when this returns."""
        with self._database.writing() as db:
            db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (draft, upload.model_dump_json()))

    def known_videos(self) -> set[str]:
        """The ids of all videos that drafts of this state became."""
        with self._database.reading() as db:
            rows = db.execute("SELECT video_id FROM drafts WHERE video_id IS NOT NULL").fetchall()
        return {video for (video,) in rows}
