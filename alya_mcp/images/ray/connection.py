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
    """Nothing that knows the application answers, as while a proxy restarts; `failure` is what to tell."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class LostError(Exception):
    """The answer broke off, or whoever began to give it couldn't.

    `accepted` tells that the application had taken the picture by then.
    """

    accepted = False


class PictureStream:
    """Asks for a picture when made; `end` closes the request, which stops the work if it isn't done."""

    def __init__(self, client: httpx2.AsyncClient, request: DrawRequest) -> None:
        self._reader = asyncio.StreamReader()
        self._task = asyncio.create_task(self._fetch(client, request))

    async def answer(self) -> Answer | None:
        """The next answer; None for one that only a later version knows.

        Raises:
            NobodyError, LostError: when none will come.
            WireError: when what came isn't one.
            Failure: when the request was refused.
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
    """See that `response` is an answer of the application.

    Raises:
        NotConfigured: when the token is wrong.
        NobodyError: when something else answers.
        LostError: when the application can't answer now.
        WireError: when it can't read what it was asked.
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
    """What `error` means for the request that raised it."""
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
