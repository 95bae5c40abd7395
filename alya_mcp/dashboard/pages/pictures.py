"""Pictures: a gallery of what was drawn, with fresh links, another drawing with a seed, and deletion."""

import hashlib
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from alya_mcp.dashboard.forms import Form, action, back
from alya_mcp.dashboard.live import Parts, stream
from alya_mcp.dashboard.rendering import page, part, services_of
from alya_mcp.dashboard.services import Services
from alya_mcp.errors import Failure
from alya_mcp.images.engine import MAX_PROMPT, MAX_SEED
from alya_mcp.storage import open_store
from alya_mcp.tools.images.gallery import GalleryPicture, drawn_pictures, local_file

PER_PAGE: Final = 24
_EXPIRIES: Final = {"3600": "1 hour", "86400": "1 day", "604800": "7 days"}
_LASTING: Final = {"cache-control": "private, max-age=86400, immutable"}


def name_of(drawn: GalleryPicture) -> str:
    """The picture's name in addresses."""
    return hashlib.sha256(drawn.key.encode()).hexdigest()[:24]


def _all(services: Services) -> list[GalleryPicture]:
    return drawn_pictures(services.settings.home, services.repeats)


def _find(services: Services, name: str) -> GalleryPicture | None:
    return next((each for each in _all(services) if name_of(each) == name), None)


def _seen(services: Services, first: int) -> dict[str, Any]:
    try:
        found = _all(services)
    except OSError as error:
        return {
            "shown": [],
            "number": 0,
            "older": None,
            "trouble": f"The pictures can't be read: {error.strerror}",
        }
    rest = found[first : first + PER_PAGE]
    return {
        "shown": [(name_of(each), each) for each in rest],
        "number": len(found),
        "older": first + PER_PAGE if first + PER_PAGE < len(found) else None,
        "trouble": None,
    }


def _first(request: Request) -> int:
    given = request.query_params.get("from", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 0


async def _page(request: Request) -> Response:
    services = services_of(request)
    first = _first(request)
    seen = await anyio.to_thread.run_sync(_seen, services, first)
    live = f"live/pictures?from={first}"
    return page(
        request, "pictures", "Pictures", page="pictures", live=live, jobs=services.drawing.jobs(), **seen
    )  # fmt: skip


async def _one(request: Request) -> Response:
    return await _show(request)


async def _show(request: Request, **more: Any) -> Response:
    drawn = await anyio.to_thread.run_sync(_find, services_of(request), request.path_params["name"])
    if drawn is None:
        why = "It was deleted, or never drawn here."
        return page(request, "failed", "No such picture", 404, page="pictures", live="", why=why)
    context: dict[str, Any] = {"link": None, "expires": None, "problem": None, **more}
    return page(
        request, "picture", "Picture", page="pictures", live="", drawn=drawn,
        picture=name_of(drawn), expiries=_EXPIRIES, most_prompt=MAX_PROMPT, **context,
    )  # fmt: skip


async def _preview(request: Request) -> Response:
    services = services_of(request)
    drawn = await anyio.to_thread.run_sync(_find, services, request.path_params["name"])
    small = None if drawn is None else await anyio.to_thread.run_sync(services.repeats.preview, drawn.key)
    if small is None:
        return await _file(request)
    return Response(small, media_type="image/jpeg", headers=_LASTING)


async def _file(request: Request) -> Response:
    services = services_of(request)
    drawn = await anyio.to_thread.run_sync(_find, services, request.path_params["name"])
    file = None if drawn is None else local_file(services.settings.home, drawn.key)
    if drawn is None or file is None:
        return PlainTextResponse("This picture isn't on this machine.\n", 404)
    return FileResponse(
        file, media_type=drawn.content_type, filename=drawn.filename, content_disposition_type="inline",
        headers=_LASTING,
    )  # fmt: skip


async def _link(request: Request, form: Form) -> Response:
    services = services_of(request)
    drawn = await anyio.to_thread.run_sync(_find, services, request.path_params["name"])
    expires = form.get("expires", "")
    if drawn is None or expires not in _EXPIRIES:
        return await _show(request)
    store = open_store(services.settings)
    try:
        stored = await store.link(
            drawn.key, size=drawn.size, filename=drawn.filename, expires_in=int(expires)
        )
    except Failure as failure:
        return await _show(request, problem=str(failure))
    finally:
        await store.aclose()
    if stored is None:
        return await _show(request, problem="The picture isn't in the store any more.")
    return await _show(request, link=stored.url, expires=stored.expires_at.timestamp())


async def _delete(request: Request, _: Form) -> Response:
    services = services_of(request)
    drawn = await anyio.to_thread.run_sync(_find, services, request.path_params["name"])
    if drawn is None:
        return back(request, "/pictures")
    store = open_store(services.settings)
    try:
        await store.delete(drawn.key)
        if drawn.local and store.name != "local":  # kept here when it couldn't be uploaded
            from alya_mcp.storage.local import LocalStore

            await LocalStore(services.settings.home).delete(drawn.key)
    except Failure as failure:
        return await _show(request, problem=str(failure))
    finally:
        await store.aclose()
    await anyio.to_thread.run_sync(services.repeats.forget_picture, drawn.key)
    return back(request, "/pictures")


async def _again(request: Request, form: Form) -> Response:
    services = services_of(request)
    prompt, seed = form.get("prompt", "").strip(), form.get("seed", "")
    if not prompt or len(prompt) > MAX_PROMPT:
        return await _show(request, problem=f"A prompt has 1 to {MAX_PROMPT} characters.")
    if not (seed.isascii() and seed.isdigit() and int(seed[:12]) <= MAX_SEED):
        return await _show(request, problem=f"A seed is a whole number from 0 to {MAX_SEED}.")
    if not services.drawing.begin(prompt, int(seed)):
        return await _show(request, problem="Pictures are being drawn already; wait until one is done.")
    return back(request, "/pictures")


def _parts(request: Request) -> Parts:
    services = services_of(request)
    seen = _seen(services, _first(request))
    return {
        "gallery": part(request, "gallery", **seen),
        "drawing": part(request, "drawing", jobs=services.drawing.jobs()),
    }


async def _live(request: Request) -> Response:
    return stream(request, _parts)


ROUTES: Final = (
    Route("/pictures", _page),
    Route("/live/pictures", _live),
    Route("/pictures/{name}", _one),
    Route("/pictures/{name}/preview", _preview),
    Route("/pictures/{name}/file", _file),
    Route("/pictures/{name}/link", action(_link), methods=["POST"]),
    Route("/pictures/{name}/delete", action(_delete), methods=["POST"]),
    Route("/pictures/{name}/again", action(_again), methods=["POST"]),
)
