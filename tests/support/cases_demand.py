"""The places that are searched for demand, for the tests that every source has to pass."""

from functools import partial
from typing import Any

import demand_answers as answers
from source_case import SourceCase

from alya_mcp.net.client import Http
from alya_mcp.tools.demand.sources import hacker_news, reddit, stack_exchange
from alya_mcp.tools.demand.sources.found import FoundPosts


def are_posts(value: FoundPosts) -> None:
    assert value.posts
    assert all(post.title or post.text for post in value.posts)
    assert all(post.url.startswith("https://") for post in value.posts)
    assert not any("somebody_else" in repr(post) for post in value.posts)


async def ask(search: Any, http: Http) -> Any:
    return await search(http, "invoicing")


def case(name: str, source: Any, search: Any, path: str, answer: Any, **more: Any) -> SourceCase:
    return SourceCase(
        name=name, source=source, ask=partial(ask, search), answers={path: answer}, right=are_posts, **more
    )


CASES = [
    case(
        "Hacker News",
        hacker_news.HACKER_NEWS,
        hacker_news.search,
        answers.HN,
        answers.hn(*answers.COMMENTS),
        records="hits",
    ),
    case(
        "Reddit",
        reddit.REDDIT,
        reddit.search,
        answers.REDDIT,
        answers.reddit(*answers.POSTS),
        records="data.children",
        live=False,
    ),
    case(
        "Reddit with a token",
        reddit.REDDIT_OAUTH,
        partial(reddit.search, token="a-token"),
        answers.REDDIT_OAUTH,
        answers.reddit(*answers.POSTS),
        live=False,
    ),
    case(
        "Stack Exchange",
        stack_exchange.STACK_EXCHANGE,
        stack_exchange.search,
        answers.STACK_EXCHANGE,
        answers.questions(*answers.QUESTIONS),
        records="items",
    ),
]
