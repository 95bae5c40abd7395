"""Sends requests to sources: connections, rate limits, retries and redirects."""

import random
import ssl
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy

import anyio
import httpx2

from alya_mcp import __version__
from alya_mcp.net.addresses import origin, redirected
from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.public_addresses import ForbiddenAddress, PublicTransport
from alya_mcp.net.rate_limiter import RateLimiter
from alya_mcp.net.request import SourceRequest, SourceResponse
from alya_mcp.net.verdict import NETWORK_ERRORS, Transient, describe, judge
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import Source

_CONNECTIONS = 32
_MOST_REDIRECTS = 5
_LONGEST_PAUSE = 3600.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SILENCE = httpx2.Timeout(connect=5.0, read=8.0, write=8.0, pool=8.0)
_THINKING = httpx2.Timeout(connect=5.0, read=None, write=8.0, pool=8.0)
"""For a POST: some services, such as language models, are silent until they are done."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a request is retried: `tries` in all, at most `first` to `longest` seconds between them.

    The wait is random under a bound that doubles (exponential backoff with jitter). No request takes more
    than `deadline` seconds, whatever its source's module allows.
    """

    tries: int = 3
    first: float = 0.4
    longest: float = 5.0
    deadline: float = 120.0

    def wait(self, failed: int) -> float:
        """Seconds to wait after `failed` failures."""
        return random.uniform(0.5, 1.0) * min(self.longest, self.first * 2 ** (failed - 1))  # noqa: S311


class Transport:
    """Sends requests, each source within its rate limit, and checks the responses."""

    def __init__(self, settings: Settings, patience: RetryPolicy, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._tls = tls
        self._patience = patience
        self._limiters: dict[str, RateLimiter] = {}
        self._open = AsyncExitStack()
        contact = f"; {settings.contact}" if settings.contact else ""
        self._agent = f"alya-mcp/{__version__} (MCP server{contact})"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._open.aclose()

    def base(self, source: Source) -> str:
        """The base address of `source`; empty if none is configured."""
        return self._settings.source_urls.get(source.key, source.url)

    def pause(self, source: Source, seconds: float) -> None:
        """Send `source` nothing for `seconds`, an hour at most."""
        self._limiter_of(source).hold(min(seconds, _LONGEST_PAUSE))

    async def ask(self, request: SourceRequest, conditions: Mapping[str, str]) -> SourceResponse:
        """Send `request`, with retries that fit the surrounding deadline, and return a usable response.

        Raises:
            SourceRefused, SourceFailed: no usable response came.
        """
        source = request.source
        limiter = self._limiter_of(source)
        failed = 0
        while True:
            await self._wait_out(source, limiter)
            try:
                async with limiter.turn():
                    if request.charge is not None:
                        await request.charge()
                    return await self._exchange(request, conditions)
            except Transient as trouble:
                failed += 1
                wait = self._patience.wait(failed)
                if trouble.wait is not None:
                    self.pause(source, trouble.wait)
                    wait = max(wait, trouble.wait)
                if not request.repeatable or failed >= self._patience.tries or wait >= _time_left():
                    raise trouble.failure from None
            await anyio.sleep(wait)

    async def ask_once(self, request: SourceRequest) -> SourceResponse:
        """Send `request` once and return the response, whatever its status.

        Raises:
            SourceFailed: no response came, or the request may not be sent.
        """
        source = request.source
        limiter = self._limiter_of(source)
        await self._wait_out(source, limiter)
        async with limiter.turn():
            if request.charge is not None:
                await request.charge()
            headers = {"User-Agent": self._agent, **request.headers, **request.secrets}
            try:
                return await self._send(request, request.url, headers)
            except ForbiddenAddress as forbidden:
                where = f"{request.url.host[:80]}, which is not on the public internet, so it isn't asked"
                raise SourceRefused(source, f"is at {where}") from forbidden
            except NETWORK_ERRORS as error:
                raise SourceFailed(source, describe(error)) from error

    def _limiter_of(self, source: Source) -> RateLimiter:
        return self._limiters.setdefault(source.key, RateLimiter(source, time.monotonic))

    async def _wait_out(self, source: Source, limiter: RateLimiter) -> None:
        pause = limiter.pause
        if pause >= _time_left():
            raise SourceFailed(source, f"is rate limiting us; retry in {pause:.0f} s", wait=pause)
        await anyio.sleep(pause)

    async def _exchange(self, request: SourceRequest, conditions: Mapping[str, str]) -> SourceResponse:
        """Send `request` once and follow redirects to addresses that are allowed."""
        source, url = request.source, request.url
        headers = {"User-Agent": self._agent, **request.headers, **request.secrets, **conditions}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer = await self._send(request, url, headers)
            except ForbiddenAddress as forbidden:
                where = f"{url.host[:80]}, which is not on the public internet, so it isn't asked"
                if origin(url) == origin(request.url):
                    raise SourceRefused(source, f"is at {where}") from forbidden
                raise SourceFailed(source, f"redirects to {where}") from forbidden
            except NETWORK_ERRORS as error:
                raise Transient(SourceFailed(source, describe(error))) from error
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return judge(request, answer)
            url, headers = redirected(request, url, answer, headers)
        raise SourceFailed(source, f"redirects more than {_MOST_REDIRECTS} times; its address may be wrong")

    async def _send(
        self, request: SourceRequest, url: httpx2.URL, headers: Mapping[str, str]
    ) -> SourceResponse:
        client = self._trusting if self._is_own(request.source, url) else self._guarded
        sent = client.build_request(
            request.method,
            url,
            headers=headers,
            content=request.content,
            timeout=_SILENCE if request.method == "GET" else _THINKING,
        )
        response = await client.send(sent, stream=True, follow_redirects=False)
        try:
            body = b"" if response.status_code in _REDIRECTS else await _read(request, response)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()
        return SourceResponse(status=response.status_code, headers=response.headers, body=body)

    def _is_own(self, source: Source, url: httpx2.URL) -> bool:
        """Whether `url` is at the address the user configured for this source, or the source is local."""
        if source.key not in self._settings.source_urls and httpx2.URL(source.url).host not in _LOCAL:
            return False
        return origin(url) == origin(httpx2.URL(self.base(source)))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._tls or httpx2.create_ssl_context()

    @cached_property
    def _guarded(self) -> httpx2.AsyncClient:
        return self._client(PublicTransport(self._context, connections=_CONNECTIONS))

    @cached_property
    def _trusting(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=_CONNECTIONS)
        return self._client(httpx2.AsyncHTTPTransport(verify=self._context, limits=limits))

    def _client(self, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(transport=transport, trust_env=False, cookies=_no_cookies())
        self._open.push_async_callback(client.aclose)
        return client


async def _read(request: SourceRequest, response: httpx2.Response) -> bytes:
    """The decompressed body, up to the size that the request allows."""
    parts: list[bytes] = []
    size = 0
    declared = response.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) <= request.largest:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > request.largest:
                break
            parts.append(part)
        else:
            return b"".join(parts)
    raise SourceFailed(request.source, f"answers more than {request.largest:,} bytes; ask it for less")


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _time_left() -> float:
    return anyio.current_effective_deadline() - anyio.current_time()
