"""One request for a picture over HTTP and the frames that answer it."""

import asyncio
import ssl
from typing import Final

import httpx2

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.images.ray.endpoints import MEDIA_TYPE, PICTURES
from alya_mcp.images.wire.frames import WireError, read
from alya_mcp.images.wire.messages import Answer, DrawRequest, pack_request, read_answer

_MAX_ANSWER: Final = 64 << 20
_OK: Final = 200
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_SERVER_ERROR: Final = 500
_NOBODY: Final = (
    "Nothing answers at ALYA_RAY_URL. The user has to start the Ray cluster and the application there, "
    "with `serve run` or `serve deploy` (docs/scale.md), or set ALYA_IMAGE_ENGINE to 'local'"
)
_STRANGER: Final = (
    "What answers at ALYA_RAY_URL isn't the Ray application of this version of alya-mcp, or that is still "
    "starting ({what}). The user can check the address and the versions, and on the cluster with `serve "
    "status` whether the application runs"
)


class NobodyError(Exception):
    """The application can't be reached, as while a proxy restarts; `failure` is the error for the caller."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class LostError(Exception):
    """The response was interrupted, or its sender failed.

    `accepted`: the application had accepted the picture by then.
    """

    accepted = False


class PictureStream:
    """Requests a picture on creation; `end` closes the request, which cancels unfinished work."""

    def __init__(self, client: httpx2.AsyncClient, request: DrawRequest) -> None:
        self._reader = asyncio.StreamReader()
        self._task = asyncio.create_task(self._fetch(client, request))

    async def answer(self) -> Answer | None:
        """The next message; None for one that only a later version knows.

        Raises:
            NobodyError, LostError: none will come.
            WireError: it isn't a valid message.
            Failure: the request was refused.
        """
        try:
            return read_answer(await read(self._reader))
        except EOFError:
            raise LostError from None

    async def end(self) -> None:
        """Close the request."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _fetch(self, client: httpx2.AsyncClient, request: DrawRequest) -> None:
        try:
            await self._feed(client, request)
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            self._reader.set_exception(error)
        finally:
            self._reader.feed_eof()

    async def _feed(self, client: httpx2.AsyncClient, request: DrawRequest) -> None:
        size, body = 0, pack_request(request)
        try:
            async with client.stream("POST", PICTURES.removeprefix("/"), content=body) as response:
                check(response)
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > _MAX_ANSWER:
                        raise WireError(f"an answer of more than {_MAX_ANSWER} bytes")
                    self._reader.feed_data(chunk)
        except httpx2.HTTPError as error:
            raise told(error) from None


def check(response: httpx2.Response) -> None:
    """Check that `response` is a response of the application.

    Raises:
        NotConfigured: the token is wrong.
        NobodyError: something else answers.
        LostError: the application can't answer now.
        WireError: the application can't read the request.
    """
    if response.status_code == _BAD_REQUEST:
        raise WireError("it couldn't read the question")
    if response.status_code == _UNAUTHORIZED:
        raise NotConfigured(
            "The Ray application refused the token. The user has to set ALYA_RAY_TOKEN to the token that "
            "the cluster's machines have in their ALYA_RAY_TOKEN"
        )
    if response.status_code >= _SERVER_ERROR:
        raise LostError
    kind = response.headers.get("content-type", "").partition(";")[0]
    if response.status_code != _OK or kind != MEDIA_TYPE:
        raise NobodyError(NotConfigured(_STRANGER.format(what=f"HTTP status {response.status_code}")))


def told(error: httpx2.HTTPError) -> Exception:
    """The exception to raise for `error`, which the request raised."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        if _is_tls(error):
            return NotConfigured(
                "No safe connection to ALYA_RAY_URL is possible: the certificate isn't trusted, or nothing "
                "there speaks TLS. SSL_CERT_FILE names a file with further certificates to trust"
            )
        return NobodyError(Unavailable(_NOBODY))
    if isinstance(error, httpx2.TransportError):
        return LostError()
    return NotConfigured(_STRANGER.format(what=type(error).__name__))


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
