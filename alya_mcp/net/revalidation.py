"""What is kept of a response, how long it is fresh, and how it is revalidated (RFC 9111, RFC 9110)."""

from http import HTTPStatus

from alya_mcp.net.answers import SourceFailed
from alya_mcp.net.cache_control import lifetime
from alya_mcp.net.disk_cache import Kept
from alya_mcp.net.request import SourceResponse
from alya_mcp.settings.providers import Source


def conditions(kept: Kept | None) -> dict[str, str]:
    """Headers that ask for a body only if it isn't the kept one."""
    headers: dict[str, str] = {}
    if kept is not None and kept.etag:
        headers["If-None-Match"] = kept.etag
    if kept is not None and kept.last_modified:
        headers["If-Modified-Since"] = kept.last_modified
    return headers


def confirmed(source: Source, answer: SourceResponse, kept: Kept | None) -> SourceResponse:
    """`answer`, or the kept response under its headers when it is 304 Not Modified.

    Raises:
        SourceFailed: it is 304 and nothing is kept.
    """
    if answer.status != HTTPStatus.NOT_MODIFIED:
        return answer
    if kept is None:
        raise SourceFailed(source, "answers 304 Not Modified of what it never sent")
    headers = {
        "content-type": kept.content_type,
        "etag": kept.etag or "",
        "last-modified": kept.last_modified or "",
        **answer.headers,
    }
    return SourceResponse(status=kept.status, headers=headers, body=kept.body)


def to_keep(answer: SourceResponse, now: float) -> Kept:
    """What the cache keeps of `answer`, which came at `now` (seconds since 1970)."""
    return Kept(
        fetched_at=now,
        fresh_until=now + lifetime(answer.headers),
        status=answer.status,
        content_type=answer.content_type,
        etag=answer.headers.get("etag") or None,
        last_modified=answer.headers.get("last-modified") or None,
        body=answer.body,
    )


def is_fresh(kept: Kept, now: float, fresh_for: float, stale_for: float) -> bool:
    """Whether `kept` can be used at `now` without a request.

    It is fresh as long as the source's headers say, but for `fresh_for` to `stale_for` seconds.
    """
    until = max(kept.fetched_at + fresh_for, min(kept.fresh_until, kept.fetched_at + stale_for))
    return kept.fetched_at <= now < until
