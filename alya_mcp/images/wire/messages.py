"""The protocol's messages, with their encoding and decoding.

A server sends requests, over the worker's socket or in the body of an HTTP request to a Ray application. A
request with answers has a number, which is repeated in its answers: signs and steps, then a picture, a
failure, a status or the sign `loaded`. If the answers end without one of these, the picture is lost.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, cast, get_args

from alya_mcp.errors import Failure, failure_of, kind_of
from alya_mcp.images.engine import MAX_PREVIEW, EngineStatus, Job, Phase, Picture
from alya_mcp.images.reference import LARGEST, MOST
from alya_mcp.images.wire.fields import read_fields
from alya_mcp.images.wire.frames import Frame, WireError, pack

PROTOCOL: Final = 3
"""The protocol's version, raised with each incompatible change.

Every version has `LeaveRequest`, `StatusRequest` and the sign `farewell` in the same form.
"""

LEAVING: Final = "leaving"
"""The kind of a failure to retry with the next worker, as this one accepts no more jobs."""
DEVICE_LOST: Final = "device lost"
"""The kind of a failure that ends the worker, as only a new process clears its device."""
LOST: Final = "lost"
"""The kind of a failure to collect a drawing that the worker doesn't have."""

ALIVE: Final = 5.0
"""Seconds between heartbeats to waiting clients."""

MAX_FILES: Final = MOST * LARGEST
"""The largest size of a job's references together, in bytes."""
_MAX_SECONDS: Final = 1e9
_MAX_NAME: Final = 64


# -- what a server asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A server's settings for the worker: the model and its limits, times in seconds.

    `model` draws unless a job names another; weights of another one are never fetched.

    Raises:
        WireError: a time is invalid.
    """

    model: str
    precision: str
    idle: float
    linger: float
    deadline: float

    def __post_init__(self) -> None:
        for name in ("idle", "linger", "deadline"):
            _check_seconds(f"terms.{name}", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRequest:
    """A picture to draw, under `terms` where the worker draws it; a Ray application has its own.

    `client` names the server among those of a Ray application: the queue gives each its turn. `again`: the
    picture was accepted before and lost, so a full queue doesn't refuse it. `spent` are the seconds of its
    deadline used so far. A drawing with a `key` goes on in the worker when its server ends, and a
    `CollectRequest` with that key gets it.

    Raises:
        WireError: a time or a name is invalid.
    """

    job: Job
    terms: Terms | None = None
    client: str = ""
    again: bool = False
    spent: float = 0.0
    key: str = ""

    def __post_init__(self) -> None:
        _check_seconds("spent", self.spent)
        _check_name("client", self.client)
        _check_name("key", self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectRequest:
    """Collect the drawing that another server started with this key, once.

    Raises:
        WireError: the key is invalid.
    """

    key: str

    def __post_init__(self) -> None:
        _check_name("key", self.key)
        if not self.key:
            raise WireError("key is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """Load the model of `terms`, so that the first picture doesn't wait for it."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Cancel the request with this number."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Ask for the worker's status."""


@dataclass(frozen=True, slots=True)
class LeaveRequest:
    """Ask the worker to accept no more jobs, and to end when its jobs are done."""


Request = DrawRequest | CollectRequest | LoadRequest | CancelRequest | StatusRequest | LeaveRequest

_REQUESTS: Final[dict[str, type[Request]]] = {
    "draw": DrawRequest,
    "collect": CollectRequest,
    "load": LoadRequest,
    "cancel": CancelRequest,
    "status": StatusRequest,
    "leave": LeaveRequest,
}


# -- what it is told


SignKind = Literal["accepted", "begun", "alive", "loaded", "farewell"]


@dataclass(frozen=True, slots=True)
class Sign:
    """A message without fields.

    `accepted`: the job is in the queue. `begun`: work on it has started. `alive`: a heartbeat. `loaded`: the
    model is loaded. `farewell`: the sender ends, and has started no other job.
    """

    kind: SignKind


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """Progress: `phase` is `at` (0 to 1), and the next report will be at `until`.

    `preview` is as in a JobProgress.

    Raises:
        WireError: when built with a preview of more than MAX_PREVIEW bytes.
    """

    phase: Phase
    at: float
    until: float
    message: str
    preview: bytes = b""

    def __post_init__(self) -> None:
        if len(self.preview) > MAX_PREVIEW:
            raise WireError(f"a preview of {len(self.preview)} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A failed request: the kind of a Failure, LEAVING, DEVICE_LOST or LOST, and a text for the caller."""

    kind: str
    message: str

    @classmethod
    def of(cls, failure: Failure) -> "Failed":
        """The message for `failure`."""
        return cls(kind=kind_of(failure), message=str(failure))

    def failure(self) -> Failure:
        """The exception for this message."""
        return failure_of(self.kind, self.message)


Answer = Sign | JobStep | Picture | Failed | EngineStatus

