"""`polymarket_categorize`: categories of market titles."""

from typing import Annotated

from pydantic import Field, StringConstraints

from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.markets.logic.category import BLOCKED, MarketCategory

Title = Annotated[str, StringConstraints(max_length=500)]


class Titles(Input):
    """Which titles to sort."""

    titles: list[Title] = Field(
        min_length=1,
        max_length=50,
        description="Titles of markets, in English or Turkish, as they stand there.",
    )


class Sorted(Output):
    """One title's category."""

    title: str = Field(description="The title as it was given.")
    category: MarketCategory = Field(description="Its category; uncategorized where no rule is sure.")
    blocked: bool = Field(description="True when markets of this category aren't taken for quality.")
    reason: str = Field(description="Why it is of this category, and why that is blocked if it is.")
    confidence: float = Field(description="How sure the rule is, from 0 (no rule holds) to 1; not measured.")


class Categories(Output):
    """The titles' categories, in their order."""

    titles: list[Sorted] = Field(description="One entry per title.")
    method: str = Field(description="How it was done.")


@tool(
    title="Market categories",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def polymarket_categorize(arguments: Titles, context: Context) -> Categories:  # noqa: ARG001
    """Sort titles of prediction markets into quality categories, by rules over their words.

    Use it before polymarket_edge or polymarket_signals to leave out markets of a kind that is known to be
    poor, or to group a list of titles. Categories: wc_future, tail_safe_no, geopolitics, news_event, nba,
    nhl, mlb, ufc, cs2_intraday, la_liga_singlematch, uncategorized; elections, rates, crypto, NFL and tennis
    have none. It looks nothing up and knows only the title: it rather says uncategorized than something
    wrong, and doesn't say what is worth a bet.

    Returns per title the category, whether it is blocked, the reason and how sure the rule is. Works without
    a network.
    """
    from alya_mcp.tools.markets.logic.categories import categorize

    found = [(title, categorize(title)) for title in arguments.titles]
    return Categories(
        titles=[
            Sorted(
                title=title,
                category=verdict.category,
                blocked=verdict.category in BLOCKED,
                reason="; blocked: ".join(filter(None, (verdict.reason, BLOCKED.get(verdict.category)))),
                confidence=verdict.confidence,
            )
            for title, verdict in found
        ],
        method="rules over the words of the title; nothing was looked up",
    )
