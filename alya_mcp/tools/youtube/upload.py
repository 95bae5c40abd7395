"""`youtube_upload_video`: a draft becomes a video on the connected channel, once."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import anyio.to_thread
from pydantic import Field, StringConstraints

from alya_mcp.errors import Failure, InvalidInput, NotConfigured
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.alone import alone
from alya_mcp.tools.youtube.api import RefusedByYoutube, YoutubeApi, api_of
from alya_mcp.tools.youtube.connection import NOT_CONNECTED, ChannelConnection, Connections
from alya_mcp.tools.youtube.database import database_of
from alya_mcp.tools.youtube.details import Done, VideoDetails
from alya_mcp.tools.youtube.drafts import Draft, DraftFile
from alya_mcp.tools.youtube.logic.limits import problems
from alya_mcp.tools.youtube.logic.states import DraftState
from alya_mcp.tools.youtube.pipeline import Pipeline, pipeline_of
from alya_mcp.tools.youtube.preview import preview_link
from alya_mcp.tools.youtube.resumable import FileChanged, ResumableUpload
from alya_mcp.tools.youtube.sources.youtube_data import WATCH
from alya_mcp.tools.youtube.uploads import Privacy, Uploads

if TYPE_CHECKING:
    from alya_mcp.toolkit.services import Hub

UNAUDITED: Final = (
    "A Google project whose API use YouTube hasn't audited can upload only private videos, and they stay "
    "locked private: nobody else sees them, whatever is asked for."
)
_CATEGORY: Final = "22"
"""People and blogs, YouTube's own default."""


class UploadRequest(Input):
    """Which draft, and who may see it."""

    tenant_video_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="The draft's id, from youtube_generate_video or youtube_list_drafts."
    )
    publish: bool = Field(
        False,
        description="True lets everyone see the video; false uploads it private, and leaves a published one.",
    )


class UploadAnswer(Output):
    """What has become of the draft."""

    tenant_video_id: str = Field(description="The draft's id.")
    state: DraftState = Field(description="The draft's state now.")
    video_id: str | None = Field(description="YouTube's id of the video; null where none is uploaded.")
    video_url: str | None = Field(description="Where the video is; null where none is uploaded.")
    preview_url: str | None = Field(
        description="Opens the preview for a day; only where no channel is connected."
    )
    privacy: Literal["private", "unlisted", "public"] | None = Field(
        description="Who can see it, as YouTube says; null where it isn't known."
    )
    thumbnail: Done = Field(description="Whether YouTube has the draft's thumbnail.")
    captions: Done = Field(description="Whether YouTube has the draft's captions.")
    checked: bool = Field(description="True when the video was read back and is what the draft says.")
    notice: str | None = Field(description="What to know; tell it to the user.")


def upload_subject(arguments: UploadRequest, hub: "Hub", grant: str) -> dict[str, Any]:
    """What the user is shown before they say yes, and what their yes is bound to.

    Raises:
        Failure: there is no such draft, or it can't be uploaded.
    """
    draft = Pipeline(database_of(hub), grant).get(arguments.tenant_video_id)
    connection = Connections(hub.settings.home, grant).load()
    return _subject(draft, _preview(draft), connection, publish=arguments.publish)


@tool(
    title="Upload a video to YouTube",
    category="Write",
    risk="High",
    read_only=False,
    destructive=False,
    idempotent=True,
    open_world=True,
    about=upload_subject,
)
async def youtube_upload_video(arguments: UploadRequest, context: Context) -> UploadAnswer:
    """Upload a draft to the connected YouTube channel with its thumbnail and captions, private or published.

    Use it when the user wants a draft of youtube_generate_video on YouTube; youtube_list_drafts has the ids.
    The packaged policy asks the user first, each time.

    Returns when it is done: state, video id and URL. A draft is never uploaded twice: an interrupted call
    goes on where it was, and a later one with `publish` makes the same video public. Without a connected
    channel it returns a link to the preview instead. Uses one of 100 uploads and about 500 of 10,000 units of
    the API's daily quota. A project without an API audit uploads only private, locked videos. It deletes
    nothing and makes nothing private again.
    """
    pipeline = pipeline_of(context)
    connections = Connections(context.hub.settings.home, context.grant)
    draft = await anyio.to_thread.run_sync(pipeline.get, arguments.tenant_video_id)
    connection = await anyio.to_thread.run_sync(connections.load)
    if connection is None:
        return await _unconnected(context, pipeline, draft, publish=arguments.publish)
    _check_channel(pipeline.channel().channel_id, connection)
    async with alone(pipeline.database.folder / "locks" / f"{draft.id}.lock"):
        draft = await anyio.to_thread.run_sync(pipeline.get, draft.id)
        file = _preview(draft)
        subject = _subject(draft, file, connection, publish=arguments.publish)
        if context.about is not None and context.about != subject:
            raise Failure("The draft has changed since the user said yes to it. Make the call again.")
        publication = _Publication(context, pipeline, api_of(context), draft, file)
        return await publication.run("public" if arguments.publish else "private")


