"""Step 8 of a call whose policy requires an approval: asks the user, and heeds what they say."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from alya_mcp.gate import messages
from alya_mcp.gate.approvals import LONGEST, Approvals, Question, TooManyOpen
from alya_mcp.gate.call import Call, Said
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.decision import UserAnswer
from alya_mcp.gate.evaluate import Judge
from alya_mcp.gate.judged import Judged
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy.rules import SECOND, Approval
from alya_mcp.gate.policy.source import PolicySource
from alya_mcp.gate.recorder import Recorder
from alya_mcp.gate.refused import ApprovalNeeded, Refused

Ask = Callable[[Question], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Means:
    """How the user of one call can be asked; see `Gate.call`."""

    ask: Ask | None
    resumable: bool
    renew: Callable[[], Call] | None


class Asking:
    """Gets the approval of a call. Nothing is reserved while the user thinks."""

    def __init__(
        self, source: PolicySource, judge: Judge, approvals: Approvals, recorder: Recorder, clock: Clock
    ) -> None:
        self._source = source
        self._judge = judge
        self._approvals = approvals
        self._recorder = recorder
        self._clock = clock

    async def ask(self, call: Call, judged: Judged, question: Question, means: Means) -> Judged:
        """The call with a yes or a denial, judged again if it waited for the user.

        Raises:
            Refused: the user has to approve first. The refusal is recorded.
        """
        approval = _approval(judged)
        if call.answer is not None:
            why = self._approvals.redeem(question, call.answer)
            if why is None:
                self._heed(judged, question, approval, call.answer.verdict)
            else:
                _unapproved(judged, approval, why)
            return judged
        if len(question.message) > LONGEST:
            why = f"the arguments are too long to be shown to the user, over {LONGEST:,} characters"
            _unapproved(judged, approval, why)
            return judged
        by_client = approval.ask == "client" and (means.ask is not None or means.resumable)
        if self._approvals.waits(question, anyones=not by_client):
            raise self._kept(judged, question)
        full = self._approvals.full(question, approval)
        if full is not None:
            _unapproved(judged, approval, full.why, full.retry_after)
            return judged
        if not by_client:
            raise self._kept(judged, question)
        judged.refusal = messages.asks(judged.call, judged.policy.digest, approval, "The user is asked.")
        if means.ask is None:
            state = self._approvals.seal(question)
            self._recorder.decided(judged)
            raise ApprovalNeeded(judged.decision, question, state=state)
        self._recorder.decided(judged)
        said = await self._answer(means.ask, question)
        if means.renew is not None:
            call = means.renew()
        judged = self._judge.judge(call, self._source.current(), count=False, resumed=True)
        self._heed(judged, question, approval, said)
        return judged

    def use(self, judged: Judged) -> None:
        """Use up the yes for the call; returns a denial if another call has used it meanwhile."""
        question = judged.question
        if question is not None and not self._approvals.consume(question):
            _unapproved(judged, _approval(judged), "the approval was used by another call")

    async def _answer(self, ask: Ask, question: Question) -> Said | None:
        """Ask the user and wait as long as a yes would hold; None if nobody answered in that time."""
        import anyio

        said: Said | None = None
        begun = self._clock.monotonic_ns()
        with self._approvals.put(question), anyio.move_on_after(question.expires):
            said = await ask(question)
        # The scope's clock stands still while the machine sleeps.
        late = self._clock.monotonic_ns() - begun >= question.expires * SECOND
        return None if late and said == "accept" else said

    def _heed(self, judged: Judged, asked: Question, approval: Approval, said: Said | None) -> None:
        """Apply the user's answer to `asked`, for a call that was judged after it.

        Raises:
            Refused: nobody answered; the question is kept for them.
        """
        question = judged.question
        if question is not None and judged.rules.approval is not None:
            approval = judged.rules.approval
        if said == "decline":  # kept, whatever else has come in the way meanwhile
            kept = self._approvals.declined(asked)
            judged.said = UserAnswer("no", "client", kept)
            if not judged.denied:
                judged.refusal = messages.declined(judged.call, judged.policy.digest, approval, kept)
        elif judged.denied or question is None:
            return  # denied for another reason, or the policy no longer asks
        elif said == "accept" and question.binding == asked.binding:
            judged.refusal, judged.agreed = None, False
            judged.said = UserAnswer("yes", "client", None)
            self._approvals.accepted(question)
        elif judged.agreed:
            return
        elif said == "accept":
            why = "what was asked has changed since; make the call again for a new question"
            _unapproved(judged, approval, why)
        elif said is None:
            _unapproved(judged, approval, f"nobody answered within {plain(asked.expires)} s")
        else:
            raise self._kept(judged, question, put=False)

    def _kept(self, judged: Judged, question: Question, *, put: bool = True) -> Refused:
        """The recorded refusal of a call whose question is kept for the user; a denial if too many are."""
        approval = _approval(judged)
        try:
            kept = self._approvals.pend(question, put=put)
        except TooManyOpen:
            why = "too many approvals are pending; the user has to answer some of them first"
            _unapproved(judged, approval, why)
            self._recorder.decided(judged)
            return Refused(judged.decision)
        how = f"They can {messages.how_to_approve(kept)}."
        judged.refusal = messages.asks(judged.call, judged.policy.digest, approval, how)
        self._recorder.decided(judged)
        return ApprovalNeeded(judged.decision, question, id=kept)


def _approval(judged: Judged) -> Approval:
    approval = judged.rules.approval
    assert approval is not None  # noqa: S101 - there is a question
    return approval


def _unapproved(judged: Judged, approval: Approval, why: str, retry_after: float | None = None) -> None:
    judged.refusal = messages.unapproved(judged.call, judged.policy.digest, approval, why, retry_after)
