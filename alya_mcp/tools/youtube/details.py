"""The steps after an upload: thumbnail, captions, privacy, and a check of what arrived.

The thumbnail and the captions are sent once each. A failure of one of them never undoes the upload: it is
told, and the next call tries it again.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import anyio.to_thread

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.tools.youtube.api import YoutubeApi
from alya_mcp.tools.youtube.drafts import Draft, DraftFile, FileKind
from alya_mcp.tools.youtube.resumable import digest
from alya_mcp.tools.youtube.sources.youtube_data import CaptionTracks, Video, VideoList
from alya_mcp.tools.youtube.uploads import Uploads, VideoUpload

Done = Literal["set", "failed", "none"]

_THUMBNAIL_BYTES: Final = 2_000_000
_PARTS: Final = "snippet,status"


@dataclass(frozen=True, slots=True)
class VideoComparison:
    """What YouTube has of a video, beside what it should have; `differences` names what isn't so."""

    video: Video | None
    differences: tuple[str, ...]


class VideoDetails:
    """What belongs to one uploaded video. `notices` tells what went wrong."""

    def __init__(self, api: YoutubeApi, uploads: Uploads, draft: Draft, video_id: str) -> None:
        self._api = api
        self._uploads = uploads
        self._draft = draft
        self._video = video_id
        self.notices: list[str] = []

    async def thumbnail(self) -> Done:
        """Set the thumbnail, unless YouTube has it."""
        if (await self._known()).thumbnail:
            return "set"
        return await self._tried("thumbnail", self._set_thumbnail)

    async def captions(self) -> Done:
        """Add the captions, unless YouTube has them."""
        if (await self._known()).captions:
            return "set"
        return await self._tried("captions", self._insert_captions)

    async def publish(self) -> None:
        """Let everyone see the video, if they can't; everything else of its status stays as it is.

        Raises:
            Failure: YouTube refuses that, or can't be asked.
        """
        status = (await self._load()).status
        if status.privacy == "public":
            return
        changed: dict[str, Any] = {
            "license": status.license,
            "embeddable": status.embeddable,
            "publicStatsViewable": status.public_stats,
            "selfDeclaredMadeForKids": status.made_for_kids,
            "containsSyntheticMedia": status.synthetic,
            "privacyStatus": "public",
        }
        kept = {name: value for name, value in changed.items() if value is not None}
        body = json.dumps({"id": self._video, "status": kept}).encode()
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        await self._api.call(
            "videos.update", "PUT", "/youtube/v3/videos", {"part": "status"}, content=body, headers=headers
        )

    async def check(self, metadata: Mapping[str, Any]) -> VideoComparison:
        """Read the video back and compare it with `metadata`, the body of videos.insert."""
        try:
            video = await self._load()
        except Failure as failure:
            self.notices.append(f"What YouTube has couldn't be checked: {failure}")
            return VideoComparison(None, ())
        snippet, wanted = video.snippet, metadata["snippet"]
        same = {
            "title": _plain(snippet.title) == _plain(wanted["title"]),
            "description": _plain(snippet.description) == _plain(wanted["description"]),
            "tags": sorted(snippet.tags) == sorted(wanted.get("tags", ())),
        }
        differences = tuple(name for name, agrees in same.items() if not agrees)
        if differences:
            self.notices.append(f"YouTube has another {' and '.join(differences)} than the draft.")
        return VideoComparison(video, differences)

    async def _load(self) -> Video:
        found = await self._api.get("videos.list", "videos", VideoList, {"part": _PARTS, "id": self._video})
        if not found.items:
            raise Unavailable(f"YouTube has no video {self._video} any more; somebody may have deleted it.")
        return found.items[0]

    async def _tried(self, kind: FileKind, send: Callable[[bytes], Awaitable[None]]) -> Done:
        file = self._draft.files.get(kind)
        if file is None:
            return "none"
        try:
            await send(await self._bytes(kind, file))
        except Failure as failure:
            self.notices.append(f"The {kind} couldn't be set: {failure} The same call tries it again.")
            return "failed"
        return "set"

    async def _set_thumbnail(self, data: bytes) -> None:
        if len(data) > _THUMBNAIL_BYTES:
            raise Failure(f"it has {len(data):,} bytes, and YouTube takes at most {_THUMBNAIL_BYTES:,}.")
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        await self._api.call(
            "thumbnails.set",
            "POST",
            "/upload/youtube/v3/thumbnails/set",
            {"videoId": self._video, "uploadType": "media"},
            content=data,
            headers={"Content-Type": kind},
        )
        await self._keep(thumbnail=True)

    async def _insert_captions(self, data: bytes) -> None:
        language = self._draft.content.language
        if (await self._known()).captioning and await self._has_captions(language):
            await self._keep(captions=True)
            return
        await self._keep(captioning=True)
        snippet = {"videoId": self._video, "language": language, "name": "", "isDraft": False}
        boundary = secrets.token_hex(16)
        await self._api.call(
            "captions.insert",
            "POST",
            "/upload/youtube/v3/captions",
            {"part": "snippet", "uploadType": "multipart"},
            content=_related(boundary, json.dumps({"snippet": snippet}).encode(), data),
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
            repeatable=False,
        )
        await self._keep(captions=True)

    async def _has_captions(self, language: str) -> bool:
        """Whether captions of which no answer came are there."""
        params = {"part": "snippet", "videoId": self._video}
        found = await self._api.get("captions.list", "captions", CaptionTracks, params)
        return any(
            track.snippet.language.casefold() == language.casefold() and not track.snippet.name
            for track in found.items
        )

    async def _bytes(self, kind: FileKind, file: DraftFile) -> bytes:
        data = await anyio.to_thread.run_sync(_whole, file)
        if data is None:
            raise Failure(f"the file isn't the {kind} of the draft any more.")
        return data

    async def _known(self) -> VideoUpload:
        return await anyio.to_thread.run_sync(self._uploads.load, self._draft.id)

    async def _keep(self, **changed: bool) -> None:
        upload = (await self._known()).model_copy(update=changed)
        await anyio.to_thread.run_sync(partial(self._uploads.save, self._draft.id, upload))


def _whole(file: DraftFile) -> bytes | None:
    """The file's bytes, if they are those that were approved."""
    path: Path = file.path
    if digest(path) != (file.sha256, file.size):
        return None
    return path.read_bytes()


def _related(boundary: str, metadata: bytes, data: bytes) -> bytes:
    """A multipart/related body (RFC 2387) of JSON and a file, its bytes as they are."""
    edge = f"--{boundary}".encode()
    head = b"Content-Type: application/json; charset=UTF-8"
    middle = b"Content-Type: application/octet-stream"
    parts = (edge, head, b"", metadata, edge, middle, b"", data, edge + b"--", b"")
    return b"\r\n".join(parts)


def _plain(text: str) -> str:
    """Text as YouTube keeps it: line ends by \\n, no blanks at the end."""
    return text.replace("\r\n", "\n").rstrip()