class _Publication:
    """One draft on its way to YouTube, while no other process has it."""

    def __init__(
        self, context: Context, pipeline: Pipeline, api: YoutubeApi, draft: Draft, file: DraftFile
    ) -> None:
        self._context = context
        self._pipeline = pipeline
        self._api = api
        self._draft = draft
        self._file = file
        self._uploads = Uploads(pipeline.database)
        self._metadata = _metadata(draft)

    async def run(self, privacy: Privacy) -> UploadAnswer:
        video = self._draft.video_id
        if video is None:
            video = await self._upload(privacy)
        size = self._file.size
        details = VideoDetails(self._api, self._uploads, self._draft, video)
        await self._tell(size + 1, "setting the thumbnail")
        thumbnail = await details.thumbnail()
        await self._tell(size + 2, "adding the captions")
        captions = await details.captions()
        if privacy == "public":
            await details.publish()
        await self._tell(size + 3, "reading the video back")
        found = await details.check(self._metadata)
        seen = _privacy(found.video.status.privacy if found.video else "")
        if seen == "public" and self._draft.state == "uploaded":
            await self._move("published", video)
        if privacy == "public" and found.video is not None and seen != "public":
            details.notices.append(f"YouTube keeps the video {seen} although it was to be public.")
        if seen != "public":
            details.notices.append(UNAUDITED)
        return UploadAnswer(
            tenant_video_id=self._draft.id,
            state=self._draft.state,
            video_id=video,
            video_url=WATCH + video,
            preview_url=None,
            privacy=seen,
            thumbnail=thumbnail,
            captions=captions,
            checked=found.video is not None and not found.differences,
            notice=" ".join(details.notices) or None,
        )

    async def _upload(self, privacy: Privacy) -> str:
        content = self._draft.content
        wrong = "; ".join(problems(content.titles[:1], content.description, content.tags))
        if wrong:
            raise InvalidInput(f"YouTube wouldn't take the draft {self._draft.id}: {wrong}.")
        await self._queue()
        upload = ResumableUpload(
            self._api, self._uploads, self._draft, self._file, self._metadata, self._sent
        )
        try:
            video = await upload.run(privacy)
        except (RefusedByYoutube, FileChanged) as failure:
            await self._move("failed", reason=str(failure))
            raise
        await self._move("uploaded", video)
        return video

    async def _queue(self) -> None:
        """Bring the draft to `queued`, from wherever an earlier call left it."""
        if self._draft.state == "failed":
            await self._move("previewed", reason="it is tried again")
        if self._draft.state == "previewed":
            asked = self._context.about is not None
            await self._move("approved", reason="the user said yes" if asked else "the policy doesn't ask")
        if self._draft.state == "approved":
            await self._move("queued")

    async def _move(self, state: DraftState, video: str | None = None, reason: str | None = None) -> None:
        move = partial(self._pipeline.move, self._draft.id, state, reason, video_id=video)
        self._draft = await anyio.to_thread.run_sync(move)

    async def _sent(self, done: int, size: int) -> None:
        await self._tell(done, f"{done / 1e6:.1f} of {size / 1e6:.1f} MB are on YouTube")

    async def _tell(self, done: int, message: str) -> None:
        await self._context.progress(done, self._file.size + 3, message)


async def _unconnected(context: Context, pipeline: Pipeline, draft: Draft, *, publish: bool) -> UploadAnswer:
    """The preview of a draft that can't be uploaded; where its video is, if an earlier call uploaded it."""
    if draft.video_id is not None and publish and draft.state != "published":
        raise NotConfigured(NOT_CONNECTED)
    url = None if draft.video_id else await preview_link(context, pipeline, draft, _preview(draft))
    return UploadAnswer(
        tenant_video_id=draft.id,
        state=draft.state,
        video_id=draft.video_id,
        video_url=None if draft.video_id is None else WATCH + draft.video_id,
        preview_url=url,
        privacy=None,
        thumbnail="none",
        captions="none",
        checked=False,
        notice=f"{NOT_CONNECTED} Nothing was uploaded." if url else NOT_CONNECTED,
    )


def _preview(draft: Draft) -> DraftFile:
    file = draft.files.get("preview")
    if file is None or all(step.state != "previewed" for step in draft.history):
        raise InvalidInput(
            f"The draft {draft.id} is {draft.state} and has no whole preview to upload; "
            "youtube_generate_video makes one."
        )
    return file


def _check_channel(wanted: str | None, connection: ChannelConnection) -> None:
    if wanted is not None and wanted != connection.channel_id:
        raise NotConfigured(
            f"The channel is configured to be {wanted}, and {connection.channel_id or 'an unknown one'} is "
            "connected. The user can connect the right one with `alya-mcp youtube connect`, or "
            "youtube_configure_channel can name the other."
        )


def _subject(
    draft: Draft, file: DraftFile, connection: ChannelConnection | None, *, publish: bool
) -> dict[str, Any]:
    content = draft.content
    if connection is None:
        channel = "none is connected: nothing is uploaded"
    else:
        channel = f"{connection.channel_title or 'unknown'} ({connection.channel_id or 'unknown'})"
    others = {f"{kind}Sha256": held.sha256 for kind, held in draft.files.items() if kind != "preview"}
    return {
        "title": draft.title,
        "privacy": "public: everyone can see it" if publish else "private",
        "size": f"{file.size / 1e6:.1f} MB ({file.size:,} bytes)",
        "channel": channel,
        "sha256": file.sha256,
        "description": content.description,
        "tags": list(content.tags),
        "language": content.language,
        **dict(sorted(others.items())),
    }


def _metadata(draft: Draft) -> Mapping[str, Any]:
    """The body of videos.insert, but for the privacy."""
    content = draft.content
    return {
        "snippet": {
            "title": draft.title,
            "description": content.description,
            "tags": list(content.tags),
            "categoryId": _CATEGORY,
            "defaultLanguage": content.language,
            "defaultAudioLanguage": content.language,
        },
        # Pictures and voice are made by machines: YouTube asks that this be said.
        "status": {"containsSyntheticMedia": True},
    }


def _privacy(said: str) -> Literal["private", "unlisted", "public"] | None:
    return said if said in ("private", "unlisted", "public") else None
