"""What a status or a network error means: success, worth a retry, or final."""

import logging
import ssl
from http import HTTPStatus

import httpcore2
import httpx2

from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.cache_control import wait_asked
from alya_mcp.net.request import SourceRequest, SourceResponse

NETWORK_ERRORS = (
    httpx2.TransportError,
    httpx2.DecodingError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
)

_LONGEST_WAIT = 1e6
_BODY_SHOWN = 4096
_USABLE = frozenset({200, 201, 203, 204, 304})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

logger = logging.getLogger(__name__)


class Transient(Exception):
    """A failure that may be over soon: the request can be retried.

    `wait` is the number of seconds that the source asked to wait.
    """

    def __init__(self, failure: SourceFailed, wait: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


def judge(request: SourceRequest, answer: SourceResponse) -> SourceResponse:
    """`answer`, if its status means success.

    Raises:
        Transient: the same request may succeed later.
        SourceRefused: any other 4xx status.
        SourceFailed: any other status.
    """
    source, status = request.source, answer.status
    if status in _USABLE:
        if status == HTTPStatus.NON_AUTHORITATIVE_INFORMATION:
            logger.warning("%s says that this interface is deprecated", source.title)
        return answer
    said = f"{status} {_phrase(status)}".strip()
    body = answer.body[:_BODY_SHOWN]
    if status in _TRANSIENT:
        wait = wait_asked(answer.headers)
        wait = None if wait is None else min(wait, _LONGEST_WAIT)
        again = "call again later" if wait is None else f"retry in {wait:.0f} s"
        failure = SourceFailed(source, f"answers {said}; {again}", status=status, body=body, wait=wait)
        raise Transient(failure, wait)
    if 400 <= status < 500:
        problem = f"answers {said}; {_advice(request, status)}"
        raise SourceRefused(source, problem, status=status, body=body)
    raise SourceFailed(source, f"answers {said}, which can't be used", status=status, body=body)


def describe(error: Exception) -> str:
    """Why no response came, to follow the source's name."""
    if isinstance(error, httpx2.ConnectTimeout | httpcore2.ConnectTimeout):
        return "can't be reached: connecting took too long"
    if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
        return "fell silent before its answer was complete; call again later"
    if isinstance(error, httpx2.ConnectError | httpcore2.ConnectError):
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                return "can't be reached: its certificate or its encryption isn't valid"
            cause = cause.__cause__
        return "can't be reached; check whether this machine is online"
    if isinstance(error, httpx2.DecodingError):
        return "answered something that can't be decompressed; call again later"
    return "closed the connection; call again later"


def _advice(request: SourceRequest, status: int) -> str:
    """What the user can do about a 4xx status."""
    if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "the request can't be met as it is"
    if request.secrets:
        return "its key may be wrong"
    if request.source.keys:
        return f"it may want a key; the user can set {request.source.keys[0]}"
    return "it refuses requests from here"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
