"""The one HTTP client of all sources: what is asked, what is kept of it, and for how long."""

import json as json_text
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Generic, TypeVar, cast
from urllib.parse import urlencode

import anyio
import httpx2

from alya_mcp.errors import Failure
from alya_mcp.net.answers import Body, ChangedShape, Fetched, SourceFailed, SourceOutcome, SourceRefused
from alya_mcp.net.cache_control import lifetime, may_keep
from alya_mcp.net.disk_cache import Cache, Kept
from alya_mcp.net.memo import Memo
from alya_mcp.net.records import LeftOut
from alya_mcp.net.single_flight import SingleFlight
from alya_mcp.net.transport import (
    Charge,
    RetryPolicy,
    SourceRequest,
    SourceResponse,
    Transport,
    check_form,
)
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import SOURCES, Source

T = TypeVar("T")
Params = Mapping[str, str | int | float]

LARGEST = 4 << 20
"""Bytes of an answer, decompressed, unless a source's module allows more."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"

logger = logging.getLogger(__name__)


class Http:
    """Asks sources; made once per server, see the package's docstring.

    `clock` gives seconds since 1970; `tls` says whose certificates count, the system's own when None.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        patience: RetryPolicy | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._patience = patience or RetryPolicy()
        self._transport = Transport(settings, self._patience, tls)
        self._seen: dict[str, SourceOutcome] = {}
        self._cache = Cache(settings.home / "cache" / "sources")
        self._single_flight = SingleFlight()
        self.memo = Memo()
        """Values that were made of answers."""

    async def get(
        self,
        source: Source,
        path: str = "",
        params: Params | None = None,
        *,
        read: Callable[[Body], T],
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        identity: str | None = None,
        authorise: Callable[[], Awaitable[Mapping[str, str]]] | None = None,
        fresh_for: float = 60.0,
        stale_for: float = 86_400.0,
        deadline: float = 10.0,
        largest: int = LARGEST,
        charge: Charge | None = None,
    ) -> Fetched[T]:
        """Get what `read` makes of the answer.

        `path` follows the source's base address; `params` is its query. `secrets` are headers that no other
        host sees and no log shows; a kept answer is found with the same secrets only, or with the same
        `identity` where those change by themselves, such as a token. `authorise` gives further secrets when
        the source is asked and not before; it goes with an `identity`. An answer is used again, without
        asking, for `fresh_for` seconds, or for longer if the source says so, up to `stale_for`; when the
        source fails, for `stale_for` seconds, marked as stale. It takes at most `deadline` seconds, all tries
        together, and `largest` bytes. `charge` is called each time before the request is sent; what it raises
        is raised here.

        `read` depends on the body alone and is called once per answer; a function of a module, which is the
        same at the next call, isn't called again for a kept one. For what it can't use it raises a
        `SourceFailed`, and the answer isn't kept; any other error counts as one. Its body says so when the
        source has nothing to tell (204).

        Raises:
            SourceRefused: the source said no to this request; see its `status`.
            SourceFailed: no usable answer came, and none is kept.
        """
        request = self._request(
            "GET",
            source,
            path,
            params,
            {"Accept": accept, **(headers or {})},
            secrets,
            largest,
            charge=charge,
            identity=identity,
        )
        kept = await anyio.to_thread.run_sync(self._cache.find, request.key)
        value: _Value[T] | None = None
        if kept is not None:
            try:
                value = self._value(request, kept, read)
            except SourceFailed:
                kept = None  # kept by a version that knew another shape
        now = self._clock()
        if kept is not None and kept.fetched_at <= now < _fresh_until(kept, fresh_for, stale_for):
            return self._from_cache(source, cast("_Value[T]", value), kept, now)

        async def ask() -> Kept:
            if authorise is not None:
                request.secrets.update(await authorise())
            return await self._ask_and_keep(request, read, kept)

        try:
            newest = await self._within(request, deadline, lambda: self._single_flight.join(request.key, ask))
            return self._live(source, self._value(request, newest, read), newest.fetched_at)
        except SourceRefused:
            raise
        except SourceFailed as failure:
            now = self._clock()
            if kept is None or not kept.fetched_at <= now <= kept.fetched_at + stale_for:
                raise
            logger.info("a kept answer stands in: %s", failure)
            return self._from_cache(source, cast("_Value[T]", value), kept, now, problem=failure.problem)

    async def post(
        self,
        source: Source,
        path: str = "",
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        read: Callable[[Body], T],
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        repeatable: bool = False,
        deadline: float = 30.0,
        largest: int = LARGEST,
    ) -> Fetched[T]:
        """Send `json`, or a `form`, and get what `read` makes of the answer; nothing is kept.

        It is tried again only when it is `repeatable`: sending it twice does what sending it once does.
        Otherwise like `get`.
        """
        if form is None:
            kind, content = _JSON, json_text.dumps(json, ensure_ascii=False).encode("utf-8", "replace")
        else:
            kind, content = _FORM, urlencode(form).encode()
        request = self._request(
            "POST",
            source,
            path,
            None,
            {"Accept": _JSON, "Content-Type": kind, **(headers or {})},
            secrets,
            largest,
            content=content,
            repeatable=repeatable,
        )

        async def ask() -> _Value[T]:
            answer = await self._transport.ask(request, {})
            return _read(read, Body(source, answer.body, answer.content_type))

        return self._live(source, await self._within(request, deadline, ask), self._clock())

    async def exchange(
        self,
        source: Source,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        largest: int = LARGEST,
        charge: Charge | None = None,
    ) -> SourceResponse:
        """Send one request and return its answer, whatever the status.

        For a protocol whose statuses are its steps, such as a resumable upload: nothing is tried again, kept
        or redirected. `path` may also be an address that the source gave in an earlier answer. Otherwise like
        `get`.

        Raises:
            SourceFailed: no answer came; the request may have arrived all the same.
        """
        request = self._request(
            method,
            source,
            path,
            params,
            dict(headers or {}),
            secrets,
            largest,
            content=content,
            charge=charge,
        )
        answer = await self._within(request, deadline, lambda: self._transport.ask_once(request))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._note(source, f"answers {answer.status}; call again later")
        return answer

    @property
    def seen(self) -> list[SourceOutcome]:
        """What came of the last request to each source that was asked, those of the table alone, by title."""
        return sorted(self._seen.values(), key=lambda seen: seen.source.title)

    def address_of(self, source: Source) -> str:
        """Where `source` answers, without a slash at its end; empty when nobody said so."""
        return self._transport.base(source).rstrip("/")

    def pause(self, source: Source, seconds: float) -> None:
        """Ask `source` nothing for `seconds`, an hour at most, as its answer said."""
        self._transport.pause(source, seconds)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _request(
        self,
        method: str,
        source: Source,
        path: str,
        params: Params | None,
        headers: dict[str, str],
        secrets: Mapping[str, str] | None,
        largest: int,
        *,
        content: bytes | None = None,
        repeatable: bool = True,
        charge: Charge | None = None,
        identity: str | None = None,
    ) -> SourceRequest:
        base = self._transport.base(source)
        if not base:
            raise SourceFailed(source, f"has no address here; the user can set {source.variable}")
        try:
            if "://" in path:
                url = self._transport.given(source, path)
            else:
                url = httpx2.URL(base.rstrip("/") + path if path else base)
            if params:
                url = url.copy_merge_params({name: _plain(value) for name, value in params.items()})
        except (httpx2.InvalidURL, ValueError, TypeError):
            raise SourceRefused(
                source, "has an address that is none; it takes one such as https://a.example/b"
            ) from None
        check_form(source, url)
        if not all(value.isascii() and value.isprintable() for value in (secrets or {}).values()):
            raise SourceRefused(
                source,
                "has an API key with a character that headers can't carry; the user should set it again",
            )
        return SourceRequest(
            source=source, method=method, url=url, headers=headers, secrets=dict(secrets or {}),
            content=content, repeatable=repeatable, largest=largest, charge=charge,
            identity=identity,
        )  # fmt: skip

    async def _ask_and_keep(
        self, request: SourceRequest, read: Callable[[Body], object], kept: Kept | None
    ) -> Kept:
        conditions: dict[str, str] = {}
        if kept is not None and kept.etag:
            conditions["If-None-Match"] = kept.etag
        if kept is not None and kept.last_modified:
            conditions["If-Modified-Since"] = kept.last_modified
        answer = await self._transport.ask(request, conditions)
        now = self._clock()
        if answer.status == HTTPStatus.NOT_MODIFIED:
            if kept is None:
                raise SourceFailed(request.source, "answers 304 Not Modified of what it never sent")
            answer = SourceResponse(
                status=kept.status,
                headers={
                    "content-type": kept.content_type,
                    "etag": kept.etag or "",
                    "last-modified": kept.last_modified or "",
                    **answer.headers,
                },
                body=kept.body,
            )
        newest = Kept(
            fetched_at=now,
            fresh_until=now + lifetime(answer.headers),
            status=answer.status,
            content_type=answer.content_type,
            etag=answer.headers.get("etag") or None,
            last_modified=answer.headers.get("last-modified") or None,
            body=answer.body,
        )
        self._value(request, newest, read)
        if may_keep(answer.headers):
            await anyio.to_thread.run_sync(self._cache.keep, request.key, newest)
        else:
            await anyio.to_thread.run_sync(self._cache.forget, request.key)
        return newest

    async def _within(self, request: SourceRequest, deadline: float, ask: Callable[[], Awaitable[T]]) -> T:
        source = request.source
        deadline = min(deadline, self._patience.deadline)
        try:
            with anyio.fail_after(deadline):
                answer = await ask()
        except TimeoutError:
            problem = f"didn't answer within {deadline:g} s; call again later"
            self._note(source, problem)
            raise SourceFailed(source, problem) from None
        except SourceFailed as failure:
            # Not found is an answer to a GET: that it has no such thing.
            absent = failure.status == HTTPStatus.NOT_FOUND and request.method == "GET"
            self._note(source, None if absent else failure.problem)
            raise
        self._note(source, None)
        return answer

    def _note(self, source: Source, problem: str | None) -> None:
        if source.key in SOURCES:
            self._seen[source.key] = SourceOutcome(source=source, at=_date(self._clock()), problem=problem)

    def _value(self, request: SourceRequest, kept: Kept, read: Callable[[Body], T]) -> "_Value[T]":
        nothing = kept.status == HTTPStatus.NO_CONTENT
        body = Body(request.source, kept.body, kept.content_type, nothing)
        return self.memo.get((request.key, read, kept.fetched_at), lambda: _read(read, body))

    def _live(self, source: Source, read: "_Value[T]", now: float) -> Fetched[T]:
        return Fetched(
            value=read.value,
            source=source,
            fetched_at=_date(now),
            age=0.0,
            cached=False,
            left_out=read.left_out,
        )

    def _from_cache(
        self, source: Source, read: "_Value[T]", kept: Kept, now: float, *, problem: str | None = None
    ) -> Fetched[T]:
        return Fetched(
            value=read.value,
            source=source,
            fetched_at=_date(kept.fetched_at),
            age=max(0.0, now - kept.fetched_at),
            cached=True,
            stale=problem is not None,
            problem=problem,
            left_out=read.left_out,
        )


@dataclass(frozen=True, slots=True)
class _Value(Generic[T]):
    """What was made of an answer, and what of it was left out."""

    value: T
    left_out: LeftOut | None


def _read(read: Callable[[Body], T], body: Body) -> _Value[T]:
    """What `read` makes of `body`; whatever a stranger's bytes lead to is that stranger's failure."""
    try:
        return _Value(read(body), body.tally.left_out)
    except Failure:
        raise
    except Exception as error:
        logger.warning("an answer of %s can't be read", body.source.title, exc_info=True)
        problem = "answers something that can't be read; a newer version of alya-mcp may know it"
        raise ChangedShape(body.source, problem) from error


def _fresh_until(kept: Kept, fresh_for: float, stale_for: float) -> float:
    """As long as the source says, within what its own module allows."""
    return max(kept.fetched_at + fresh_for, min(kept.fresh_until, kept.fetched_at + stale_for))


def _plain(value: str | float) -> str:
    """A number without an exponent, which few sources read."""
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
