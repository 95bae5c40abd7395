"""Documented answers of the places that are searched for demand, hand-written after their documentation."""

from datetime import UTC, datetime
from typing import Any

from loopback_source import Asked, LoopbackSource, Reply

NOW = datetime.now(UTC).replace(microsecond=0)
HN = "/api/v1/search_by_date"
REDDIT = "/search.json"
REDDIT_OAUTH = "/search"
STACK_EXCHANGE = "/2.3/search/advanced"
DAY = 86_400


def at(seconds_ago: float) -> int:
    return int(NOW.timestamp() - seconds_ago)


def hn_comment(
    number: int, text: str, title: str = "Invoicing for freelancers", ago: float = DAY
) -> dict[str, Any]:
    """A comment as Algolia gives it: HTML, no points, its thread's title beside it."""
    return {
        "objectID": str(number), "created_at_i": at(ago), "created_at": "2026-11-01T00:00:00Z",
        "author": "somebody_else", "comment_text": text, "story_id": 1, "story_title": title,
        "story_url": None, "parent_id": 1, "points": None, "_tags": ["comment", "author_somebody_else"],
        "_highlightResult": {"comment_text": {"value": "<em>x</em>", "matchLevel": "full"}},
    }  # fmt: skip


def hn_story(
    number: int, title: str, text: str | None = None, points: int = 10, ago: float = DAY
) -> dict[str, Any]:
    """A story; one that only links somewhere has no text."""
    return {
        "objectID": str(number), "created_at_i": at(ago), "author": "somebody_else", "title": title,
        "url": None, "story_text": text, "points": points, "num_comments": 5, "_tags": ["story", "ask_hn"],
    }  # fmt: skip


def hn(*hits: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {
        "hits": list(hits), "nbHits": len(hits) if total is None else total, "page": 0, "nbPages": 1,
        "hitsPerPage": 500, "exhaustiveNbHits": True, "query": "invoicing", "processingTimeMS": 5,
    }  # fmt: skip


def reddit_post(code: str, title: str, text: str = "", ago: float = DAY) -> dict[str, Any]:
    """A post; `selftext` is Markdown and empty for a link."""
    return {
        "kind": "t3",
        "data": {
            "id": code, "name": f"t3_{code}", "title": title, "selftext": text, "created_utc": float(at(ago)),
            "score": 12, "num_comments": 3, "subreddit": "smallbusiness", "author": "somebody_else",
            "permalink": f"/r/smallbusiness/comments/{code}/x/", "over_18": False,
        },
    }  # fmt: skip


def reddit(*posts: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "dist": len(posts), "children": list(posts)}}


def question(number: int, title: str, body: str, ago: float = DAY) -> dict[str, Any]:
    """A question: its title is escaped, its body HTML."""
    return {
        "question_id": number, "title": title, "body": body, "creation_date": at(ago),
        "score": 4, "answer_count": 1, "is_answered": True, "tags": ["invoicing"],
        "owner": {"display_name": "somebody_else"},
        "link": f"https://softwarerecs.stackexchange.com/questions/{number}/x",
    }  # fmt: skip


def questions(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"items": list(items), "has_more": False, "quota_max": 300, "quota_remaining": 250} | more


THROTTLED = Reply(
    {
        "error_id": 502,
        "error_message": "too many requests from this IP, more requests available in 78 seconds",
        "error_name": "throttle_violation",
    },
    400,
)

COMMENTS = (
    hn_comment(
        11, "I&#x27;d pay $20 a month for invoicing that syncs with my bank.<p>It doesn&#x27;t exist."
    ),
    hn_comment(12, "<p>&gt; I would pay $90 for invoicing<p>Nobody needs that for invoicing."),
    hn_comment(13, "I wish invoicing tools had a decent export to my bank."),
)
POSTS = (
    reddit_post("abc12", "Is there a tool for invoicing in two currencies?", "We **pay** $50/month for one."),
)
QUESTIONS = (
    question(
        77,
        "Invoicing &amp; reminders",
        "<p>I&#39;m looking for an invoicing app that syncs with my bank.</p>",
    ),
)


def script(source: LoopbackSource) -> None:
    """Every place answers something about invoicing; searches with "pay" find what those without find."""
    source.on(HN, hn(*COMMENTS))
    source.on(REDDIT, reddit(*POSTS))
    source.on(REDDIT_OAUTH, reddit(*POSTS))
    source.on(STACK_EXCHANGE, questions(*QUESTIONS))


def query_of(asked: Asked) -> str:
    return asked.query.get("query") or asked.query["q"]
