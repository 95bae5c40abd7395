"""Provenance: source, age and problems of an answer, shared by all tools that ask outside services."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched
from alya_mcp.settings.providers import Source
from alya_mcp.toolkit.models import Output


class Provenance(Output):
    """One source and what it had to say."""

    source: str = Field(description="Name of the source.")
    state: Literal["live", "cached", "stale", "failed"] = Field(
        description="live: asked just now; cached: kept and still fresh; stale: kept and older than "
        "it should be, because the source failed; failed: it gave nothing."
    )
    fetched_at: AwareDatetime | None = Field(description="When the source gave or confirmed it (UTC).")
    age_seconds: float | None = Field(description="Seconds since fetchedAt.")
    fallback: bool = Field(description="True when it stands in for a better source that failed.")
    problem: str | None = Field(description="What went wrong, with it or with those asked before it.")
    attribution: str | None = Field(description="What its licence asks to be said where its data is shown.")


def provenance(answer: Fetched[Any]) -> Provenance:
    """Where `answer` came from."""
    problems = [*answer.passed_over, *([answer.problem] if answer.problem else [])]
    if answer.left_out is not None:
        problems.append(f"{answer.source.title} {answer.left_out}")
    return Provenance(
        source=answer.source.title,
        state="stale" if answer.stale else "cached" if answer.cached else "live",
        fetched_at=answer.fetched_at,
        age_seconds=answer.age,
        fallback=any(not said.startswith(answer.source.title) for said in answer.passed_over),
        problem="; ".join(dict.fromkeys(problems)) or None,
        attribution=answer.source.attribution,
    )


def failed(source: Source, failure: Unavailable) -> Provenance:
    """A source that gave nothing."""
    return Provenance(
        source=source.title,
        state="failed",
        fetched_at=None,
        age_seconds=None,
        fallback=False,
        problem=str(failure),
        attribution=None,
    )
