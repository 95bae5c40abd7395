"""Asks for a person's yes, and checks it: bound to one call, fresh, and used once."""

import hmac
from collections.abc import Mapping
from typing import Any, Final, cast

from alya_mcp.gate.approvals.asked import ApprovalStore
from alya_mcp.gate.approvals.question import Question, masked, message
from alya_mcp.gate.approvals.sealed import Sealer
from alya_mcp.gate.call import Answer, Call
from alya_mcp.gate.canonical import canonical
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.policy.rules import SECOND, Approval, Redact

_SWEEP: Final = 256


class Approvals:
    """Asks for a person's yes and checks it. `store` keeps the questions that wait for `alya-mcp approvals`.

    What a client is given to bring back is sealed with a key that ends with this object, so a state from
    before a restart is refused. Sealed states and a session's yes expire by the clock that never goes back.
    """

    def __init__(self, store: ApprovalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sealer = Sealer()
        self._used: dict[bytes, int] = {}
        self._agreed: dict[str, int] = {}

    def question(
        self,
        call: Call,
        arguments: Mapping[str, Any],
        approval: Approval,
        policy: str,
        redact: Redact,
    ) -> Question:
        """What a person has to say yes to before `call` with the judged `arguments` may run.

        Raises:
            NotCanonical: the arguments are no JSON.
            StateError: the store's key can't be read.
        """
        grant = call.grant or ""
        bound = arguments if approval.who == "call" else call.session
        facts = [approval.who, approval.rule, call.tool, call.schema, policy, grant, bound]
        binding = hmac.digest(self._store.key, canonical(facts), "sha256").hex()
        legible = cast("Mapping[str, Any]", masked(arguments, redact.arguments))
        return Question(
            tool=call.tool,
            rule=approval.rule,
            message=message(call.tool, approval, legible),
            expires=approval.expires,
            binding=binding,
            arguments=legible,
            grant=grant,
            who=approval.who,
        )

    def standing(self, question: Question) -> bool:
        """Whether a yes is there to be taken: the session's, or one given to a kept question."""
        return self._holds(question) or self._store.answered(question.binding) == "yes"

    def declined(self, question: Question) -> bool:
        """Whether a person said no to this very question, kept in the store, and the no still holds."""
        return self._store.answered(question.binding) == "no"

    def consume(self, question: Question) -> bool:
        """Take the yes that `standing` saw, once among all processes; False when it is gone.

        A yes for the session stays until it expires.
        """
        if self._holds(question):
            return True
        taken = self._store.take(question.binding)
        if taken:
            self.accepted(question)
        return taken

    def accepted(self, question: Question) -> None:
        """Remember a yes that was given just now, if it is one for the session."""
        if question.who == "session":
            now = self._clock.monotonic_ns()
            _sweep(self._agreed, now)
            self._agreed[question.binding] = now + round(question.expires * SECOND)

    def pend(self, question: Question) -> str:
        """Keep the question for a person and return its id, for `alya-mcp approvals approve ID`.

        Raises:
            TooManyOpen: the grant has `MOST_OPEN` open questions.
        """
        return self._store.pend(question).id

    def seal(self, question: Question) -> str:
        """A state for the client to bring back with the answer: good once, until the question expires."""
        until = self._clock.monotonic_ns() + round(question.expires * SECOND)
        return self._sealer.seal(question, until)

    def redeem(self, question: Question, answer: Answer) -> str | None:
        """None when `answer` is a fresh yes to exactly this question, which it uses up; else why it isn't.

        A state is used up by the first answer that brings it, whatever that says.
        """
        sealed = self._sealer.open(answer.state)
        if sealed is None:
            return (
                "the approval that came with the call was not asked for by this server since it started; "
                "make the call again without it"
            )
        now = self._clock.monotonic_ns()
        if now >= sealed.until_ns:
            return "the approval came too late; make the call again to be asked anew"
        if sealed.nonce in self._used:
            return "the approval was used before; make the call again to be asked anew"
        _sweep(self._used, now)
        self._used[sealed.nonce] = sealed.until_ns
        if not sealed.binds(question):
            return (
                "the approval was given to another call: the arguments, the tool, the caller or the policy "
                "differ; make the call again to be asked anew"
            )
        if answer.verdict == "accept":
            self.accepted(question)
            return None
        return "the person declined" if answer.verdict == "decline" else "the person didn't answer"

    def is_again(self, question: Question, answer: Answer | None) -> bool:
        """Whether a call is one that was asked for before: with a fresh answer to this very question, or with
        a yes to the question that was kept. A yes for the session makes no call the same as another, whatever
        answer comes with it: that is neither needed nor used up.
        """
        if self._holds(question):
            return False
        if answer is not None and self._is_fresh(question, answer):
            return True
        return self._store.answered(question.binding) == "yes"

    def _is_fresh(self, question: Question, answer: Answer) -> bool:
        sealed = self._sealer.open(answer.state)
        if sealed is None or not sealed.binds(question):
            return False
        return self._clock.monotonic_ns() < sealed.until_ns and sealed.nonce not in self._used

    def _holds(self, question: Question) -> bool:
        until = self._agreed.get(question.binding)
        return until is not None and self._clock.monotonic_ns() < until


def _sweep(until: dict[Any, int], now_ns: int) -> None:
    """Forget what has expired, each time that much has come."""
    if until and len(until) % _SWEEP == 0:
        for key in [key for key, expires in until.items() if expires <= now_ns]:
            del until[key]
