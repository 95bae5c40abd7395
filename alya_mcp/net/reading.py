"""Reading a body with a source's function, and the `Fetched` made of the value."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from alya_mcp.errors import Failure
from alya_mcp.net.answers import Body, ChangedShape, Fetched
from alya_mcp.net.disk_cache import Kept
from alya_mcp.net.records import LeftOut
from alya_mcp.settings.providers import Source

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadValue(Generic[T]):
    """The value read from a body, and the records that were left out."""

    value: T
    left_out: LeftOut | None


def read_body(read: Callable[[Body], T], body: Body) -> ReadValue[T]:
    """Apply `read` to `body`.

    Raises:
        ChangedShape: `read` raised something other than a `Failure`.
    """
    try:
        return ReadValue(read(body), body.tally.left_out)
    except Failure:
        raise
    except Exception as error:
        logger.warning("an answer of %s can't be read", body.source.title, exc_info=True)
        problem = "answers something that can't be read; a newer version of alya-mcp may know it"
        raise ChangedShape(body.source, problem) from error


def live(source: Source, read: ReadValue[T], fetched_at: float) -> Fetched[T]:
    """A value that `source` has just sent."""
    return Fetched(
        value=read.value,
        source=source,
        fetched_at=datetime.fromtimestamp(fetched_at, UTC),
        age=0.0,
        cached=False,
        left_out=read.left_out,
    )


def from_cache(
    source: Source, read: ReadValue[T], kept: Kept, now: float, *, problem: str | None = None
) -> Fetched[T]:
    """A cached value; with `problem`, the reason why no fresh one could be had, it is stale."""
    return Fetched(
        value=read.value,
        source=source,
        fetched_at=datetime.fromtimestamp(kept.fetched_at, UTC),
        age=max(0.0, now - kept.fetched_at),
        cached=True,
        stale=problem is not None,
        problem=problem,
        left_out=read.left_out,
    )
