"""Connects a channel by Google's device flow, and ends the connection."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import anyio

from alya_mcp.net.answers import SourceFailed
from alya_mcp.tools.youtube.connection import ChannelConnection, connected
from alya_mcp.tools.youtube.sources.google_oauth import (
    CAPTIONS,
    YOUTUBE,
    DeviceCode,
    GoogleTokens,
    OAuthClient,
    SignInRefused,
    device_code,
    poll,
)

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

_SLOWER: Final = 5.0
"""Seconds that `slow_down` adds to the interval (RFC 8628, section 3.5)."""
_SHORTEST: Final = 0.05

Sleep = Callable[[float], Awaitable[None]]


async def sign_in(
    http: "Http",
    client: OAuthClient,
    tell: Callable[[DeviceCode], None],
    *,
    sleep: Sleep = anyio.sleep,
    now: Callable[[], float] = time.monotonic,
) -> ChannelConnection:
    """Connect: `tell` shows the user the code and where to enter it; then wait until they have.

    Raises:
        SignInRefused: the user declined, the code has expired, or Google refuses the client.
        SourceFailed: Google couldn't be asked.
    """
    code, scopes = await _code(http, client)
    tell(code)
    ends = now() + code.expires_in
    interval = max(code.interval, _SHORTEST)
    while now() + interval < ends:
        await sleep(interval)
        try:
            answer = await poll(http, client, code)
        except SourceFailed:
            interval = min(2 * interval, 60.0)  # RFC 8628, section 3.5: back off where no answer comes
            continue
        if isinstance(answer, GoogleTokens):
            return connected(client, answer, scopes)
        if answer == "slow_down":
            interval += _SLOWER
    raise SignInRefused(
        "expired_token",
        "The code has expired before it was entered. Run `alya-mcp youtube connect` again.",
    )


async def _code(http: "Http", client: OAuthClient) -> tuple[DeviceCode, tuple[str, ...]]:
    """A code, for captions too where Google lets this client ask for that."""
    scopes = (YOUTUBE, CAPTIONS)
    try:
        return await device_code(http, client, scopes), scopes
    except SignInRefused as refused:
        if refused.error != "invalid_scope":
            raise
    return await device_code(http, client, (YOUTUBE,)), (YOUTUBE,)


def may_caption(connection: ChannelConnection) -> bool:
    """Whether the connection lets captions be added."""
    return CAPTIONS in connection.scopes
