"""Questions kept for the user to answer on the command line, and their store."""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from alya_mcp.gate.approvals.question import Question, Who
from alya_mcp.gate.decision import shown
from alya_mcp.gate.policy.rules import SECOND

YesOrNo = Literal["yes", "no"]
Way = Literal["client", "command", "dashboard", "desktop", "ntfy", "telegram", "slack", "webhook"]
"""How an answer came: by the client's own form, on the command line, in the dashboard, by a notification."""

Status = Literal["pending", "approved", "denied", "used", "expired"]

_LATEST_NS: Final = 2**63 - 1
MOST_OPEN: Final = 100
"""Open questions of one grant; beyond them a call is denied rather than another one kept."""
MOST_KEPT: Final = 500
"""Expired questions of one grant that nobody answered; beyond them the oldest go."""


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """A question kept for the user to answer on the command line; times in nanoseconds since 1970.

    Its store keeps it by a time that nobody sets, and hands it out dated by the wall clock.

    `arguments` is JSON text of an object. `expires_ns` is when the question
    can no longer be answered or, once it is, when the answer ends, `hold_ns` after it was given. `used_ns`
    is when a call took the yes. `way` is how the newest answer came, None where that isn't known.
    """

    id: str
    tool: str
    grant: str
    rule: str
    who: Who
    message: str
    arguments: str
    binding: str
    created_ns: int
    expires_ns: int
    hold_ns: int
    answer: YesOrNo | None = None
    used_ns: int | None = None
    way: Way | None = None

    def status(self, now_ns: int) -> Status:
        """How it stands at `now_ns`."""
        if self.used_ns is not None:
            return "used"
        if now_ns >= self.expires_ns:
            return "expired"
        return "pending" if self.answer is None else "approved" if self.answer == "yes" else "denied"

    @classmethod
    def anew(cls, question: Question, now_ns: int) -> "KeptQuestion":
        """`question`, asked at `now_ns`, under a new id."""
        hold_ns = round(question.expires * SECOND)
        return cls(
            _new_id(),
            question.tool,
            question.grant,
            question.rule,
            question.who,
            question.message,
            json.dumps(dict(question.arguments)),
            question.binding,
            now_ns,
            min(now_ns + hold_ns, _LATEST_NS),
            hold_ns,
        )

    @property
    def answered_ns(self) -> int | None:
        """When the newest answer was given; None while there is none."""
        return None if self.answer is None else self.expires_ns - self.hold_ns

    def answered(self, answer: YesOrNo, now_ns: int, way: Way, *, first: bool = False) -> "KeptQuestion":
        """This question with an answer given at `now_ns`; with `first` one that takes none back.

        Raises:
            Unanswerable: a call has used the yes, it is too late, or it isn't the first answer.
        """
        status = self.status(now_ns)
        if status == "used":
            raise Unanswerable(f"the yes to {self.id} was used by a call; nothing is left to answer")
        if status == "expired":
            raise Unanswerable(f"{self.id} has expired; the agent has to repeat the call for a new question")
        if first and self.answer is not None:
            raise Unanswerable(f"{self.id} was answered already")
        return replace(self, answer=answer, expires_ns=min(now_ns + self.hold_ns, _LATEST_NS), way=way)


class Unanswerable(Exception):
    """There is no such question, or it can't be answered any more. The text is for the user."""

    @classmethod
    def unknown(cls, approval: str) -> "Unanswerable":
        """There is none with that id."""
        return cls(f"no question has the id {shown(approval, 40)!r}; `alya-mcp approvals list` shows all")


class TooManyOpen(Exception):
    """A grant has `MOST_OPEN` questions open; the user has to answer some first."""


class ApprovalStore(Protocol):
    """Questions that wait for the user, shared by all processes of a state. Methods raise `StateError`."""

    @property
    def key(self) -> bytes:
        """32 random bytes, the same for all processes of the state."""
        ...

    def pend(self, question: Question) -> KeptQuestion:
        """Keep `question` and return it with its id: the one kept already while its binding is open.

        Raises:
            TooManyOpen: the grant has `MOST_OPEN` open questions.
        """
        ...

    def decline(self, question: Question) -> KeptQuestion:
        """Keep the user's no to `question` and return it with its id; it replaces a yes that no call used."""
        ...

    def live(self, binding: str) -> KeptQuestion | None:
        """The question with that binding that waits, or whose answer holds and isn't used."""
        ...

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding, once among all processes; False when there is none (left)."""
        ...

    def answer(
        self, approval: str, answer: YesOrNo, way: Way = "command", *, first: bool = False
    ) -> tuple[KeptQuestion, Status]:
        """Answer the question `approval`, also anew as long as a yes isn't used; with `first` only once.

        Raises:
            Unanswerable: it is unknown, used or expired, or, with `first`, was answered before.
        """
        ...

    def find(self, approval: str) -> tuple[KeptQuestion, Status]:
        """The question `approval`, and how it stands now.

        Raises:
            Unanswerable: it is unknown.
        """
        ...

    def all(self) -> Sequence[tuple[KeptQuestion, Status]]:
        """Every question kept, the newest last, and how it stands now. They go a day after they expire,
        unanswered ones earlier where a grant has more than `MOST_KEPT`."""
        ...


def _new_id() -> str:
    """A name for a kept question: 8 characters that are easy to type, one of 2^40."""
    return base64.b32encode(os.urandom(5)).decode("ascii").lower()
