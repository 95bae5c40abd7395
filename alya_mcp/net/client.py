"""The HTTP client of all sources: requests, the cache of answers, deadlines."""

import json as json_text
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar, cast
from urllib.parse import urlencode

import anyio

from alya_mcp.net.addresses import Params, address
from alya_mcp.net.answers import Body, Fetched, SourceFailed, SourceOutcome, SourceRefused
from alya_mcp.net.cache_control import may_keep
from alya_mcp.net.disk_cache import Cache, Kept
from alya_mcp.net.memo import Memo
from alya_mcp.net.outcomes import SourceOutcomes
from alya_mcp.net.reading import ReadValue, from_cache, live, read_body
from alya_mcp.net.request import Charge, SourceRequest, SourceResponse
from alya_mcp.net.revalidation import conditions, confirmed, is_fresh, to_keep
from alya_mcp.net.single_flight import SingleFlight
from alya_mcp.net.transport import RetryPolicy, Transport
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import Source

T = TypeVar("T")

LARGEST = 4 << 20
"""Default limit for a decompressed body, in bytes."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"

logger = logging.getLogger(__name__)


class Http:
    """Sends requests to sources. One per server; see the package's docstring.

    `clock` returns seconds since 1970. `tls` sets the trusted certificates; None means the system's.
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
        self._outcomes = SourceOutcomes(clock)
        self._cache = Cache(settings.home / "cache" / "sources")
        self._single_flight = SingleFlight()
        self.memo = Memo()
        """Values read from answers."""

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
        """GET `path` and return what `read` makes of the body.

        `path` is relative to the source's base address; `params` is the query. `secrets` are headers that are
        sent to the source's own host only and never logged; a cached answer is reused only with the same
        secrets, or with the same `identity` where they change by themselves, as tokens do. `authorise`
        returns more secrets, and is awaited only when a request is sent; it requires an `identity`.

        A cached answer is used without a request for `fresh_for` seconds, or for as long as the source's
        headers say, up to `stale_for`. When the source fails, an answer up to `stale_for` seconds old is
        returned, marked as stale. `deadline` is in seconds for all tries together, `largest` in bytes.
        `charge` is awaited before each request that is sent; what it raises is raised here.

        `read` must depend on the body alone. It is called once per answer: for a cached one it isn't called
        again if it is the same module-level function. It raises `SourceFailed` for a body that it can't use,
        and any other exception counts as one; the answer isn't cached then.

        Raises:
            SourceRefused: the source refused this request; see its `status`.
            SourceFailed: there was no usable answer, and none is cached.
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
        seen = kept = await anyio.to_thread.run_sync(self._cache.find, request.key)
        value: ReadValue[T] | None = None
        if kept is not None:
            try:
                value = self._value(request, kept, read)
            except SourceFailed:
                kept = None  # cached by a version that expected another shape
        now = self._clock()
        if kept is not None and is_fresh(kept, now, fresh_for, stale_for):
            return from_cache(source, cast("ReadValue[T]", value), kept, now)

        async def ask() -> Kept:
            # Another caller's request may have ended between the look into the cache and this one's turn.
            newer = await anyio.to_thread.run_sync(self._cache.find, request.key)
            now = self._clock()
            if newer is not None and newer != seen and is_fresh(newer, now, fresh_for, stale_for):
                return newer
            if authorise is not None:
                request.secrets.update(await authorise())
            return await self._ask_and_keep(request, read, kept)

        try:
            newest = await self._within(request, deadline, lambda: self._single_flight.join(request.key, ask))
            return live(source, self._value(request, newest, read), newest.fetched_at)
        except SourceRefused:
            raise
        except SourceFailed as failure:
            now = self._clock()
            if kept is None or not kept.fetched_at <= now <= kept.fetched_at + stale_for:
                raise
            logger.info("using a cached answer: %s", failure)
            return from_cache(source, cast("ReadValue[T]", value), kept, now, problem=failure.problem)

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
        """POST `json` or a `form` and return what `read` makes of the body; nothing is cached.

        It is retried only if it is `repeatable`, that is, idempotent. Otherwise like `get`.
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

        async def ask() -> ReadValue[T]:
            answer = await self._transport.ask(request, {})
            return read_body(read, Body(source, answer.body, answer.content_type))

        return live(source, await self._within(request, deadline, ask), self._clock())

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
        """Send one request and return its response, whatever the status.

        For protocols in which a status is a step, such as resumable uploads: nothing is retried, cached or
        redirected. `path` may also be an address that the source gave in an earlier answer. Otherwise like
        `get`.

        Raises:
            SourceFailed: no response came; the request may have arrived nevertheless.
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
            self._outcomes.record(source, f"answers {answer.status}; call again later")
        return answer

    @property
    def seen(self) -> list[SourceOutcome]:
        """The outcome of the last request to each source of `SOURCES` that was asked, by title."""
        return self._outcomes.by_title

    def address_of(self, source: Source) -> str:
        """The base address of `source` without a trailing slash; empty if none is configured."""
        return self._transport.base(source).rstrip("/")

    def pause(self, source: Source, seconds: float) -> None:
        """Send `source` nothing for `seconds`, an hour at most."""
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
        url = address(source, base, path, params)
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
        answer = await self._transport.ask(request, conditions(kept))
        now = self._clock()
        answer = confirmed(request.source, answer, kept)
        newest = to_keep(answer, now)
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
            self._outcomes.record(source, problem)
            raise SourceFailed(source, problem) from None
        except SourceFailed as failure:
            # For a GET, 404 is an answer: there is no such thing.
            absent = failure.status == HTTPStatus.NOT_FOUND and request.method == "GET"
            self._outcomes.record(source, None if absent else failure.problem)
            raise
        self._outcomes.record(source, None)
        return answer

    def _value(self, request: SourceRequest, kept: Kept, read: Callable[[Body], T]) -> ReadValue[T]:
        nothing = kept.status == HTTPStatus.NO_CONTENT
        body = Body(request.source, kept.body, kept.content_type, nothing)
        return self.memo.get((request.key, read, kept.fetched_at), lambda: read_body(read, body))
