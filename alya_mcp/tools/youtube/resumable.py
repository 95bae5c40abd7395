"""The resumable upload of a draft's video: it resumes where it was cut off, and never makes a second video.

Only YouTube knows what has arrived: after a kill, a broken connection, a 5xx or a lost answer it is asked
first. A session that is gone is replaced by a new one; if its last byte may have arrived, the video is first
searched among the channel's newest ones.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NoReturn

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.cache_control import wait_asked
from alya_mcp.net.request import SourceResponse
from alya_mcp.tools.youtube.api import RefusedByYoutube, UploadLimit, YoutubeApi
from alya_mcp.tools.youtube.drafts import Draft, DraftFile
from alya_mcp.tools.youtube.finished_upload import FinishedUpload
from alya_mcp.tools.youtube.logic.spans import kept, next_part
from alya_mcp.tools.youtube.sources.youtube_data import (
    YOUTUBE,
    Video,
    read,
)
from alya_mcp.tools.youtube.uploads import Privacy, Uploads, VideoUpload

Sent = Callable[[int, int], Awaitable[None]]

_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})
_SESSIONS: Final = 3
_PART_SECONDS: Final = 120.0
_LONGEST_WAIT: Final = 60.0
_READ: Final = 1 << 20


class FileChanged(Failure):
    """The file isn't the one that was approved."""


class _SessionGone(Exception):
    """YouTube doesn't know the session any more."""


