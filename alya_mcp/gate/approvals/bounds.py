"""Bounds on the questions that one session may put to the user: how many are open, and how many an hour."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from alya_mcp.gate.approvals.asked import ApprovalStore
from alya_mcp.gate.approvals.question import Question
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.policy.rules import SECOND, Approval

_HOUR_NS: Final = 3600 * SECOND
_SWEEP: Final = 256


class Full(NamedTuple):
    """Why no more is asked now, and in how many seconds it may be; None where waiting doesn't help."""

    why: str
    retry_after: float | None


@dataclass(slots=True)
class _Session:
    """When the questions of a session were put, and which are open: `waiting` while a call waits, `sealed` in
    the client's hands, both until a time; `kept` in the store, by binding and id."""

    put: deque[int] = field(default_factory=deque[int])
    waiting: dict[int, int] = field(default_factory=dict[int, int])
    sealed: dict[str, int] = field(default_factory=dict[str, int])
    kept: dict[str, str] = field(default_factory=dict[str, str])


class Questions:
    """Counts questions per session. Those to which one answer is good are one open question."""

    def __init__(self, store: ApprovalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._waits = 0

    def full(self, question: Question, approval: Approval) -> Full | None:
        """Why the question can't be put now; None when it can."""
        session = self._sessions.get(question.session)
        if session is None:
            return None
        now = self._clock.monotonic_ns()
        self._forget(session, now)
        others = (session.sealed.keys() | session.kept.keys()) - {question.binding}
        if len(session.waiting) + len(others) >= approval.max_open:
            noun = "question waits" if approval.max_open == 1 else "questions wait"
            return Full(f"{approval.max_open} {noun} for the user; they have to answer first", None)
        if len(session.put) >= approval.max_per_hour:
            wait_ns = session.put[-approval.max_per_hour] + _HOUR_NS - now
            times = "once" if approval.max_per_hour == 1 else f"{approval.max_per_hour} times"
            why = f"the user was asked {times} within an hour; next in {-(-wait_ns // SECOND)} s"
            return Full(why, wait_ns / SECOND)
        return None

    def wait(self, question: Question) -> int:
        """A call waits for the answer; the number is for `end_wait`."""
        session, until = self._put(question)
        self._waits += 1
        session.waiting[self._waits] = until
        return self._waits

    def end_wait(self, question: Question, number: int) -> None:
        """The call doesn't wait any more."""
        self._session(question).waiting.pop(number, None)

    def seal(self, question: Question) -> None:
        """The client has the question, and brings the answer back."""
        session, until = self._put(question)
        session.sealed[question.binding] = until

    def unseal(self, session: str, binding: str) -> None:
        """The client brought an answer back."""
        if session in self._sessions:
            self._sessions[session].sealed.pop(binding, None)

    def keep(self, question: Question, kept: str, *, put: bool) -> None:
        """The question is in the store under the id `kept`; with `put` it wasn't before."""
        session = self._put(question)[0] if put else self._session(question)
        session.kept[question.binding] = kept

    def is_kept(self, question: Question, kept: str) -> bool:
        """Whether the session had the question kept under the id `kept`."""
        session = self._sessions.get(question.session)
        return session is not None and session.kept.get(question.binding) == kept

    def _session(self, question: Question) -> _Session:
        return self._sessions.setdefault(question.session, _Session())

    def _put(self, question: Question) -> tuple[_Session, int]:
        now = self._clock.monotonic_ns()
        if len(self._sessions) % _SWEEP == 0:
            self._sweep(now)
        session = self._session(question)
        session.put.append(now)
        return session, now + round(question.expires * SECOND)

    def _forget(self, session: _Session, now: int) -> None:
        while session.put and session.put[0] <= now - _HOUR_NS:
            session.put.popleft()
        session.waiting = {number: until for number, until in session.waiting.items() if now < until}
        session.sealed = {binding: until for binding, until in session.sealed.items() if now < until}
        session.kept = {
            binding: kept
            for binding, kept in session.kept.items()
            if (asked := self._store.live(binding)) is not None and (asked.id, asked.answer) == (kept, None)
        }

    def _sweep(self, now: int) -> None:
        for name, session in list(self._sessions.items()):
            self._forget(session, now)
            if not (session.put or session.waiting or session.sealed or session.kept):
                del self._sessions[name]
