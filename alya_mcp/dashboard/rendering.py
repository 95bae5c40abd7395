"""Renders templates: whole pages, and the parts that live updates replace."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from alya_mcp.app.stop import is_stopped, stopped_since
from alya_mcp.dashboard import forms, words
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.sign_in import BrowserSession
from alya_mcp.gate import StateError
from alya_mcp.text.plurals import counted

PAGES: Final = (
    ("now", "", "Now"),
    ("spend", "spend", "Spend"),
    ("pictures", "pictures", "Pictures"),
    ("audit", "audit", "Audit"),
    ("policy", "policy", "Policy"),
    ("health", "health", "Health"),
)
"""Each page's name, path and title, in the order of the navigation."""
_TOKEN: Final = Markup('<input type="hidden" name="{}" value="{}">')


def page(request: Request, name: str, title: str, status: int = 200, **context: Any) -> HTMLResponse:
    """The page made of the template `name`, in the frame of all pages."""
    whole = {**status_of(request), **context, "title": title, "pages": PAGES}
    return HTMLResponse(_environment().get_template(f"{name}.html").render(_common(request), **whole), status)


def part(request: Request, name: str, **context: Any) -> str:
    """The part of a page made of the template `_name`."""
    return _environment().get_template(f"_{name}.html").render(_common(request), **context)


def services_of(request: Request) -> Services:
    """What the pages are made of."""
    return request.app.state.services


def status_of(request: Request) -> dict[str, Any]:
    """What the frame of every page tells: whether calls are stopped, and how many questions wait."""
    services = services_of(request)
    since = stopped_since(services.settings)
    try:
        waiting = sum(status == "pending" for _, status in services.state.approvals.all())
    except StateError:
        waiting = 0
    return {
        "stopped": is_stopped(services.settings),
        "stopped_at": None if since is None else since.timestamp(),
        "waiting": waiting,
    }


def _common(request: Request) -> dict[str, Any]:
    base: str = request.app.state.base
    session: BrowserSession = request.scope["session"]

    def url(path: str = "") -> str:
        return f"{base}/{path}"

    def token(path: str) -> Markup:
        return _TOKEN.format(forms.TOKEN, session.form_token(f"{base}/{path}"))

    return {"url": url, "token": token}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.seen,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = {
        "when": words.when,
        "dollars": words.dollars,
        "verbatim": escape,
        "number": words.number,
        "lasting": words.lasting,
        "duration": words.duration,
    }
    made.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]
    made.globals.update(counted=counted)  # pyright: ignore[reportUnknownMemberType]
    return made
