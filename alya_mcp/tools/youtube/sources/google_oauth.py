"""Google's OAuth 2.0 for devices: a code for the user, tokens for it, fresh ones, and their end.

developers.google.com/identity/protocols/oauth2/limited-input-device, read 2026-11. Statuses are steps here:
428 and 403 of `/token` say to ask again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import AliasChoices, Field, ValidationError

from alya_mcp.errors import NotConfigured
from alya_mcp.net.answers import ChangedShape, Shape, SourceFailed
from alya_mcp.settings.providers import SOURCES

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.net.request import SourceResponse

OAUTH: Final = SOURCES["google_oauth"]

YOUTUBE: Final = "https://www.googleapis.com/auth/youtube"
"""The scope that uploads, changes and reads; Google gives it to devices."""
CAPTIONS: Final = "https://www.googleapis.com/auth/youtube.force-ssl"
"""The scope that captions.insert wants; some clients may not ask for it as a device."""

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_PRECONDITION_REQUIRED: Final = 428

T = TypeVar("T", bound=Shape)


class OAuthClient(Shape):
    """The client that the user registered with Google."""

    id: str
    secret: str = Field(repr=False)


class DeviceCode(Shape):
    """A code that the user enters at an address, within `expires_in` seconds."""

    device_code: str = Field(repr=False)
    user_code: str
    address: str = Field(validation_alias=AliasChoices("verification_url", "verification_uri"))
    expires_in: float = 1800.0
    interval: float = 5.0


class GoogleTokens(Shape):
    """Tokens that Google gave; `refresh_token` comes with the first of them only."""

    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(None, repr=False)
    expires_in: float = 3600.0
    scope: str = ""


class _Told(Shape):
    error: str = Field(default="", validation_alias=AliasChoices("error", "error_code"))


class SignInRefused(NotConfigured):
    """Google says no; the text says why and what would help. `error` is Google's own word for it."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


async def device_code(http: "Http", client: OAuthClient, scopes: tuple[str, ...]) -> DeviceCode:
    """Ask for a code.

    Raises:
        SignInRefused: Google refuses this client or these scopes.
        SourceFailed: no usable answer came.
    """
    answer = await _post(http, "/device/code", {"client_id": client.id, "scope": " ".join(scopes)})
    return _read(answer, DeviceCode)


async def poll(
    http: "Http", client: OAuthClient, code: DeviceCode
) -> GoogleTokens | Literal["pending", "slow_down"]:
    """Ask once whether the user has entered the code.

    Raises:
        SignInRefused: the user said no, the code has expired, or Google refuses the client.
        SourceFailed: no usable answer came; the same can be asked again.
    """
    form = {
        "client_id": client.id,
        "client_secret": client.secret,
        "device_code": code.device_code,
        "grant_type": _GRANT,
    }
    answer = await _post(http, "/token", form)
    error = _error(answer)
    if error == "authorization_pending" or answer.status == _PRECONDITION_REQUIRED:
        return "pending"
    if error == "invalid_grant":
        raise SignInRefused(error, _REMEDIES["expired_token"])
    return "slow_down" if error == "slow_down" else _read(answer, GoogleTokens)


async def refresh(http: "Http", client: OAuthClient, refresh_token: str) -> GoogleTokens:
    """A fresh access token.

    Raises:
        SignInRefused: the user or Google withdrew the connection, or refuses the client.
        SourceFailed: no usable answer came.
    """
    form = {
        "client_id": client.id,
        "client_secret": client.secret,
        "refresh_token": refresh_token,
        "grant_type": "refresh_token",
    }
    return _read(await _post(http, "/token", form), GoogleTokens)


async def revoke(http: "Http", token: str) -> None:
    """End what `token` allows; one that has ended already is fine.

    Raises:
        SourceFailed, SignInRefused: Google didn't confirm it.
    """
    answer = await _post(http, "/revoke", {"token": token})
    if answer.status != 200 and _error(answer) not in ("invalid_token", "invalid_grant"):
        _refuse(answer)


async def _post(http: "Http", path: str, form: Mapping[str, str]) -> "SourceResponse":
    return await http.exchange(OAUTH, "POST", path, content=urlencode(form).encode(), headers=_FORM)


def _read(answer: "SourceResponse", shape: type[T]) -> T:
    if answer.status != 200:
        _refuse(answer)
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError:
        raise ChangedShape(OAUTH, "changed its shape; a newer version of alya-mcp may know it") from None


def _error(answer: "SourceResponse") -> str:
    """Google's word for what is wrong; empty when there is none."""
    try:
        error = _Told.model_validate_json(answer.body).error
    except ValidationError:
        return ""
    return error if error.isascii() and error.isprintable() else ""


_REMEDIES: Final = {
    "access_denied": "The user declined the connection.",
    "expired_token": "The code has expired before it was entered. Run `alya-mcp youtube connect` again.",
    "invalid_grant": "Google no longer accepts this connection: it was withdrawn or has expired. "
    "The user can connect again with `alya-mcp youtube connect`.",
    "invalid_client": "Google doesn't know the client: check whether ALYA_YOUTUBE_CLIENT_ID and "
    "ALYA_YOUTUBE_CLIENT_SECRET are those of one client of the kind TVs and Limited Input devices.",
    "unauthorized_client": "Google doesn't let this client connect a device; it takes one of the kind TVs "
    "and Limited Input devices.",
    "invalid_scope": "Google doesn't let this client ask for YouTube.",
    "org_internal": "The client is for the members of one organisation, and this account is none of them.",
}


def _refuse(answer: "SourceResponse") -> None:
    if answer.status >= 500 or answer.status == 429:
        raise SourceFailed(OAUTH, f"answers {answer.status}; call again later", status=answer.status)
    error = _error(answer)
    told = f"Google refused with {answer.status} {error[:60]}".rstrip() + "."
    raise SignInRefused(error, _REMEDIES.get(error, told))
