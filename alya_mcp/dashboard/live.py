"""Live updates: server-sent events with the parts of a page that changed."""

import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from alya_mcp.dashboard.rendering import part, services_of, status_of

Parts = Mapping[str, str]
"""The parts of a page by the ids of their elements."""

MOST_STREAMS: Final = 12


@dataclass(slots=True)
class Streams:
    """Counts the pages that listen. Seconds between looks, and without a change until a sign of life."""

    look: float = 1.0
    beat: float = 15.0
    open: int = 0


def stream(request: Request, parts: Callable[[Request], Parts]) -> Response:
    """Send `parts` whenever one of them has changed, until the page or the dashboard closes."""
    streams: Streams = request.app.state.streams
    if streams.open >= MOST_STREAMS:
        return PlainTextResponse("Too many pages are open.\n", 503)
    return StreamingResponse(
        _events(request, parts, streams),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


def frame(request: Request) -> Parts:
    """The parts that every page has."""
    status = status_of(request)
    return {"switch": part(request, "switch", **status), "waiting": part(request, "waiting", **status)}


async def _events(
    request: Request, parts: Callable[[Request], Parts], streams: Streams
) -> AsyncGenerator[str]:
    stopping = services_of(request).stopping
    streams.open += 1
    try:
        sent: dict[str, str] = {}
        beaten = time.monotonic()
        yield "retry: 2000\n\n"
        while not stopping.is_set():
            now = await anyio.to_thread.run_sync(lambda: {**frame(request), **parts(request)})
            for name, html in now.items():
                if sent.get(name) != html:
                    sent[name] = html
                    beaten = time.monotonic()
                    yield f"data: {json.dumps({'id': name, 'html': html})}\n\n"
            if time.monotonic() - beaten >= streams.beat:
                beaten = time.monotonic()
                yield ": still here\n\n"
            await anyio.sleep(streams.look)
    finally:
        streams.open -= 1
