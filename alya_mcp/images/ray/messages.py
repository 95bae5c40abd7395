"""The messages between a server and the Ray application over HTTP.

`POST PICTURES` with a `PictureRequest` is answered by a stream of frames (see `worker.protocol`): first
`accepted` or `failure`, then `step` and `alive`, at last `done` with the pixels or `failure`. A stream that
ends without one of these two has lost the picture. `GET STATUS` is answered by an `EngineStatus` in JSON.
Both want the token.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from alya_mcp.images.engine import EngineStatus, Job, Phase, Picture
from alya_mcp.images.worker.protocol import Frame, WireError, pack

PICTURES: Final = "/v1/pictures"
STATUS: Final = "/v1/status"
MEDIA_TYPE: Final = "application/vnd.alya-mcp.frames"
ALIVE: Final = 5.0
"""Seconds after which a stream with nothing else to say says `alive`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """A picture to draw. With `again` it was accepted before and got lost: a full queue doesn't refuse it.

    `client` names the server that asks, of those who hold the token: the queue gives each its turn.
    """

    job: Job
    client: Annotated[str, Field(max_length=64)] = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where a job is: `phase` is `at` (0 to 1) and will next be heard of at `until`."""

    phase: Phase
    at: float
    until: float
    message: str


_REQUEST: Final = TypeAdapter(PictureRequest)
_TOLD: Final = TypeAdapter(Told)
_PICTURE: Final = TypeAdapter(Picture)
_STATUS: Final = TypeAdapter(EngineStatus)
_KEYS: Final = tuple(field.name for field in fields(Picture) if field.name != "pixels")


def pack_request(request: PictureRequest) -> bytes:
    """The body of a request for a picture."""
    # A model is never chosen here, and an application of an older version knows no such field.
    return _REQUEST.dump_json(request, exclude_none=True)


def read_request(body: bytes) -> PictureRequest:
    """The opposite of `pack_request`.

    Raises:
        WireError: when it isn't one; its words quote nothing of the body.
        InvalidInput: when no model could draw it.
    """
    try:
        return _REQUEST.validate_json(body, strict=True)
    except ValidationError as error:
        wrong = {".".join(map(str, problem["loc"])) or "the whole" for problem in error.errors()}
        raise WireError(f"not a request for a picture: look at {', '.join(sorted(wrong))}") from None


def pack_told(told: Told) -> bytes:
    """The frame of a step."""
    return pack({"type": "step", **_TOLD.dump_python(told)})


def read_told(frame: Frame) -> Told:
    """The opposite of `pack_told`.

    Raises:
        WireError: when it isn't one.
    """
    return _read(_TOLD, frame.head)


def pack_picture(picture: Picture) -> bytes:
    """The frame that ends a stream with the picture."""
    return pack({"type": "done", **{key: getattr(picture, key) for key in _KEYS}}, picture.pixels)


def read_picture(frame: Frame, job: Job) -> Picture:
    """The opposite of `pack_picture`.

    Raises:
        WireError: when it isn't one, or not one of the size that `job` asked for.
    """
    picture = _read(_PICTURE, {**frame.head, "pixels": frame.payload})
    size = len(picture.pixels)
    if (picture.width, picture.height, size) != (job.width, job.height, 3 * job.width * job.height):
        raise WireError(f"a picture of {picture.width}x{picture.height} in {size} bytes")
    return picture


def pack_status(status: EngineStatus) -> bytes:
    """The answer to a question for the status."""
    return _STATUS.dump_json(status)


def read_status(body: bytes) -> EngineStatus:
    """The opposite of `pack_status`.

    Raises:
        WireError: when it isn't one.
    """
    try:
        return _STATUS.validate_json(body)
    except ValidationError:
        raise WireError("not a status") from None


def _read(adapter: TypeAdapter[Any], values: dict[str, Any]) -> Any:
    try:
        return adapter.validate_python(values)
    except ValidationError:
        raise WireError("a frame with a missing or wrong field") from None