class ResumableUpload:
    """The upload of one draft; one process at a time runs it.

    `metadata` is the body of videos.insert but for the privacy. `sent` is told the bytes that YouTube has.
    """

    def __init__(
        self,
        api: YoutubeApi,
        uploads: Uploads,
        draft: Draft,
        file: DraftFile,
        metadata: Mapping[str, Any],
        sent: Sent,
    ) -> None:
        self._api = api
        self._uploads = uploads
        self._draft = draft
        self._file = file
        self._metadata = metadata
        self._sent = sent
        self._finished = FinishedUpload(api, uploads, draft, metadata)

    async def run(self, privacy: Privacy) -> str:
        """Upload and return the id of the video, which is `privacy` or, as an earlier call began it, private.

        Raises:
            FileChanged: the file isn't what the draft says.
            UploadLimit, QuotaSpent: YouTube takes nothing more now.
            Refused: YouTube refuses the video.
            Unavailable: the connection stays broken; the next call goes on.
        """
        await self._verify()
        upload = await self._load()
        for _ in range(_SESSIONS):
            if _too_open(upload, privacy) and not upload.finishing:
                upload = await self._keep(upload, session=None)
            fresh = upload.session is None
            if fresh:
                upload = await self._begin(upload, privacy)
            try:
                return await self._complete(upload, privacy, fresh=fresh)
            except _SessionGone:
                upload = await self._load()
                if upload.finishing:
                    found = await self._finished.find(upload)
                    if found is not None:
                        return found
                upload = await self._keep(upload, session=None, finishing=False)
        raise Unavailable(
            "YouTube ended three upload sessions of this video; call again later to start again."
        )

    async def _begin(self, upload: VideoUpload, privacy: Privacy) -> VideoUpload:
        status = {**self._metadata["status"], "privacyStatus": privacy}
        body = json.dumps({**self._metadata, "status": status}, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Length": str(self._file.size),
            "X-Upload-Content-Type": "video/mp4",
        }
        params = {"uploadType": "resumable", "part": "snippet,status"}

        async def post() -> SourceResponse:
            return await self._api.send(
                "POST",
                "/upload/youtube/v3/videos",
                params,
                bucket="uploads",
                content=body,
                headers=headers,
            )

        answer = await self._patiently(post)  # a session that gets no bytes never becomes a video
        if answer.status not in (200, 201):
            await self._api.refuse("videos.insert", answer, "uploads")
        address = answer.headers.get("location")
        if not address:
            raise SourceFailed(YOUTUBE, "begins an upload without an address for it; call again later")
        begun = upload.begun_at or self._api.now()
        return await self._keep(upload, session=address, privacy=privacy, begun_at=begun, finishing=False)

    async def _complete(self, upload: VideoUpload, privacy: Privacy, *, fresh: bool) -> str:
        """Send what YouTube doesn't have yet; returns the id of the video. A `fresh` session has nothing.

        Raises:
            _SessionGone: the session has expired.
        """
        size, failed = self._file.size, 0
        state = 0 if fresh else await self._ask(upload)
        while isinstance(state, int):
            offset = state
            await self._sent(offset, size)
            if upload.finishing:  # YouTube was asked, and doesn't have all of it
                upload = await self._keep(upload, finishing=False)
                if _too_open(upload, privacy):
                    raise _SessionGone
            length = next_part(offset, size)
            last = offset + length == size
            if last:
                await self._verify()
                upload = await self._keep(upload, finishing=True)
            answer = await self._put(upload, offset, length)
            if answer is None or answer.status in (*_PASSING, 401):
                await anyio.sleep(self._wait(answer, failed + 1))
                state = await self._ask(upload)
            elif answer.status == 308 or answer.status in (200, 201):
                state = self._read(answer)
            else:
                await self._refuse(upload, answer, judged=last and answer.status == 400)
            failed = failed + 1 if state == offset else 0
            if failed >= self._api.patience.tries:
                raise Unavailable(
                    f"The upload broke off {failed} times after {offset:,} of {size:,} bytes. Nothing is "
                    "lost: the same call goes on from there."
                )
        await self._sent(size, size)
        return state.id

    async def _ask(self, upload: VideoUpload) -> int | Video:
        """How many bytes YouTube has, or the video when it has all.

        Raises:
            _SessionGone: the session has expired.
        """

        async def put() -> SourceResponse:
            return await self._session(upload, {"Content-Range": f"bytes */{self._file.size}"}, b"")

        answer = await self._patiently(put)
        if answer.status not in (200, 201, 308):
            await self._refuse(upload, answer)
        return self._read(answer)

    async def _put(self, upload: VideoUpload, offset: int, length: int) -> SourceResponse | None:
        """Send a part; None when no answer came, so that it isn't known what arrived."""
        data = await anyio.to_thread.run_sync(_part, self._file.path, offset, length)
        if len(data) != length:
            raise self._changed()
        span = f"bytes {offset}-{offset + length - 1}/{self._file.size}"
        try:
            return await self._session(upload, {"Content-Range": span, "Content-Type": "video/mp4"}, data)
        except SourceRefused:
            raise
        except SourceFailed:
            return None

    async def _session(self, upload: VideoUpload, headers: Mapping[str, str], data: bytes) -> SourceResponse:
        address = upload.session or ""
        return await self._api.send(
            "PUT", address, bucket=None, content=data, headers=headers, deadline=_PART_SECONDS
        )

    async def _refuse(self, upload: VideoUpload, answer: SourceResponse, *, judged: bool = False) -> NoReturn:
        """Raise what an answer in a session says; `judged` by one that has the whole video.

        A session that was refused is dropped, unless it may have become a video.
        """
        if answer.status in _GONE:
            raise _SessionGone
        try:
            await self._api.refuse("the upload", answer, "uploads")
        except (RefusedByYoutube, UploadLimit) as no:
            if judged or isinstance(no, UploadLimit) or not upload.finishing:
                await self._keep(upload, session=None, finishing=False)
            raise

    def _read(self, answer: SourceResponse) -> int | Video:
        if answer.status != 308:
            return read(answer, Video)
        try:
            return kept(answer.headers.get("range"), self._file.size)
        except ValueError as error:
            raise SourceFailed(YOUTUBE, f"answers the upload with what can't be: {error}") from None

    async def _verify(self) -> None:
        """Refuse a file that isn't the one the draft was approved with."""
        if await anyio.to_thread.run_sync(digest, self._file.path) != (self._file.sha256, self._file.size):
            raise self._changed()

    def _changed(self) -> FileChanged:
        return FileChanged(
            f"The file of the draft {self._draft.id} isn't the one that was previewed: it was changed or "
            "removed. Nothing more is uploaded; youtube_generate_video makes a new draft."
        )

    async def _load(self) -> VideoUpload:
        return await anyio.to_thread.run_sync(self._uploads.load, self._draft.id)

    async def _keep(self, upload: VideoUpload, **changed: object) -> VideoUpload:
        upload = upload.model_copy(update=changed)
        await anyio.to_thread.run_sync(partial(self._uploads.save, self._draft.id, upload))
        return upload

    async def _patiently(self, send: Callable[[], Awaitable[SourceResponse]]) -> SourceResponse:
        """What `send` is answered, tried again on a bad day.

        Raises:
            Unavailable: no usable answer came.
        """
        failed = 0
        while True:
            answer: SourceResponse | None = None
            try:
                answer = await send()
                if answer.status not in _PASSING:
                    return answer
                failure = SourceFailed(YOUTUBE, f"answers {answer.status}; the same call goes on later")
            except SourceRefused:
                raise
            except SourceFailed as error:
                failure = error
            failed += 1
            if failed >= self._api.patience.tries:
                raise failure
            await anyio.sleep(self._wait(answer, failed))

    def _wait(self, answer: SourceResponse | None, failed: int) -> float:
        asked = None if answer is None else wait_asked(answer.headers)
        return max(self._api.patience.wait(failed), min(asked or 0.0, _LONGEST_WAIT))


def _too_open(upload: VideoUpload, privacy: Privacy) -> bool:
    """Whether the session would make the video public, which isn't approved now."""
    return upload.session is not None and upload.privacy == "public" and privacy == "private"


def digest(path: Path) -> tuple[str, int] | None:
    """The SHA-256, in hex, and the size of a file; None when it can't be read."""
    found, size = sha256(), 0
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                found.update(data)
                size += len(data)
    except OSError:
        return None
    return found.hexdigest(), size


def _part(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError:
        return b""
