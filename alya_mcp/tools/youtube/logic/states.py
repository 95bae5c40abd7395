"""The states of a draft, and which may follow which."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

DraftState = Literal["drafted", "previewed", "approved", "queued", "uploaded", "published", "failed"]

STATES: Final[tuple[DraftState, ...]] = get_args(DraftState)

ORDER: Final = STATES[:-1]
"""The way of a draft; none of them is skipped."""

MAY_FAIL: Final = ORDER[:4]


def allowed(history: Sequence[DraftState]) -> tuple[DraftState, ...]:
    """The states that may follow a `history`, the oldest state first; `drafted` begins an empty one.

    The next one in order, and `failed` while nothing is uploaded. After `failed`, those up to the one in
    which it failed, so that nothing is skipped by failing.
    """
    if not history:
        return ("drafted",)
    if history[-1] == "failed":
        before = next(state for state in reversed(history) if state != "failed")
        return MAY_FAIL[: MAY_FAIL.index(before) + 1]
    at = ORDER.index(history[-1])
    return (*ORDER[at + 1 : at + 2], *(["failed"] if history[-1] in MAY_FAIL else ()))
