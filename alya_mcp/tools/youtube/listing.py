"""`youtube_list_drafts`: the drafts of the channel and their states."""

from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.toolkit.fitting import fitting
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.drafts import Draft
from alya_mcp.tools.youtube.logic.states import DraftState
from alya_mcp.tools.youtube.pipeline import Pipeline, pipeline_of
from alya_mcp.tools.youtube.sources.youtube_data import WATCH


class DraftsRequest(Input):
    """Which drafts."""

    state: DraftState | None = Field(None, description="Only drafts in this state; all when left out.")
    limit: int = Field(20, ge=1, le=100, description="Most drafts of one answer.")
    cursor: Annotated[str, StringConstraints(max_length=24)] | None = Field(
        None, description="The nextCursor of an earlier answer."
    )


class HistoryStep(Output):
    """A state that the draft came into."""

    state: DraftState = Field(description="The state.")
    at: AwareDatetime = Field(description="When (UTC).")


class ListedDraft(Output):
    """A draft."""

    tenant_video_id: str = Field(description="Its id.")
    state: DraftState = Field(description="Its state.")
    reason: str | None = Field(description="Why it is in that state, where something is to be said.")
    topic: str = Field(description="Its topic.")
    title: str = Field(description="The title that it would be uploaded with.")
    mode: Literal["model", "outline"] = Field(description="What wrote it.")
    estimated_duration_sec: float = Field(description="Its length in seconds.")
    created_at: AwareDatetime = Field(description="When it was made (UTC).")
    preview_file: str | None = Field(description="Path of the preview on this machine.")
    video_url: str | None = Field(description="Where the video is; null where none is uploaded.")
    history: list[HistoryStep] = Field(description="The states it went through, the oldest first.")


class DraftList(Output):
    """Drafts, the newest first."""

    drafts: list[ListedDraft] = Field(description="The drafts.")
    next_cursor: str | None = Field(description="Pass it as cursor for older ones; null at the end.")


@tool(
    title="List video drafts",
    category="Read",
    risk="Low",
    price=0.0,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def youtube_list_drafts(arguments: DraftsRequest, context: Context) -> DraftList:
    """List this caller's video drafts with their states and histories, the newest first.

    Use it to find a tenantVideoId; youtube_get_pipeline_status sums the drafts up instead.

    Free. It asks nobody: the states are those of this machine, and a video that was changed or deleted on
    YouTube still counts as uploaded.
    """
    pipeline = pipeline_of(context)
    return await anyio.to_thread.run_sync(partial(_page, pipeline, arguments, arguments.limit))


def _page(pipeline: Pipeline, arguments: DraftsRequest, limit: int) -> DraftList:
    """A page of at most `limit` drafts, as many as fit."""
    page = pipeline.list(arguments.state, limit, arguments.cursor)
    drafts = [_listed(draft) for draft in page.drafts]
    fits = fitting(drafts)
    if fits < len(drafts):
        return _page(pipeline, arguments, fits)
    return DraftList(drafts=drafts, next_cursor=page.next_cursor)


def _listed(draft: Draft) -> ListedDraft:
    preview = draft.files.get("preview")
    return ListedDraft(
        tenant_video_id=draft.id,
        state=draft.state,
        reason=draft.reason,
        topic=draft.content.topic,
        title=draft.title,
        mode=draft.content.mode,
        estimated_duration_sec=draft.content.estimated_duration_sec,
        created_at=draft.created_at,
        preview_file=None if preview is None else str(preview.path),
        video_url=None if draft.video_id is None else WATCH + draft.video_id,
        history=[HistoryStep(state=step.state, at=step.at) for step in draft.history],
    )
