"""A channel's configuration, as `youtube_configure_channel` sets it and every other tool reads it."""

from pydantic import BaseModel, ConfigDict


class ChannelProfile(BaseModel):
    """What a channel is about.

    `language` is a BCP-47 tag such as `en` or `tr-TR`; `colours` are written as `#rrggbb`, the first for
    grounds, then for accents. `channel_id` is the one channel of YouTube that uploads may go to, None for
    whichever is connected.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    niche_keywords: tuple[str, ...] = ()
    brand_voice: str = ""
    language: str = "en"
    cadence_per_week: float = 0.0
    colours: tuple[str, ...] = ()
    channel_id: str | None = None

    @property
    def configured(self) -> bool:
        """Whether somebody has said what the channel is about."""
        return bool(self.niche_keywords)
