"""What YouTube takes as the words of a video (developers.google.com/youtube/v3/docs/videos, read 2026-11)."""

from collections.abc import Iterator, Sequence
from typing import Final

TITLE: Final = 100
"""Characters."""
DESCRIPTION: Final = 5000
"""Bytes of UTF-8."""
TAGS: Final = 500
"""Characters of all tags, with commas between them, and quotation marks around those that hold a blank."""


def tags_length(tags: Sequence[str]) -> int:
    """The length of tags as YouTube counts it."""
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(0, len(tags) - 1)


def problems(titles: Sequence[str], description: str, tags: Sequence[str]) -> Iterator[str]:
    """What YouTube wouldn't take, in words."""
    for title in titles:
        if not title.strip() or len(title) > TITLE:
            yield f"the title {title[:40]!r} has {len(title)} characters; it takes 1 to {TITLE}"
    size = len(description.encode())
    if size > DESCRIPTION:
        yield f"the description has {size:,} bytes; it takes at most {DESCRIPTION:,}"
    if tags_length(tags) > TAGS:
        yield f"the tags have {tags_length(tags)} characters together; they take at most {TAGS}"
    for name, text in (*(("title", title) for title in titles), ("description", description)):
        if "<" in text or ">" in text:
            yield f"the {name} holds < or >, which YouTube refuses"
