"""Drafts with whole files, and connections to the loopback YouTube, made without the generator."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

from alya_mcp.tools.youtube.connection import ChannelConnection, Connections
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.drafts import DraftContent, DraftFile, FileKind
from alya_mcp.tools.youtube.pipeline import Pipeline

BLOCK = 256 * 1024
SIZE = 5 * BLOCK + 12_345

CONTENT = DraftContent(
    topic="green tea",
    mode="outline",
    titles=("Green tea in five minutes", "The other title"),
    description="0:00 Leaves\n0:20 Water\n0:40 Time\n",
    tags=("tea", "green tea"),
    estimated_duration_sec=60,
)


def make_draft(pipeline: Pipeline, size: int = SIZE, content: DraftContent = CONTENT) -> str:
    """A previewed draft of `size` bytes with a thumbnail and captions."""
    draft = pipeline.create(content)
    bodies: dict[FileKind, bytes] = {
        "preview": Random(size).randbytes(size),
        "thumbnail": b"\x89PNG\r\n\x1a\n--odd\r\n\r\nbytes",
        "captions": b"1\r\n00:00:00,000 --> 00:00:02,000\r\n--boundary?\r\n\r\n",
    }
    files: dict[FileKind, DraftFile] = {}
    for kind, body in bodies.items():
        path = pipeline.folder(draft) / kind
        path.write_bytes(body)
        files[kind] = DraftFile(path=path, sha256=sha256(body).hexdigest(), size=len(body))
    pipeline.keep_files(draft, files)
    pipeline.move(draft, "previewed")
    return draft


def make_draft_in(home: Path, size: int = SIZE, grant: str = "local") -> str:
    database = YoutubeDatabase(home)
    try:
        return make_draft(Pipeline(database, grant), size)
    finally:
        database.close()


def connect(home: Path, *, grant: str = "local", left: timedelta = timedelta(hours=1)) -> ChannelConnection:
    """A connection whose access token is good for `left`."""
    now = datetime.now(UTC)
    connection = ChannelConnection(
        client_id="client-of-the-tests",
        refresh_token="refresh-token-secret",
        access_token="access-1",
        expires_at=now + left,
        scopes=("https://www.googleapis.com/auth/youtube",),
        connected_at=now,
        channel_id="UC_mine",
        channel_title="Tea & more",
    )
    Connections(home, grant).save(connection)
    return connection
