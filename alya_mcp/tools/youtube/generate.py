"""Drafts of videos: a script, titles, a description, and a preview to watch."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from alya_mcp.errors import Failure, InvalidInput
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.drafts import Draft
from alya_mcp.tools.youtube.logic.states import DraftState
from alya_mcp.tools.youtube.making import Makings
from alya_mcp.tools.youtube.pipeline import pipeline_of
from alya_mcp.tools.youtube.preview import preview_link

_WAIT = 25.0
"""Seconds after which a client that takes tasks is answered with one."""
_LINKING = 96.0
_DONE = 100.0


class VideoRequest(Input):
    """What the video is about, and its form."""

    topic: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"\S")] = Field(
        description="What the video is about, in a few words or one sentence."
    )
    title_hint: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="A title to put first among the suggestions."
    )
    duration_sec: int = Field(60, ge=30, le=1200, description="Length of the video in seconds.")
    format: Literal["landscape", "vertical"] = Field(
        "landscape", description="landscape: 1280x720; vertical: 1080x1920, for Shorts."
    )
    narrate: bool = Field(True, description="Have the script spoken, where a voice is installed.")


class ScriptScene(Output):
    """A scene of the script."""

    start: float = Field(description="Second at which it begins.")
    end: float = Field(description="Second at which it ends.")
    heading: str = Field(description="What it shows in large letters.")
    point: str = Field(description="The line under it; may be empty.")
    narration: str = Field(description="What is said, and captioned.")
    picture: str = Field(description="Prompt of its picture.")


class NarrationAnswer(Output, title="Narration"):
    """Whether a voice speaks."""

    spoken: bool = Field(description="Whether the preview has a spoken narration.")
    reason: str = Field(description="Who speaks, or why nobody does.")


class VideoAnswer(Output):
    """A draft and the files of its preview."""

    tenant_video_id: str = Field(description="Names the draft for youtube_upload_video.")
    state: DraftState = Field(description="State in the pipeline: previewed.")
    mode: Literal["model", "outline"] = Field(
        description="model: a language model wrote the script; outline: questions that state no facts."
    )
    titles: list[str] = Field(description="Suggested titles, the best first; uploads use the first.")
    description: str = Field(description="Description for YouTube, with chapters.")
    tags: list[str] = Field(description="Tags for YouTube.")
    language: str = Field(description="BCP-47 tag of the script's language.")
    script: list[ScriptScene] = Field(description="The scenes with their times.")
    thumbnail_prompt: str = Field(description="What the thumbnail's picture was asked to show.")
    estimated_duration_sec: float = Field(description="Length of the preview in seconds.")
    preview_file: str = Field(description="The preview on this machine: MP4, H.264.")
    thumbnail_file: str = Field(description="The thumbnail on this machine: JPEG, 1280x720.")
    captions_file: str = Field(description="The captions on this machine: SubRip.")
    preview_url: str | None = Field(description="Opens the preview for a day; null when it has no link.")
    narration: NarrationAnswer = Field(description="Whether a voice speaks the script.")
    image_model: str | None = Field(description="The model that drew pictures; null when none did.")
    notice: str | None = Field(description="What the user should know of the draft.")


@tool(
    title="Draft a video",
    category="Write",
    risk="Low",
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=True,  # a configured language model may write the script
)
async def youtube_generate_video(arguments: VideoRequest, context: Context) -> VideoAnswer:
    """Make a draft of a YouTube video and render a preview of it on this machine.

    Use it when someone wants a video about a topic; youtube_find_opportunities suggests topics, and
    youtube_upload_video uploads the draft. Nothing is uploaded here. Look at the preview before that.

    The script is by the configured language model (`mode` is `model`; nobody checks its facts), else an
    outline of questions that states no facts. Scenes get pictures by image_gen's model, or designed slides
    where that draws simple shapes only. A voice speaks English where the voices extra is installed, or the
    user's own; `narration.reason` says why none does. What couldn't be done is in `notice`; pass it on.

    Answers when the preview is whole: about half the video's length on two processor cores, longer with a
    voice. Returns titles, description, tags, script, and the files of preview, thumbnail and captions.
    """
    from alya_mcp.tools.youtube.video.requirements import require_parts

    if not any(character.isalnum() for character in arguments.topic):
        raise InvalidInput("topic has no letters; it takes words that say what the video is about")
    require_parts()
    pipeline = pipeline_of(context)
    context.defer(_WAIT)
    request = arguments.model_dump(mode="json", by_alias=True)
    draft = await context.hub.kept(Makings, Makings).draft(
        request, context.hub, pipeline, context.progress, goes_on=context.abandoned
    )
    notices = [draft.content.extra.get("notice"), *draft.content.extra.get("notices", ())]
    await context.progress(_LINKING, _DONE, f"storing the preview ({context.hub.store.name})")
    try:
        url = await preview_link(context, pipeline, draft, draft.files["preview"])
    except Failure as failure:
        url = None
        notices.append(f"The preview has no link: {failure}")
    return _answer(draft, url, [str(each).rstrip(".") for each in notices if each])


def _answer(draft: Draft, url: str | None, notices: list[str]) -> VideoAnswer:
    content = draft.content
    return VideoAnswer(
        tenant_video_id=draft.id,
        state=draft.state,
        mode=content.mode,
        titles=list(content.titles),
        description=content.description,
        tags=list(content.tags),
        language=content.language,
        script=[
            ScriptScene(
                start=scene["start"],
                end=scene["end"],
                heading=scene["heading"],
                point=scene["point"],
                narration=" ".join(scene["narration"]),
                picture=scene["picture"],
            )
            for scene in content.script
        ],
        thumbnail_prompt=content.thumbnail_prompt,
        estimated_duration_sec=content.estimated_duration_sec,
        preview_file=str(draft.files["preview"].path),
        thumbnail_file=str(draft.files["thumbnail"].path),
        captions_file=str(draft.files["captions"].path),
        preview_url=url,
        narration=NarrationAnswer(spoken=content.narration.spoken, reason=content.narration.reason),
        image_model=content.extra.get("model"),
        notice=". ".join(notices) or None,
    )
