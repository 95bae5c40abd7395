"""The result of looking at one thing."""

from dataclasses import dataclass
from typing import Literal

CheckState = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """How `part` is: `detail` says what was found, `remedy` what to do about it (None when all is well)."""

    part: str
    state: CheckState
    detail: str
    remedy: str | None = None


def ok(part: str, detail: str) -> Check:
    """All is well with `part`."""
    return Check(part, "ok", detail)


def warn(part: str, detail: str, remedy: str) -> Check:
    """`part` works, but not as the user may expect."""
    return Check(part, "warn", detail, remedy)


def fail(part: str, detail: str, remedy: str) -> Check:
    """`part` doesn't work."""
    return Check(part, "fail", detail, remedy)
