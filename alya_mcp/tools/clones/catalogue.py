"""`alya_iconic_clones`: the catalogue of figures of public record."""

import re
from functools import partial
from hashlib import sha256
from typing import Annotated, Final

import anyio
from pydantic import Field, StringConstraints

from alya_mcp.errors import InvalidInput
from alya_mcp.toolkit.fitting import fitting
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.clones.logic.figures import Category, Figure, FigureReference, search
from alya_mcp.tools.clones.people import figures, people

_CURSOR: Final = re.compile(r"([0-9]{1,6})-([0-9a-f]{8})")


class CatalogueRequest(Input):
    """Which figures."""

    limit: int = Field(20, ge=1, le=50, description="How many to return at most.")
    category: Category | None = Field(None, description="Only figures of this category.")
    query: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\w")] | None = Field(
        None, description="Words of a name, country, occupation or topic; also searches Pantheon's people."
    )
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = Field(
        None, description="nextCursor of the page before."
    )


class FigureSource(Output):
    """A page that an entry was written from."""

    title: str = Field(description="Its title.")
    url: str = Field(description="Its address.")


class IconicFigure(Output):
    """A figure and what the catalogue says about it."""

    name: str = Field(description="Name.")
    slug: str = Field(description="Name for alya_clone_chat.")
    category: Category = Field(description="Category.")
    era: str = Field(description="Years of life; c. where sources disagree.")
    nationality: str | None = Field(description="Nationality; of Pantheon's people the country of birth.")
    bio: str = Field(description="Who it was, in our words.")
    personality: str | None = Field(description="How people who knew it described it, in our words.")
    known_for: list[str] = Field(description="Works and deeds.")
    facts: list[str] = Field(description="Facts of public record, in our words.")
    quality_score: float = Field(description="How much is known, 0 to 1; not a judgement of the person.")
    chat: bool = Field(description="Whether alya_clone_chat can play it; Pantheon's people it can't.")
    sources: list[FigureSource] = Field(description="What the entry rests on.")


class FigureList(Output):
    """A page of the catalogue."""

    figures: list[IconicFigure] = Field(description="The figures.")
    total: int = Field(description="How many there are in all for this request.")
    next_cursor: str | None = Field(description="Pass it as cursor for the next page; null on the last.")


@tool(
    title="Iconic figures",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def alya_iconic_clones(arguments: CatalogueRequest, context: Context) -> FigureList:  # noqa: ARG001
    """List figures of history that alya_clone_chat can play, with facts and their sources.

    Use it to find a figure before alya_clone_chat, or for dates and places of some 11,000 well-known people:
    with `query` Pantheon 1.0 (to 2013) is searched too. Use web_search for anything newer or deeper. Without
    `query` it lists the 104 figures with facts, by category.

    Returns name, era, nationality, bio, personality, knownFor, facts, sources and nextCursor. Everything is
    in our own words; it quotes nobody.
    """
    return await anyio.to_thread.run_sync(partial(_page, arguments))


def shown(reference: FigureReference) -> FigureSource:
    """A source as it is answered."""
    return FigureSource(title=reference.title, url=reference.url)


def _page(asked: CatalogueRequest) -> FigureList:
    start = _start(asked)
    if asked.query is None:
        found = [*figures()]
        if asked.category is not None and not any(each.category == asked.category for each in found):
            found = [*people()]
    else:
        found = [*search(figures(), asked.query), *search(people(), asked.query)]
    wanted = [each for each in found if asked.category in {None, each.category}]
    told = [_told(each) for each in wanted[start : start + asked.limit]]
    told = told[: fitting(told)]
    end = start + len(told)
    return FigureList(
        figures=told,
        total=len(wanted),
        next_cursor=f"{end}-{_mark(asked)}" if end < len(wanted) else None,
    )


def _start(asked: CatalogueRequest) -> int:
    """Where the page begins.

    Raises:
        InvalidInput: the cursor is not one of this request's.
    """
    if asked.cursor is None:
        return 0
    match = _CURSOR.fullmatch(asked.cursor)
    if match is None or match[2] != _mark(asked):
        raise InvalidInput(
            "cursor is not of this list; pass nextCursor of the page before with the same query and category"
        )
    return int(match[1])


def _mark(asked: CatalogueRequest) -> str:
    return sha256(f"{asked.category}\n{asked.query}".encode("utf-8", "replace")).hexdigest()[:8]


def _told(figure: Figure) -> IconicFigure:
    return IconicFigure(
        name=figure.name,
        slug=figure.slug,
        category=figure.category,
        era=figure.era,
        nationality=figure.nationality,
        bio=figure.bio,
        personality=figure.personality,
        known_for=list(figure.known_for),
        facts=list(figure.facts),
        quality_score=figure.quality,
        chat=figure.chat,
        sources=[shown(each) for each in figure.sources],
    )