_ANSWERS: Final[dict[str, type[JobStep | Picture | Failed | EngineStatus]]] = {
    "step": JobStep,
    "picture": Picture,
    "failure": Failed,
    "status": EngineStatus,
}
_SIGNS: Final = frozenset(get_args(SignKind))
_KINDS: Final = {kind: name for name, kind in (*_REQUESTS.items(), *_ANSWERS.items())}
_PHASES: Final = frozenset(get_args(Phase))
_PAYLOADS: Final = {"picture": "pixels", "step": "preview"}
"""The field that is the payload of an answer's frame."""


def pack_request(request: Request, number: int = 0) -> bytes:
    """The frame of `request`; the payload has the references' files, the header their sizes."""
    told, files = asdict(request), b""
    if isinstance(request, DrawRequest):
        files = b"".join(each.data for each in request.job.references)
        for each in told["job"]["references"]:
            each["data"] = len(each["data"])
    return pack({"type": _KINDS[type(request)], "id": number, **told}, files)


def read_request(frame: Frame) -> Request:
    """Decode a request.

    Raises:
        WireError: when it isn't one.
        InvalidInput: no model can draw the picture.
    """
    kind = frame.head.get("type")
    if not isinstance(kind, str) or kind not in _REQUESTS:
        raise WireError("type is not that of a request")
    told = _with_files(_without(frame.head, "type", "id"), frame.payload)
    return read_fields(_REQUESTS[kind], told, newer=False)


def number_of(frame: Frame) -> int:
    """The number of the request that a frame contains or belongs to.

    Raises:
        WireError: it has none.
    """
    number = frame.head.get("id")
    if type(number) is not int:
        raise WireError("id is not a whole number")
    return number


def pack_answer(answer: Answer, number: int = 0, spent: float = 0.0) -> bytes:
    """The frame of `answer` to request `number`, which has used `spent` seconds of its deadline."""
    head: dict[str, Any] = {"type": "", "id": number, "spent": spent}
    if isinstance(answer, Sign):
        return pack({**head, "type": answer.kind})
    kind = _KINDS[type(answer)]
    told = {each.name: getattr(answer, each.name) for each in fields(answer)}
    if isinstance(answer, EngineStatus):
        told["replicas"] = answer.replicas and asdict(answer.replicas)
    payload: bytes = told.pop(_PAYLOADS[kind]) if kind in _PAYLOADS else b""
    return pack({**told, **head, "type": kind}, payload)


def read_answer(frame: Frame) -> Answer | None:
    """Decode an answer; None for a kind that only a later version knows.

    Raises:
        WireError: when it isn't one.
    """
    kind = frame.head.get("type")
    if not isinstance(kind, str):
        raise WireError("type is missing")
    if kind in _SIGNS:
        return Sign(cast("SignKind", kind))
    if kind not in _ANSWERS or (kind == "step" and frame.head.get("phase") not in _PHASES):
        return None
    answer = read_fields(_ANSWERS[kind], _told(kind, frame), newer=True)
    if isinstance(answer, Picture) and len(answer.pixels) != 3 * answer.width * answer.height:
        raise WireError(f"pixels of {answer.width}x{answer.height} in {len(answer.pixels)} bytes")
    return answer


def read_spent(frame: Frame) -> float:
    """The seconds of its deadline that an answer's job has used.

    Raises:
        WireError: it isn't a valid time.
    """
    spent = frame.head.get("spent", 0.0)
    _check_seconds("spent", spent)
    return spent


def check_picture(picture: Picture, job: Job) -> None:
    """Check that `picture` has the size of `job`.

    Raises:
        WireError: it doesn't.
    """
    if (picture.width, picture.height) != (job.width, job.height):
        raise WireError(f"a picture of {picture.width}x{picture.height}")


def _told(kind: str, frame: Frame) -> dict[str, Any]:
    told = _without(frame.head, "type", "id", "spent")
    return {**told, _PAYLOADS[kind]: frame.payload} if kind in _PAYLOADS else told


def _with_files(told: dict[str, Any], files: bytes) -> dict[str, Any]:
    """The header's fields, with the references' files in place of their sizes."""
    job = _fields(told.get("job"))
    references: object = job.get("references")
    found: list[dict[str, Any]] = []
    end = 0
    for each in cast("list[object]", references) if isinstance(references, list) else ():
        size: object = _fields(each).get("data")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise WireError("job.references.data is no size")
        found.append({**_fields(each), "data": files[end : end + size]})
        end += size
    if end != len(files):
        raise WireError("the files are of another size than they say")
    return {**told, "job": {**job, "references": found}} if found else told


def _fields(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _without(head: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in head.items() if name not in names}


def _check_name(name: str, value: str) -> None:
    if len(value) > _MAX_NAME:
        raise WireError(f"{name} is of the wrong type or out of bounds")


def _check_seconds(name: str, value: object) -> None:
    if type(value) not in {int, float} or not 0 <= cast("float", value) <= _MAX_SECONDS:
        raise WireError(f"{name} is no number of seconds")
