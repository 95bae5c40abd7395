"""Posts for tests, with all that a test doesn't look at filled in."""

from datetime import UTC, datetime, timedelta

from alya_mcp.tools.demand.logic.posts import Post

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=90)


def post(number: int, text: str, *, title: str = "Invoicing", days_ago: float = 1, **more: object) -> Post:
    fields: dict[str, object] = {
        "venue": "Hacker News",
        "url": f"https://news.ycombinator.com/item?id={number}",
        "time": NOW - timedelta(days=days_ago),
        "title": title,
        "text": text,
        "markup": "html",
        "reactions": 0,
        "is_reply": True,
    }
    return Post(**(fields | more))  # type: ignore[arg-type]
