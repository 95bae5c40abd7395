"""One request as it goes out: tries, pauses, redirects, and what its answer means."""

import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy

import anyio
import httpcore2
import httpx2

from alya_mcp import __version__
from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.cache_control import wait_asked
from alya_mcp.net.public_addresses import ForbiddenAddress, PublicTransport
from alya_mcp.net.rate_limiter import RateLimiter
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import Source

_CONNECTIONS = 32
_MOST_REDIRECTS = 5
_LONGEST_PAUSE = 3600.0
_LONGEST_WAIT = 1e6
_BODY_SHOWN = 4096
_USABLE = frozenset({200, 201, 203, 204, 304})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SILENCE = httpx2.Timeout(connect=5.0, read=8.0, write=8.0, pool=8.0)
_THINKING = httpx2.Timeout(connect=5.0, read=None, write=8.0, pool=8.0)
"""For a POST: some services, such as language models, are silent until they are done."""
_FAILURES = (
    httpx2.TransportError,
    httpx2.DecodingError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a request is tried again: `tries` in all, `first` to `longest` seconds between them at most.

    The wait is drawn at random under a bound that doubles, so that many clients don't return together. No
    request takes more than `deadline` seconds, whatever its source's module allows.
    """

    tries: int = 3
    first: float = 0.4
    longest: float = 5.0
    deadline: float = 120.0

    def wait(self, failed: int) -> float:
        """Seconds to wait after `failed` failures."""
        return random.uniform(0.5, 1.0) * min(self.longest, self.first * 2 ** (failed - 1))  # noqa: S311


Charge = Callable[[], Awaitable[None]]
"""Counts one request against a quota before it is sent; it raises a `Failure` to refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What to send. `secrets` are headers for the source's own host alone; `largest` is in bytes.

    `charge` is called each time before the request is sent. `identity` stands for the secrets in `key` where
    these change by themselves.
    """

    source: Source
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    content: bytes | None = None
    repeatable: bool = True
    largest: int
    charge: Charge | None = None
    identity: str | None = None

    @property
    def key(self) -> str:
        """What makes two requests the same, whoever's secret they carry included."""
        who = self.secrets if self.identity is None else {"identity": self.identity}
        lines = [f"{name.lower()}: {value}" for name, value in (self.headers | who).items()]
        return "\n".join([self.source.key, self.method, str(self.url), *sorted(lines)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceResponse:
    """What came back, its body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The body's, as the source gave it."""
        return self.headers.get("content-type", "")


class _Passing(Exception):
    """A trouble that may be over soon. `wait`: seconds that the source asked for."""

    def __init__(self, failure: SourceFailed, wait: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


class Transport:
    """Sends requests and judges what comes back; keeps each source to its rate limit."""

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
        """Where the source answers; empty when nobody said so."""
        return self._settings.source_urls.get(source.key, source.url)

    def pause(self, source: Source, seconds: float) -> None:
        """Ask `source` nothing for `seconds`, an hour at most, as it wishes."""
        self._limiter_of(source).hold(min(seconds, _LONGEST_PAUSE))

    async def ask(self, request: SourceRequest, conditions: Mapping[str, str]) -> SourceResponse:
        """One usable answer, after as many tries as are allowed and fit the deadline around this call.

        Raises:
            SourceRefused, SourceFailed: there was none.
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
            except _Passing as trouble:
                failed += 1
                wait = self._patience.wait(failed)
                if trouble.wait is not None:
                    self.pause(source, trouble.wait)
                    wait = max(wait, trouble.wait)
                if not request.repeatable or failed >= self._patience.tries or wait >= _time_left():
                    raise trouble.failure from None
            await anyio.sleep(wait)

    async def ask_once(self, request: SourceRequest) -> SourceResponse:
        """The answer to one try, whatever its status.

        Raises:
            SourceFailed: no answer came, or the request may not be sent.
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
            except _FAILURES as error:
                raise SourceFailed(source, _words(error)) from error

    def given(self, source: Source, address: str) -> httpx2.URL:
        """The address that the source itself gave for a further request.

        Raises:
            SourceFailed: it leads elsewhere than to the source's own host or, by https, its siblings.
        """
        base = httpx2.URL(self.base(source))
        try:
            url = base.join(address)
        except (httpx2.InvalidURL, ValueError):
            raise SourceFailed(source, "gives an address that is none") from None
        check_form(source, url)
        siblings = url.scheme == base.scheme == "https" and _parent(url.host) == _parent(base.host)
        if _origin(url) != _origin(base) and not siblings:
            raise SourceFailed(source, "gives an address at another host, which isn't asked")
        return url

    def _limiter_of(self, source: Source) -> RateLimiter:
        return self._limiters.setdefault(source.key, RateLimiter(source, time.monotonic))

    async def _wait_out(self, source: Source, limiter: RateLimiter) -> None:
        pause = limiter.pause
        if pause >= _time_left():
            raise SourceFailed(source, f"is rate limiting us; retry in {pause:.0f} s", wait=pause)
        await anyio.sleep(pause)

    async def _exchange(self, request: SourceRequest, conditions: Mapping[str, str]) -> SourceResponse:
        """One request and the redirects it leads to, each to an address that may be asked."""
        source, url = request.source, request.url
        headers = {"User-Agent": self._agent, **request.headers, **request.secrets, **conditions}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer = await self._send(request, url, headers)
            except ForbiddenAddress as forbidden:
                where = f"{url.host[:80]}, which is not on the public internet, so it isn't asked"
                if _origin(url) == _origin(request.url):
                    raise SourceRefused(source, f"is at {where}") from forbidden
                raise SourceFailed(source, f"redirects to {where}") from forbidden
            except _FAILURES as error:
                raise _Passing(SourceFailed(source, _words(error))) from error
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return self._judged(request, answer)
            url, headers = self._redirected(request, url, answer, headers)
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

    def _judged(self, request: SourceRequest, answer: SourceResponse) -> SourceResponse:
        source, status = request.source, answer.status
        if status in _USABLE:
            if status == HTTPStatus.NON_AUTHORITATIVE_INFORMATION:
                logger.warning("%s marks the interface that is asked here as deprecated", source.title)
            return answer
        said = f"{status} {_phrase(status)}".strip()
        body = answer.body[:_BODY_SHOWN]
        if status in _PASSING:
            wait = wait_asked(answer.headers)
            wait = None if wait is None else min(wait, _LONGEST_WAIT)
            again = "call again later" if wait is None else f"retry in {wait:.0f} s"
            failure = SourceFailed(source, f"answers {said}; {again}", status=status, body=body, wait=wait)
            raise _Passing(failure, wait)
        if 400 <= status < 500:
            problem = f"answers {said}; {_advice(request, status)}"
            raise SourceRefused(source, problem, status=status, body=body)
        raise SourceFailed(source, f"answers {said}, which can't be used", status=status, body=body)

    def _redirected(
        self, request: SourceRequest, url: httpx2.URL, answer: SourceResponse, headers: dict[str, str]
    ) -> tuple[httpx2.URL, dict[str, str]]:
        """Where a redirect leads, and the headers that may go there.

        Raises:
            SourceFailed: it may not be followed.
        """
        source = request.source
        try:
            target = url.join(answer.headers["location"])
        except (httpx2.InvalidURL, ValueError):
            raise SourceFailed(source, "redirects to something that is not an address") from None
        if request.method != "GET":
            raise SourceFailed(
                source, "redirects a request that isn't repeated elsewhere; its address may have changed"
            )
        if url.scheme == "https" and target.scheme != "https":
            raise SourceFailed(source, "redirects to an unencrypted address, which is not followed")
        check_form(source, target)
        if _origin(target) != _origin(url):
            kept = {name.lower() for name in request.headers} | {"user-agent"}
            headers = {name: value for name, value in headers.items() if name.lower() in kept}
        return target, headers

    def _is_own(self, source: Source, url: httpx2.URL) -> bool:
        """Whether `url` is where the user put this source, or the source is one of this machine."""
        if source.key not in self._settings.source_urls and httpx2.URL(source.url).host not in _LOCAL:
            return False
        return _origin(url) == _origin(httpx2.URL(self.base(source)))

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
    """The body, decompressed, as long as it isn't larger than allowed."""
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


def check_form(source: Source, url: httpx2.URL) -> None:
    """Refuse an address that no request may carry.

    Raises:
        SourceRefused: it isn't http or https, or has a name or password in it.
    """
    if url.scheme not in {"http", "https"} or not url.host:
        raise SourceRefused(source, "leads to something that is not a web address (http or https)")
    if url.userinfo:
        raise SourceRefused(source, "has a name or password in its address, which is not sent")


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _parent(host: str) -> list[str]:
    """The last two labels of a host's name; nothing for an address or a name without dots."""
    labels = host.split(".")
    return labels[-2:] if len(labels) > 2 and not labels[-1].isdecimal() else [host]


def _words(error: Exception) -> str:
    if isinstance(error, httpx2.ConnectTimeout | httpcore2.ConnectTimeout):
        return "can't be reached: no connection came about in time"
    if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
        return "fell silent before its answer was complete; call again later"
    if isinstance(error, httpx2.ConnectError | httpcore2.ConnectError):
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return "can't be reached: its certificate or its encryption isn't valid"
            cause = cause.__cause__
        return "can't be reached; look whether this machine is online"
    if isinstance(error, httpx2.DecodingError):
        return "answered something that can't be decompressed; call again later"
    return "broke the connection off; call again later"


def _advice(request: SourceRequest, status: int) -> str:
    """What would help against a status that means no."""
    if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "the request can't be met as it is"
    if request.secrets:
        return "its key may be wrong"
    if request.source.keys:
        return f"it may want a key; the user can set {request.source.keys[0]}"
    return "it refuses requests from here"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _time_left() -> float:
    return anyio.current_effective_deadline() - anyio.current_time()
