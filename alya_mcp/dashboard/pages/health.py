"""Health: the checks of doctor, repeated while the page is open."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alya_mcp.dashboard.forms import Form, action, back
from alya_mcp.dashboard.live import Parts, stream
from alya_mcp.dashboard.rendering import page, part, services_of


def _seen(request: Request) -> dict[str, Any]:
    looking = services_of(request).health
    counts = {
        state: sum(check.state == state for check in looking.checks) for state in ("ok", "warn", "fail")
    }
    return {"checks": looking.checks, "at": looking.at, "running": looking.running, "counts": counts}


async def _page(request: Request) -> Response:
    services_of(request).health.begin()
    return page(request, "health", "Health", page="health", live="live/health", **_seen(request))


def _parts(request: Request) -> Parts:
    services_of(request).health.begin()
    return {"checks": part(request, "checks", **_seen(request))}


async def _live(request: Request) -> Response:
    return stream(request, _parts)


async def _again(request: Request, _: Form) -> Response:
    services_of(request).health.begin(again=True)
    return back(request, "/health")


ROUTES: Final = (
    Route("/health", _page),
    Route("/live/health", _live),
    Route("/health/again", action(_again), methods=["POST"]),
)
