"""Access control of the dashboard: only the user's own browser, no other local user, page or host name.

Every request must name the address that is served (a page elsewhere whose name was turned to 127.0.0.1 names
its own), come from our own page or from no page, and bring the cookie of a session. Only a one-time link
needs no cookie. The cookie is bound to a path that nobody can guess: browsers send cookies to every port of a
machine.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from alya_mcp.dashboard.sign_in import BrowserSession, Sessions

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger(__name__)

COOKIE: Final = "alya_dashboard"
OPEN: Final = "/open/"
"""Where one-time links lead."""

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # without any, browsers send forms with the Origin "null"
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")
_NOT_SIGNED_IN: Final = (
    "You are not signed in to this dashboard. Run: alya-mcp dashboard\n"
    "It prints a link that signs this browser in, once.\n"
)


class Guard:
    """Puts every request to `app` to the test; `hosts` are the names and ports that are served.

    `base` is the path under which pages are, as `/x7Q…`.
    """

    def __init__(self, app: App, sessions: Sessions, hosts: Iterable[str]) -> None:
        self.base = f"/{secrets.token_urlsafe(16)}"
        self._app = app
        self._sessions = sessions
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket, which nothing here speaks
            await send({"type": "websocket.close", "code": 1008})
            return
        refused = self._refused(scope)
        if refused is not None:
            await _refuse(send, *refused)
            return

        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = list(message.get("headers", ()))
                stored = any(name == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *HEADERS, *(() if stored else (_NO_STORE,))]
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception:  # noqa: BLE001 - a bug costs one page, not the dashboard
            _log.exception("a page of the dashboard failed")
            if not begun:
                await _refuse(send, 500, "This page failed. The reason is in logs/server.log.\n")

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """The status and words of a refusal; None for a request that may pass."""
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "This address isn't served here.\n"
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            return 405, "This method isn't served here.\n"
        links_in = scope["method"] == "GET" and scope["path"].startswith(OPEN)
        origins = headers.get(b"origin", [])
        ours = f"http://{hosts[0].lower()}"
        if (scope["method"] == "POST" and origins != [ours]) or (origins and origins != [ours]):
            return 403, "A request from another page is not answered.\n"
        site = headers.get(b"sec-fetch-site", ["none"])[-1]
        if site not in {"none", "same-origin"} and not links_in:
            return 403, "A request from another page is not answered.\n"
        if links_in:
            return None
        session = self._session(headers.get(b"cookie", []))
        if session is None or not scope["path"].startswith(f"{self.base}/"):
            return 403, _NOT_SIGNED_IN
        scope["session"], scope["cookie"] = session
        return None

    def _session(self, cookies: list[str]) -> tuple[BrowserSession, str] | None:
        for given in cookies:
            try:
                morsel = SimpleCookie(given).get(COOKIE)
            except CookieError:
                continue
            if morsel is not None and (session := self._sessions.find(morsel.value)) is not None:
                return session, morsel.value
        return None


async def _refuse(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *HEADERS,
        _NO_STORE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
