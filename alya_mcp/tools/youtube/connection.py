"""The connection of a caller to a YouTube channel: its tokens, kept in a file that only the user can read.

`youtube/connections/<name>.json` in ALYA_HOME, mode 0600, where the name is a digest of the caller's label. A
file rather than a keyring, since servers also run where no keyring is or where it asks for a password.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.runtime.private_files import private_folder, write_private
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.alone import alone
from alya_mcp.tools.youtube.sources.google_oauth import GoogleTokens, OAuthClient, refresh

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

NOT_CONNECTED: Final = (
    "No YouTube channel is connected. The user can connect one with `alya-mcp youtube connect`."
)
_EARLY: Final = timedelta(seconds=60)


class ChannelConnection(BaseModel):
    """A connected channel; its id and title are None where YouTube hasn't told them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_id: str
    refresh_token: str = Field(repr=False)
    access_token: str = Field(repr=False)
    expires_at: datetime
    scopes: tuple[str, ...]
    connected_at: datetime
    channel_id: str | None = None
    channel_title: str | None = None


class Connections:
    """The connection of one caller. Its methods block, but for `access_token`."""

    def __init__(self, home: Path, grant: str) -> None:
        self._folder = home / "youtube" / "connections"
        name = sha256(grant.encode()).hexdigest()[:24]
        self._path = self._folder / f"{name}.json"
        self._lock = self._folder / f"{name}.lock"

    def load(self) -> ChannelConnection | None:
        """The connection; None when there is none.

        Raises:
            Unavailable: its file can't be read or isn't one.
        """
        try:
            return ChannelConnection.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            raise Unavailable(
                "The connection to YouTube can't be read. The user can make a new one with "
                "`alya-mcp youtube connect`."
            ) from None

    def save(self, connection: ChannelConnection) -> None:
        """Keep the connection in place of another.

        Raises:
            Unavailable: it can't be written.
        """
        try:
            private_folder(self._folder)
            write_private(self._path, connection.model_dump_json().encode())
        except OSError as error:
            raise Unavailable(f"The connection to YouTube can't be kept: {error.strerror}.") from None

    def load_token(self) -> str | None:
        """The token by which the connection can be revoked; None when there is none, or none can be read."""
        try:
            held = self.load()
        except Unavailable:
            return None
        return None if held is None else held.refresh_token

    def forget(self) -> None:
        """Remove the connection from this machine.

        Raises:
            Unavailable: it can't be removed.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"The connection to YouTube can't be removed: {error.strerror}.") from None

    async def access_token(
        self, http: "Http", settings: Settings, *, refused: str | None = None, now: Callable[[], datetime]
    ) -> str:
        """A token that is valid now, renewed where it has to be; one process at a time renews it.

        `refused` is one that YouTube didn't accept although it seemed valid.

        Raises:
            NotConfigured: no channel is connected, or Google no longer accepts the connection.
            Unavailable: Google can't be asked.
        """
        held = await self._held()
        if _valid(held, refused, now()):
            return held.access_token
        async with alone(self._lock):
            held = await self._held()  # another process may have renewed it meanwhile
            if not _valid(held, refused, now()):
                tokens = await refresh(http, oauth_client(settings), held.refresh_token)
                held = held.model_copy(update=renewed(tokens, now()))
                await anyio.to_thread.run_sync(partial(self.save, held))
        return held.access_token

    async def _held(self) -> ChannelConnection:
        held = await anyio.to_thread.run_sync(self.load)
        if held is None:
            raise NotConfigured(NOT_CONNECTED)
        return held


def oauth_client(settings: Settings) -> OAuthClient:
    """The client of the settings.

    Raises:
        NotConfigured: naming the variables that are unset.
    """
    secrets = settings.source_secrets
    names = ("ALYA_YOUTUBE_CLIENT_ID", "ALYA_YOUTUBE_CLIENT_SECRET")
    missing = [name for name in names if not secrets.get(name)]
    if missing:
        raise NotConfigured(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. The user has to "
            "register an OAuth client of the kind TVs and Limited Input devices in the Google Cloud console "
            "and set its id and secret; docs/tools/youtube.md says how."
        )
    return OAuthClient(id=secrets[names[0]], secret=secrets[names[1]])


def connected(client: OAuthClient, tokens: GoogleTokens, asked: tuple[str, ...]) -> ChannelConnection:
    """The connection that the first tokens make.

    Raises:
        NotConfigured: Google gave no token that can be renewed.
    """
    if tokens.refresh_token is None:
        raise NotConfigured("Google gave no refresh token, so the connection would end within the hour.")
    now = datetime.now(UTC)
    return ChannelConnection(
        client_id=client.id,
        refresh_token=tokens.refresh_token,
        access_token=tokens.access_token,
        expires_at=now + timedelta(seconds=tokens.expires_in),
        scopes=tuple(tokens.scope.split()) or asked,
        connected_at=now,
    )


def renewed(tokens: GoogleTokens, now: datetime) -> dict[str, object]:
    """What fresh tokens change in a connection."""
    changed: dict[str, object] = {
        "access_token": tokens.access_token,
        "expires_at": now + timedelta(seconds=tokens.expires_in),
    }
    return changed | ({"refresh_token": tokens.refresh_token} if tokens.refresh_token else {})


def _valid(held: ChannelConnection, refused: str | None, now: datetime) -> bool:
    return held.access_token != refused and now + _EARLY < held.expires_at
