"""Posts found by a source, and how long they are kept."""

from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.demand.logic.posts import Post

FRESH_FOR: Final = 1800.0
"""Seconds for which the posts found for some words are used again."""
STALE_FOR: Final = 7 * 86_400.0
"""Seconds for which they may stand in when the place doesn't answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPosts:
    """Posts, the newest first; `more`: there are older ones. `pause`: seconds in which not to ask again."""

    posts: tuple[Post, ...]
    more: bool
    pause: float = 0.0
