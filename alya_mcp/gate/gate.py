"""The gate: the only way from a call to its handler.

The steps of a call bear the numbers of the design: 1 to 8 are asked by `judge`, 9 to 12 are in `Gate.call`.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from alya_mcp.gate import messages as wording
from alya_mcp.gate.approvals import LONGEST, Approvals, Question, TooManyOpen
from alya_mcp.gate.audit import Audit
from alya_mcp.gate.call import Call, Said
from alya_mcp.gate.canonical import NotCanonical
from alya_mcp.gate.charges import Counting, Held
from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.decision import Decision
from alya_mcp.gate.errors import GateError, TimedOut, ToolError
from alya_mcp.gate.evaluate import Judge, Judged
from alya_mcp.gate.explain import explain, limit_rows
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy import Policy, PolicyError
from alya_mcp.gate.policy.rules import SECOND, Approval
from alya_mcp.gate.policy.source import FixedPolicy, PolicySource
from alya_mcp.gate.recorder import Outcome, Recorder
from alya_mcp.gate.refused import ApprovalNeeded, Refused
from alya_mcp.gate.state import MemoryLedger, MemoryState, State, Usage
from alya_mcp.gate.trace import LimitRow, Trace

T = TypeVar("T")
Ask = Callable[[Question], Awaitable[Said]]


class Gate:
    """Admits, runs and settles calls under a policy. Belongs to one event loop.

    `policy` is a `Policy` or a source that may bring a new one at any call, such as `PolicyFile`. `state`
    keeps what was used, in memory when left out. Without an `audit` nothing is logged. `clock` is the
    machine's when left out.
    """

    def __init__(
        self,
        policy: Policy | PolicySource,
        state: State | None = None,
        audit: Audit | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._source: PolicySource = FixedPolicy(policy) if isinstance(policy, Policy) else policy
        self._clock: Clock = SystemClock() if clock is None else clock
        self._state: State = MemoryState(self._clock) if state is None else state
        self._audit = audit
        self._approvals = Approvals(self._state.approvals, self._clock)
        self._counting = Counting(MemoryLedger(self._clock), self._state.ledger)
        self._judge = Judge(self._counting, self._approvals, self._state)
        self._recorder = Recorder(self._source, self._state, audit, self._clock)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._source.current()

    @property
    def policy_error(self) -> PolicyError | None:
        """Why the newest policy document isn't the one in force; None when it is."""
        return self._source.error

    @property
    def trouble(self) -> GateError | None:
        """Why the last call could not be recorded; None when it was. Its text is for the person."""
        return self._recorder.trouble

    def last_refusal(self, session: str) -> tuple[str, Decision] | None:
        """The tool and the decision of the session's newest call that was refused; None when none was.

        A name that is unknown or hidden counts as no call. The newest 64 sessions are remembered.
        """
        return self._recorder.last_refusal(session)

    def open(self) -> None:
        """Open state and audit log now, so that the first call doesn't wait for them.

        Raises:
            StateError, AuditError: calls will be denied until the reason is gone.
        """
        self._state.open()
        if self._audit is not None:
            self._audit.open()

    def close(self) -> None:
        """Write what is noted and let go of all files; `StateError` when it can't be written."""
        if self._audit is not None:
            self._audit.close()
        self._state.close()

    def hidden(self, name: str, grant: str | None = "local") -> bool:
        """Whether a tool isn't to be listed. An unknown caller (None) has no policy, and nothing hidden."""
        return grant is not None and self._source.current().hides(name)

    def decide(self, call: Call) -> Decision:
        """What `call` would be told now. Nothing is counted, recorded or run."""
        try:
            policy = self._source.current()
            return self._judge.judge(policy.priced(call), policy, count=False).decision
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return self._recorder.denial(call, error)

    async def call(
        self,
        call: Call,
        handler: Callable[[Mapping[str, Any]], Awaitable[T]],
        *,
        failed: Callable[[T], bool] | None = None,
        clean: Callable[[T], T] | None = None,
        deadline: float | None = None,
        ask: Ask | None = None,
        resumable: bool = False,
        renew: Callable[[], Call] | None = None,
    ) -> T:
        """Take a call the whole way and return what its handler returned.

        `handler` gets exactly the arguments that were judged. `failed` tells a result that reports an error
        from a good one. `clean` makes a result fit to leave (see `hygiene.sanitise`). `deadline` is how many
        seconds the handler may take; the policy's `timeout` may shorten it.

        The user's yes is asked for in one of three ways: `ask` asks them now, and nothing is held meanwhile;
        `resumable` hands out a sealed state that the same call brings back in `Call.answer`; else the
        question is kept in the state, and the same call passes once the user said yes there. It is also kept
        where nobody answered, and where the policy wants the answer on the command line.

        After `ask` everything is decided anew. `renew` then gives the call as it has become meanwhile, with
        its caller and its tool's definition looked up again; without it these stay as they were.

        Raises:
            ApprovalNeeded: the handler was not started; the user has to say yes first.
            Refused: the handler was not started, or what came of it can't be recorded and is withheld.
            TimedOut: the time that it may take has passed.
            Exception: whatever the handler raised; `ToolError` is its own, expected failure.
        """
        held = Held()
        try:
            policy = self._source.current()
            call = policy.priced(call)
            judged = self._judge.judge(call, policy, count=True)
            digest = self._digest(call, judged)
            if judged.question is not None and not judged.agreed and not _denied(judged):
                way = _Way(ask, resumable, renew)
                call, judged, digest = await self._approve(call, judged, judged.question, digest, way)
            number = self._admit(call, judged, held, digest)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            raise self._recorder.refused(call, error) from None

        # 11: the handler runs. It is settled once, by code that awaits nothing and so can't be cancelled.
        limit = judged.rules.timeout
        if deadline is not None:
            limit = deadline if limit is None else min(limit, deadline)
        begun = time.perf_counter_ns()
        try:
            arguments = judged.arguments
            result = await (handler(arguments) if limit is None else _within(limit, handler, arguments))
            # 12: the result leaves clean, and its outcome is on record before it does.
            if clean is not None:
                result = clean(result)
            outcome: Outcome = "error" if failed is not None and failed(result) else "ok"
        except BaseException as error:
            withheld = self._settle(call, held, number, _outcome(error), begun)
            if withheld is not None and isinstance(error, ToolError | TimedOut):
                raise self._recorder.refused(call, withheld) from error
            raise
        withheld = self._settle(call, held, number, outcome, begun)
        if withheld is not None:
            raise self._recorder.refused(call, withheld)
        return result

    def explain(self, call: Call) -> Trace:
        """Every rule on the way of `call`: what it saw and whether it held. Nothing is counted."""
        policy = self._source.current()
        return explain(policy.priced(call), policy, self._judge, self._counting, self.decide(call))

    def limits(
        self,
        session: str,
        grant: str | None = "local",
        tools: Iterable[tuple[str, str | None]] | None = None,
    ) -> tuple[LimitRow, ...]:
        """Every limit and budget of the policy and what is left of it; none for an unknown caller.

        `tools` are the names and categories to look at; when left out, those that the policy lists.

        Raises:
            StateError: when what grants or the host used can't be read.
        """
        if grant is None:
            return ()
        policy = self._source.current()
        names = [(name, None) for name in policy.compiled] if tools is None else tools
        return limit_rows(policy, self._counting, session, grant, names)

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time (seconds since 1970, rounded down to a minute), a row per tool.

        Raises:
            StateError: when the state can't be read.
        """
        return self._state.usage(grant, since, session, tool)

    def _digest(self, call: Call, judged: Judged) -> str | None:
        """The digest of the judged arguments for the log; None, and a refusal, for those that aren't JSON."""
        if self._audit is None:
            return None
        try:
            return self._audit.arguments(judged.arguments, judged.rules.redact)
        except NotCanonical as error:
            if judged.refusal is None or judged.refusal.decision == "ask":
                text = f"the arguments are not JSON: {error}"
                judged.refusal = wording.invalid(call, judged.policy.digest, text)
            return None

    async def _approve(
        self, call: Call, judged: Judged, question: Question, digest: str | None, way: "_Way"
    ) -> tuple[Call, Judged, str | None]:
        """Step 8: the call with a yes or with a denial, judged anew where the user was waited for.

        Raises:
            Refused: the yes has to come first.
        """
        approval, policy = judged.rules.approval, judged.policy.digest
        assert approval is not None  # noqa: S101 - there is a question
        if call.answer is not None:
            why = self._approvals.redeem(question, call.answer)
            if why is None:
                self._heed(call, judged, digest, question, approval, call.answer.verdict)
            else:
                judged.refusal = wording.unapproved(call, policy, approval, why)
            return call, judged, digest
        if len(question.message) > LONGEST:
            why = f"the arguments are too long to be shown to the user, over {LONGEST:,} characters"
            judged.refusal = wording.unapproved(call, policy, approval, why)
            return call, judged, digest
        by_client = approval.ask == "client" and (way.ask is not None or way.resumable)
        if self._approvals.waits(question, anyones=not by_client):
            raise self._kept(call, judged, question, digest)
        full = self._approvals.full(question, approval)
        if full is not None:
            judged.refusal = wording.unapproved(call, policy, approval, full.why, full.retry_after)
            return call, judged, digest
        if not by_client:
            raise self._kept(call, judged, question, digest)
        judged.refusal = wording.asks(call, policy, approval, "The user is asked.")
        if way.ask is None:
            state = self._approvals.seal(question)
            self._recorder.decided(call, judged.decision, digest, judged.rules.redact)
            raise ApprovalNeeded(judged.decision, question, state=state)
        self._recorder.decided(call, judged.decision, digest, judged.rules.redact)
        said = await self._answer(way.ask, question)
        if way.renew is not None:
            call = way.renew()
        now = self._source.current()
        call = now.priced(call)
        judged = self._judge.judge(call, now, count=False, resumed=True)
        digest = self._digest(call, judged)
        self._heed(call, judged, digest, question, approval, said)
        return call, judged, digest

    async def _answer(self, ask: Ask, question: Question) -> Said | None:
        """Ask the user and wait as long as their yes would hold; None when nobody answered in that time."""
        import anyio

        said: Said | None = None
        begun = self._clock.monotonic_ns()
        with self._approvals.put(question), anyio.move_on_after(question.expires):
            said = await ask(question)
        # The scope's clock stands still while the machine sleeps.
        late = self._clock.monotonic_ns() - begun >= question.expires * SECOND
        return None if late and said == "accept" else said

    def _heed(
        self,
        call: Call,
        judged: Judged,
        digest: str | None,
        asked: Question,
        approval: Approval,
        said: Said | None,
    ) -> None:
        """Do what the user `said` to `asked`, for a call that was judged after they said it.

        Raises:
            Refused: nobody answered; the question is kept for them.
        """
        policy, question = judged.policy.digest, judged.question
        if question is not None and judged.rules.approval is not None:
            approval = judged.rules.approval
        if said == "decline":  # kept, whatever else has come in the way meanwhile
            kept = self._approvals.declined(asked)
            if not _denied(judged):
                judged.refusal = wording.declined(call, policy, approval, kept)
        elif _denied(judged) or question is None:
            return  # denied for another reason, or the policy no longer asks
        elif said == "accept" and question.binding == asked.binding:
            judged.refusal, judged.agreed = None, False
            self._approvals.accepted(question)
        elif judged.agreed:
            return
        elif said == "accept":
            why = "what was asked has changed since; make the call again to be asked anew"
            judged.refusal = wording.unapproved(call, policy, approval, why)
        elif said is None:
            why = f"nobody answered within {plain(asked.expires)} s"
            judged.refusal = wording.unapproved(call, policy, approval, why)
        else:
            raise self._kept(call, judged, question, digest, put=False)

    def _kept(
        self, call: Call, judged: Judged, question: Question, digest: str | None, *, put: bool = True
    ) -> Refused:
        """The refusal, on record, of a call whose question is kept for the user; a denial if too many are."""
        approval, policy = judged.rules.approval, judged.policy.digest
        assert approval is not None  # noqa: S101 - there is a question
        try:
            kept = self._approvals.pend(question, put=put)
        except TooManyOpen:
            why = "too many approvals are pending; the user has to answer some of them first"
            judged.refusal = wording.unapproved(call, policy, approval, why)
            self._recorder.decided(call, judged.decision, digest, judged.rules.redact)
            return Refused(judged.decision)
        how = f"They can {wording.how_to_approve(kept)}."
        judged.refusal = wording.asks(call, policy, approval, how)
        self._recorder.decided(call, judged.decision, digest, judged.rules.redact)
        return ApprovalNeeded(judged.decision, question, id=kept)

    def _admit(self, call: Call, judged: Judged, held: Held, digest: str | None) -> int:
        """Steps 9 and 10: take what the call needs and put the decision on record; the record's number.

        Nothing awaits in here. Whatever goes wrong, nothing stays held.

        Raises:
            Refused: with the denial that is on record.
            GateError: nothing is on record.
        """
        try:
            if judged.refusal is None and self._judge.take(call, judged, held) and judged.agreed:
                self._take_yes(call, judged)
            number = self._recorder.decided(call, judged.decision, digest, judged.rules.redact)
        except BaseException:
            self._counting.release(held)
            raise
        if judged.refusal is None:
            return number
        self._counting.release(held)
        raise Refused(judged.decision)

    def _take_yes(self, call: Call, judged: Judged) -> None:
        approval, question = judged.rules.approval, judged.question
        assert approval is not None and question is not None  # noqa: S101, PT018 - there was a yes to it
        if not self._approvals.consume(question):
            why = "the approval was used by another call"
            judged.refusal = wording.unapproved(call, judged.policy.digest, approval, why)

    def _settle(self, call: Call, held: Held, number: int, outcome: Outcome, begun_ns: int) -> Refused | None:
        """Put the outcome on record; the refusal when that fails, and the result must not leave."""
        try:
            self._counting.settle(held, outcome == "ok")
            self._recorder.settled(call, number, outcome, (time.perf_counter_ns() - begun_ns) / 1e6)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return Refused(self._recorder.denial(call, error, ran=True))
        return None


class _Way(NamedTuple):
    """How the user can be asked; see `Gate.call`."""

    ask: Ask | None
    resumable: bool
    renew: Callable[[], Call] | None


def _denied(judged: Judged) -> bool:
    return judged.refusal is not None and judged.refusal.decision == "deny"


async def _within(
    deadline: float, handler: Callable[[Mapping[str, Any]], Awaitable[T]], arguments: Mapping[str, Any]
) -> T:
    import anyio

    with anyio.move_on_after(deadline):
        return await handler(arguments)
    raise TimedOut(f"stopped after {plain(deadline)} s, the longest it may take")


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, ToolError):
        return "error"
    if isinstance(error, TimedOut):
        return "timeout"
    if isinstance(error, Exception):
        return "crash"
    if isinstance(error, GeneratorExit):  # the call itself was closed, perhaps after its event loop
        return "cancelled"
    import anyio

    return "cancelled" if isinstance(error, anyio.get_cancelled_exc_class()) else "crash"
