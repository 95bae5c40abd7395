"""Reads posted forms: bounded in size, and only with their page's token."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from alya_mcp.dashboard.sign_in import BrowserSession

TOKEN: Final = "token"  # noqa: S105 - the field's name
LARGEST: Final = 4 << 20
_MOST_FIELDS: Final = 400

Form = Mapping[str, str]


class UnfitForm(Exception):
    """A form that isn't taken; its text is for the user."""


def action(
    act: Callable[[Request, Form], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """A handler that calls `act` with the fields of a form that came from our own page."""

    async def handle(request: Request) -> Response:
        try:
            form = await _read(request)
        except UnfitForm as error:
            return PlainTextResponse(f"{error}\n", 403)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        session: BrowserSession = request.scope["session"]
        if not session.knows(form.get(TOKEN, ""), request.scope["path"]):
            return PlainTextResponse(
                "This form's page is out of date. Go back, reload it and try again.\n", 403
            )
        return await act(request, form)

    return handle


def back(request: Request, path: str) -> Response:
    """Lead the browser to the page `path` after a form."""
    return RedirectResponse(f"{request.app.state.base}{path}", status_code=303)


async def _read(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnfitForm("Only forms of this page are taken.")
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST:
            raise UnfitForm(f"The form is too large: at most {LARGEST >> 20} MiB are taken.")
    try:
        fields = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict",
            max_num_fields=_MOST_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise UnfitForm("The form can't be read.") from None
    return dict(fields)
