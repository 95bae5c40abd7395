"""Posts on a topic from every source that can be searched."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, all_answers
from alya_mcp.settings.providers import Source
from alya_mcp.tools.demand.sources.found import FoundPosts

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

_OPERATORS: Final = re.compile(r"[\"'():\[\]{}|&!*?\\<>]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """One search: where, for which words, and what came of it."""

    source: Source
    query: str
    answer: Fetched[FoundPosts] | Unavailable


async def about(http: "Http", topic: str, *, reddit_token: str | None = None) -> list[Searched]:
    """What Hacker News, Reddit and Stack Exchange have on `topic`, all asked at once.

    A busy topic has more posts than a search gives, so it is also searched together with the word "pay".
    """
    from alya_mcp.tools.demand.sources import hacker_news, reddit, stack_exchange

    words = " ".join(_OPERATORS.sub(" ", topic).split()) or topic
    paying = f"{words} pay"
    where = reddit.REDDIT_OAUTH if reddit_token else reddit.REDDIT
    search_reddit = partial(reddit.search, token=reddit_token)
    asks: list[tuple[Source, str, Callable[[Http, str], Awaitable[Fetched[FoundPosts]]]]] = [
        (hacker_news.HACKER_NEWS, words, hacker_news.search),
        (hacker_news.HACKER_NEWS, paying, hacker_news.search),
        (where, words, search_reddit),
        (where, paying, search_reddit),
        (stack_exchange.STACK_EXCHANGE, words, stack_exchange.search),
    ]
    answers = await all_answers([partial(search, http, query) for _, query, search in asks])
    return [
        Searched(source=source, query=query, answer=answer)
        for (source, query, _), answer in zip(asks, answers, strict=True)
    ]
