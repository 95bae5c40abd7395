"""`youtube_configure_channel`: what the channel is about."""

from functools import partial
from typing import Annotated

import anyio.to_thread
from pydantic import Field, StringConstraints

from alya_mcp.errors import InvalidInput
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.connection import Connections
from alya_mcp.tools.youtube.pipeline import pipeline_of

Keyword = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"\S")]
Colour = Annotated[str, StringConstraints(max_length=7, pattern=r"^#[0-9A-Fa-f]{6}$")]


class ChannelRequest(Input):
    """What to set; what is left out stays as it is."""

    niche_keywords: Annotated[list[Keyword], Field(min_length=1, max_length=20)] | None = Field(
        None, description="What the channel is about, the most important first."
    )
    brand_voice: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, description="How the channel speaks, such as: calm, precise, no jargon."
    )
    language: (
        Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
        | None
    ) = Field(None, description="BCP-47 tag of the videos' language, such as en or tr-TR.")
    cadence_per_week: float | None = Field(
        None, ge=0, le=50, description="Videos a week that the channel aims at; 0 for no aim."
    )
    colours: Annotated[list[Colour], Field(max_length=6)] | None = Field(
        None, description="Colours of the videos as #rrggbb: the ground, then accents."
    )
    channel_id: Annotated[str, StringConstraints(max_length=64, pattern=r"^$|^UC[\w-]{4,62}$")] | None = (
        Field(None, description="The only YouTube channel that uploads may go to; an empty text lifts that.")
    )


class ConnectedChannel(Output):
    """The channel that `alya-mcp youtube connect` connected."""

    id: str | None = Field(description="YouTube's id of it; null where YouTube didn't tell it.")
    title: str | None = Field(description="Its name.")


class ChannelConfiguration(Output):
    """The configuration as it is now."""

    niche_keywords: list[str] = Field(description="What the channel is about.")
    brand_voice: str = Field(description="How it speaks.")
    language: str = Field(description="BCP-47 tag of its language.")
    cadence_per_week: float = Field(description="Videos a week that it aims at.")
    colours: list[str] = Field(description="Its colours.")
    channel_id: str | None = Field(description="The only channel that uploads may go to; null for any.")
    connected_channel: ConnectedChannel | None = Field(description="The connected channel; null without one.")


@tool(
    title="Configure the YouTube channel",
    category="Write",
    risk="Medium",
    read_only=False,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def youtube_configure_channel(arguments: ChannelRequest, context: Context) -> ChannelConfiguration:
    """Set what the channel is about: niche keywords, brand voice, language, weekly cadence, colours.

    Use it before youtube_find_opportunities and youtube_generate_video, which read it;
    youtube_get_pipeline_status shows what comes of it.

    Returns the whole configuration. What is left out stays as it is. Nothing is sent to YouTube; only the
    user can connect a channel, with `alya-mcp youtube connect`.
    """
    given = arguments.model_dump(exclude_none=True)
    if not given:
        raise InvalidInput(
            "Nothing is given to set; it takes nicheKeywords, brandVoice, language, cadencePerWeek, colours, "
            "channelId."
        )
    keywords = given.get("niche_keywords")
    if keywords is not None:
        tidy = (" ".join(keyword.split()) for keyword in keywords)
        given["niche_keywords"] = tuple({each.casefold(): each for each in tidy}.values())
    if "channel_id" in given:
        given["channel_id"] = given["channel_id"] or None
    pipeline = pipeline_of(context)
    channel = await anyio.to_thread.run_sync(partial(pipeline.change_channel, given))
    return await configuration(context, channel)


async def configuration(context: Context, channel: ChannelProfile) -> ChannelConfiguration:
    """The configuration with the connected channel."""
    connections = Connections(context.hub.settings.home, context.grant)
    held = await anyio.to_thread.run_sync(connections.load)
    return ChannelConfiguration(
        niche_keywords=list(channel.niche_keywords),
        brand_voice=channel.brand_voice,
        language=channel.language,
        cadence_per_week=channel.cadence_per_week,
        colours=list(channel.colours),
        channel_id=channel.channel_id,
        connected_channel=None
        if held is None
        else ConnectedChannel(id=held.channel_id, title=held.channel_title),
    )
