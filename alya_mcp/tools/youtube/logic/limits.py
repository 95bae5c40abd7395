"""YouTube's limits on the texts of a video (developers.google.com/youtube/v3/docs/videos, read 2026-11)."""

from collections.abc import Iterator, Sequence
from typing import Final

LONGEST_TITLE: Final = 100
"""Characters."""
LARGEST_DESCRIPTION: Final = 5000
"""Bytes in UTF-8."""
LONGEST_TAGS: Final = 500
"""Characters of all tags together, with the commas between them and the quotes around those with a blank."""


def tags_length(tags: Sequence[str]) -> int:
    """The length of tags as YouTube counts it."""
    return sum(len(tag) + (2 if " " in tag else 0) for tag in tags) + max(0, len(tags) - 1)


def problems(titles: Sequence[str], description: str, tags: Sequence[str]) -> Iterator[str]:
    """What YouTube wouldn't take, in words."""
    for title in titles:
        if not title.strip() or len(title) > LONGEST_TITLE:
            yield f"the title {title[:40]!r} has {len(title)} characters; it takes 1 to {LONGEST_TITLE}"
    size = len(description.encode())
    if size > LARGEST_DESCRIPTION:
        yield f"the description has {size:,} bytes; it takes at most {LARGEST_DESCRIPTION:,}"
    if tags_length(tags) > LONGEST_TAGS:
        yield f"the tags have {tags_length(tags)} characters together; they take at most {LONGEST_TAGS}"
    for name, text in (*(("title", title) for title in titles), ("description", description)):
        if "<" in text or ">" in text:
            yield f"the {name} holds < or >, which YouTube refuses"
