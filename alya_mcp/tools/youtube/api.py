"""Requests to YouTube for a connected channel: authorised, counted against the quota, errors explained."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final, NoReturn, TypeVar

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.net.addresses import Params
from alya_mcp.net.answers import Shape, SourceFailed, SourceRefused
from alya_mcp.net.client import Http
from alya_mcp.net.request import SourceResponse
from alya_mcp.net.transport import RetryPolicy
from alya_mcp.settings import Settings
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.youtube.connection import Connections
from alya_mcp.tools.youtube.database import database_of
from alya_mcp.tools.youtube.quota import Bucket, Quota
from alya_mcp.tools.youtube.sources.youtube_data import (
    QUOTA,
    UNITS,
    UPLOAD_LIMIT,
    YOUTUBE,
    ChannelFacts,
    ChannelList,
    read,
    reasons,
)

Now = Callable[[], datetime]
T = TypeVar("T", bound=Shape)

PATIENCE: Final = RetryPolicy(tries=5, first=0.5, longest=8.0)
"""How a request that may be sent twice is tried again."""

_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


class UploadLimit(Unavailable):
    """The channel has uploaded as much as YouTube lets it in a day."""

    def __init__(self) -> None:
        super().__init__(
            "YouTube doesn't take more videos from this channel now: its own upload limit is reached "
            "(uploadLimitExceeded). It may upload again within 24 hours; the same call works then."
        )


class RefusedByYoutube(Failure):
    """YouTube says no to this request, and will again."""

    def __init__(self, what: str, status: int, said: tuple[str, ...]) -> None:
        super().__init__(f"YouTube refuses {what}: {status} {' '.join(said) or 'without a reason'}.")
        self.status = status
        self.reasons = said


class YoutubeApi:
    """The API as one caller uses it."""

    def __init__(
        self,
        http: Http,
        settings: Settings,
        quota: Quota,
        connections: Connections,
        *,
        patience: RetryPolicy,
        now: Now = lambda: datetime.now(UTC),
    ) -> None:
        self.quota = quota
        self.connections = connections
        self.patience = patience
        self.now = now
        self._http = http
        self._settings = settings

    async def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        bucket: Bucket | None,
        cost: int = 1,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = 60.0,
    ) -> SourceResponse:
        """Send one request and return its answer, whatever it says; a refused token is renewed once.

        `bucket` is that of the quota in which it counts `cost`, None for one that doesn't count.

        Raises:
            QuotaSpent: the bucket is empty.
            NotConfigured: no channel is connected.
            SourceFailed: no answer came.
        """
        refused: str | None = None
        while True:
            if bucket is not None:  # before a token is renewed for nothing
                await anyio.to_thread.run_sync(self.quota.check, bucket, cost)
            token = await self.connections.access_token(
                self._http, self._settings, refused=refused, now=self.now
            )
            answer = await self._http.exchange(
                YOUTUBE,
                method,
                path,
                params,
                content=content,
                headers=headers,
                secrets={"Authorization": f"Bearer {token}"},
                deadline=deadline,
                charge=None if bucket is None else self.quota.charge(bucket, cost),
            )
            if answer.status != 401 or refused is not None:
                return answer
            refused = token

    async def call(
        self,
        what: str,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> SourceResponse:
        """Make the call `what`, a name in `UNITS`; tried again on a bad day where it may be.

        Raises:
            Failure: YouTube refused it, or no usable answer came.
        """
        failed = 0
        while True:
            try:
                answer = await self.send(
                    method, path, params, bucket="units", cost=UNITS[what], content=content, headers=headers
                )
                if answer.status not in _PASSING:
                    break
                failure = SourceFailed(YOUTUBE, f"answers {answer.status} to {what}; call again later")
            except SourceRefused:
                raise
            except SourceFailed as error:
                failure = error
            failed += 1
            if not repeatable or failed >= self.patience.tries:
                raise failure
            await anyio.sleep(self.patience.wait(failed))
        if answer.status >= 300:
            await self.refuse(what, answer, "units")
        return answer

    async def get(self, what: str, path: str, shape: type[T], params: Params) -> T:
        """Make a call that reads, and read its answer; like `call`."""
        return read(await self.call(what, "GET", f"/youtube/v3/{path}", params), shape)

    async def refuse(self, what: str, answer: SourceResponse, bucket: Bucket) -> NoReturn:
        """Raise what an answer that means no says.

        Raises:
            QuotaSpent, UploadLimit, Refused: always one of them.
        """
        said = reasons(answer.body)
        if not QUOTA.isdisjoint(said):
            raise await anyio.to_thread.run_sync(partial(self.quota.exhaust, bucket))
        if UPLOAD_LIMIT in said:
            raise UploadLimit
        raise RefusedByYoutube(what, answer.status, said)

    async def own_channel(self) -> ChannelFacts | None:
        """The connected channel; None where the account has none.

        Raises:
            Failure: YouTube can't be asked.
        """
        params = {"part": "id,snippet,contentDetails", "mine": "true"}
        found = await self.get("channels.list", "channels", ChannelList, params)
        return found.items[0] if found.items else None


def api_of(context: Context) -> YoutubeApi:
    """The API in the name of the caller's channel."""
    hub = context.hub
    quota = Quota(database_of(context.hub), hub.settings)
    connections = Connections(hub.settings.home, context.grant)
    return YoutubeApi(hub.http, hub.settings, quota, connections, patience=PATIENCE)
