"""A Polymarket market in the answers of these tools."""

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import Output, UntrustedText

if TYPE_CHECKING:
    from alya_mcp.tools.markets.sources.polymarket_gamma import Market


class MarketName(Output):
    """Which market it is."""

    question: UntrustedText = Field(description="What is asked, in the market's words.")
    slug: str = Field(description="Its name in addresses.")
    condition_id: str = Field(description="Its name on the chain; empty for the oldest ones.")
    url: str = Field(description="Its page.")
    ends_at: AwareDatetime | None = Field(description="When it is due to end (UTC), where that is known.")


def named(market: "Market") -> MarketName:
    """The market's name."""
    return MarketName(
        question=UntrustedText.of(market.question, "Polymarket"),
        slug=market.slug,
        condition_id=market.condition_id,
        url=market.url,
        ends_at=market.end,
    )
