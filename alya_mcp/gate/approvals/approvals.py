"""Prepares questions to the user and checks the answers: bound to one call, fresh, and used once."""

import hmac
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, cast

from alya_mcp.gate.approvals.asked import ApprovalStore, Way, YesOrNo
from alya_mcp.gate.approvals.bounds import Full, Questions
from alya_mcp.gate.approvals.question import NOTHING, Question, message, terms
from alya_mcp.gate.approvals.sealed import Sealer
from alya_mcp.gate.call import Answer, Call
from alya_mcp.gate.canonical import canonical
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.policy.rules import SECOND, Approval, Redact
from alya_mcp.gate.redaction import masked

_SWEEP: Final = 256


class StandingAnswer(NamedTuple):
    """An answer that holds, and the id of the question it was given to; None for a session's yes.

    `way` is how it came, None where that isn't known.
    """

    said: YesOrNo
    id: str | None
    way: Way | None


class Approvals:
    """Prepares questions and checks their answers. `store` keeps those for `alya-mcp approvals`.

    What a client is given to bring back is sealed with a key that ends with this object, so a state from
    before a restart is refused. Sealed states and a session's yes expire by the clock that never goes back.
    """

    def __init__(self, store: ApprovalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sealer = Sealer()
        self._used: dict[bytes, int] = {}
        self._agreed: dict[str, tuple[int, Way | None]] = {}
        self._questions = Questions(store, clock)

    def question(
        self,
        call: Call,
        arguments: Mapping[str, Any],
        approval: Approval,
        policy: str,
        redact: Redact,
        about: Mapping[str, Any] = NOTHING,
    ) -> Question:
        """What the user has to say yes to before `call` with the judged `arguments` may run.

        `about` is what the arguments stand for; it is shown, and a yes to this call is bound to it.

        Raises:
            NotCanonical: the arguments aren't JSON.
            StateError: the store's key can't be read.
        """
        grant = call.grant or ""
        bound: object = call.session
        if approval.who == "call":
            bound = [arguments, about] if about else arguments
        told = terms(call.tool, approval)
        facts = [approval.who, approval.rule, call.tool, call.schema, policy, grant, told, bound]
        binding = hmac.digest(self._store.key, canonical(facts), "sha256").hex()
        legible = cast("Mapping[str, Any]", masked(arguments, redact.arguments))
        told_of = cast("Mapping[str, Any]", masked(about, redact.arguments))
        return Question(
            tool=call.tool,
            rule=approval.rule,
            message=message(call.tool, approval, legible, told_of),
            expires=approval.expires,
            binding=binding,
            arguments={**legible, **{f"about.{name}": value for name, value in told_of.items()}},
            grant=grant,
            who=approval.who,
            session=call.session,
        )

    def standing(self, question: Question) -> StandingAnswer | None:
        """The answer that holds for the question, if there is one; a no goes before any yes."""
        kept = self._store.live(question.binding)
        if kept is not None and kept.answer == "no":
            return StandingAnswer("no", kept.id, kept.way)
        if self._holds(question):
            return StandingAnswer("yes", None, self._agreed[question.binding][1])
        return StandingAnswer("yes", kept.id, kept.way) if kept is not None and kept.answer == "yes" else None

    def consume(self, question: Question) -> bool:
        """Take the yes that `standing` saw, once among all processes; False when it is gone.

        A yes for the session stays until it expires.
        """
        if self._holds(question):
            return True
        kept = self._store.live(question.binding)
        taken = self._store.take(question.binding)
        if taken:
            self.accepted(question, None if kept is None else kept.way)
        return taken

    def accepted(self, question: Question, way: Way | None = "client") -> None:
        """Remember a yes that was given just now, if it is one for the session."""
        if question.who == "session":
            now = self._clock.monotonic_ns()
            self._agreed = {key: each for key, each in self._agreed.items() if now < each[0]}
            self._agreed[question.binding] = (now + _ns(question.expires), way)

    def declined(self, question: Question) -> str:
        """Keep the no that was given just now and return its id, by which the user can still say yes."""
        self._agreed.pop(question.binding, None)
        return self._store.decline(question).id

    def full(self, question: Question, approval: Approval) -> Full | None:
        """Why the session can't put this question now: others are open, or were put within the hour."""
        return self._questions.full(question, approval)

    def waits(self, question: Question, *, anyones: bool) -> bool:
        """Whether the question waits in the store already: one that this session put there, or `anyones`."""
        kept = self._store.live(question.binding)
        if kept is None or kept.answer is not None:
            return False
        return anyones or self._questions.is_kept(question, kept.id)

    @contextmanager
    def put(self, question: Question) -> Generator[None]:
        """Count the question while it is before the user."""
        number = self._questions.wait(question)
        try:
            yield
        finally:
            self._questions.end_wait(question, number)

    def pend(self, question: Question, *, put: bool = True) -> str:
        """Keep the question for the user and return its id, for `alya-mcp approvals approve ID`.

        With `put` it counts among those of the session, unless it is kept already.

        Raises:
            TooManyOpen: the grant has `MOST_OPEN` open questions.
        """
        new = self._store.live(question.binding) is None
        kept = self._store.pend(question)
        self._questions.keep(question, kept.id, put=put and new)
        return kept.id

    def seal(self, question: Question) -> str:
        """A state for the client to bring back with the answer: good once, until the question expires."""
        self._questions.seal(question)
        until = self._clock.monotonic_ns() + _ns(question.expires)
        return self._sealer.seal(question, until)

    def redeem(self, question: Question, answer: Answer) -> str | None:
        """None when `answer` is a fresh one to exactly this question; else why it isn't. It is used up."""
        sealed = self._sealer.open(answer.state)
        if sealed is None:
            return (
                "the approval that came with the call was not asked for by this server since it started; "
                "make the call again without it"
            )
        now = self._clock.monotonic_ns()
        if now >= sealed.until_ns:
            return "the approval came too late; make the call again for a new question"
        if sealed.nonce in self._used:
            return "the approval was used before; make the call again for a new question"
        _sweep(self._used, now)
        self._used[sealed.nonce] = sealed.until_ns
        self._questions.unseal(question.session, sealed.binding.hex())
        if sealed.binds(question):
            return None
        return (
            "the approval was given to another call: the arguments, the tool, the caller or the policy "
            "differ; make the call again for a new question"
        )

    def is_again(self, question: Question, answer: Answer | None, standing: StandingAnswer | None) -> bool:
        """Whether a call is one that was asked for before: with a fresh answer to this very question, or with
        a yes to the question that was kept. A yes for the session makes no call the same as another, whatever
        answer comes with it: that is neither needed nor used up.
        """
        if standing is not None and standing.said == "yes":
            return standing.id is not None
        return answer is not None and self._is_fresh(question, answer)

    def _is_fresh(self, question: Question, answer: Answer) -> bool:
        sealed = self._sealer.open(answer.state)
        if sealed is None or not sealed.binds(question):
            return False
        return self._clock.monotonic_ns() < sealed.until_ns and sealed.nonce not in self._used

    def _holds(self, question: Question) -> bool:
        agreed = self._agreed.get(question.binding)
        return agreed is not None and self._clock.monotonic_ns() < agreed[0]


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)


def _sweep(until: dict[Any, int], now_ns: int) -> None:
    """Forget what has expired, each time that much has come."""
    if until and len(until) % _SWEEP == 0:
        for key in [key for key, expires in until.items() if expires <= now_ns]:
            del until[key]
