"""The dashboard's application: its addresses, behind the guard."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from alya_mcp.dashboard.forms import Form, action
from alya_mcp.dashboard.guard import COOKIE, OPEN, Guard
from alya_mcp.dashboard.live import Streams
from alya_mcp.dashboard.pages import audit, health, now, pictures, policy, spend
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.sign_in import Links, Sessions

_STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
_WELCOME: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signed in · Alya</title>'
    '<link rel="icon" href="{base}/static/icon.svg" type="image/svg+xml">'
    '<meta http-equiv="refresh" content="0;url={base}/"></head>'
    '<body><p>Signed in. <a href="{base}/">Open the dashboard</a></p></body></html>'
)
_USED: Final = (
    "This link was used already, or is older than five minutes. Run: alya-mcp dashboard\n"
    "It prints another one, also while the dashboard runs.\n"
)


def build(
    services: Services,
    links: Links,
    hosts: Iterable[str],
    sessions: Sessions | None = None,
    streams: Streams | None = None,
) -> Guard:
    """The application for the names and ports in `hosts`, as `127.0.0.1:8000`."""
    sessions = Sessions() if sessions is None else sessions

    async def open_link(request: Request) -> Response:
        purpose = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
        if "prefetch" in purpose or not links.use(request.path_params["token"]):
            return PlainTextResponse(_USED, 403)
        # A page of our own in between: a browser sends a strict cookie only where our own page leads.
        welcome = HTMLResponse(_WELCOME.format(base=guard.base))
        welcome.set_cookie(COOKIE, sessions.begin(), path=f"{guard.base}/", httponly=True, samesite="strict")
        return welcome

    async def sign_out(request: Request, _: Form) -> Response:
        sessions.end(request.scope["cookie"])
        return PlainTextResponse("Signed out. Run alya-mcp dashboard for another link.\n")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        services.start()
        try:
            yield
        finally:
            services.stopping.set()

    app = Starlette(lifespan=lifespan)
    guard = Guard(app, sessions, hosts)
    app.state.services = services
    app.state.base = guard.base
    app.state.streams = Streams() if streams is None else streams
    pages = [
        *now.ROUTES,
        *spend.ROUTES,
        *pictures.ROUTES,
        *audit.ROUTES,
        *policy.ROUTES,
        *health.ROUTES,
        Route("/sign-out", action(sign_out), methods=["POST"]),
        Route("/static/{name}", _static),
    ]
    app.router.routes += [Route(f"{OPEN}{{token}}", open_link), Mount(guard.base, routes=pages)]
    return guard


async def _static(request: Request) -> Response:
    kind = _TYPES.get(request.path_params["name"])
    if kind is None:
        return PlainTextResponse("There is nothing here.\n", 404)
    headers = {"cache-control": "private, max-age=3600"}  # its address ends with the process
    return FileResponse(_STATIC / request.path_params["name"], media_type=kind, headers=headers)
