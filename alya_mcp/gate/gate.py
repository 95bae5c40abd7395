"""The gate: the only way from a call to its handler.

`Gate.call` takes a call through its steps in order: `evaluate` judges it (1 to 8), `asking` gets an approval
(8); then what it needs is taken, the decision recorded (9, 10), the handler run and its outcome recorded
(11, 12).
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from alya_mcp.gate.approvals import Approvals
from alya_mcp.gate.asking import Ask, Asking, Means
from alya_mcp.gate.audit import Audit
from alya_mcp.gate.call import Call
from alya_mcp.gate.charges import Counting, Held
from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.decision import Decision
from alya_mcp.gate.errors import GateError, StateBusy, TimedOut, ToolError
from alya_mcp.gate.evaluate import LASTING, Judge
from alya_mcp.gate.explain import explain, limit_rows
from alya_mcp.gate.judged import Judged
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy import Policy, PolicyError
from alya_mcp.gate.policy.source import FixedPolicy, PolicySource
from alya_mcp.gate.recorder import Outcome, Recorder
from alya_mcp.gate.redaction import masked
from alya_mcp.gate.refused import Refused
from alya_mcp.gate.state import MemoryLedger, MemoryState, State, Usage
from alya_mcp.gate.switch import Switch
from alya_mcp.gate.trace import LimitRow, Trace

T = TypeVar("T")
Handler = Callable[[Mapping[str, Any]], Awaitable[T]]

_PATIENCE: Final = 0.0003
"""Seconds for which a call holds up the others while another process writes, ten times what that takes."""
_NOWHERE: Final[Mapping[str, Any]] = MappingProxyType({})
_PAUSE: Final = 0.001


class Gate:
    """Admits, runs and settles calls under a policy. Belongs to one event loop.

    `policy` is a `Policy`, or a source that may return a new one for each call, such as `PolicyFile`. `state`
    keeps usage and counters; the default is in memory. Without an `audit` nothing is logged. `clock` defaults
    to the system's. `switch` can stop all calls, such as `FileSwitch`; by default there is none.
    """

    def __init__(
        self,
        policy: Policy | PolicySource,
        state: State | None = None,
        audit: Audit | None = None,
        clock: Clock | None = None,
        switch: Switch | None = None,
    ) -> None:
        self._source: PolicySource = FixedPolicy(policy) if isinstance(policy, Policy) else policy
        clock = SystemClock() if clock is None else clock
        self._state: State = MemoryState(clock) if state is None else state
        self._audit = audit
        approvals = Approvals(self._state.approvals, clock)
        self._counting = Counting(MemoryLedger(clock), self._state.ledger)
        self._judge = Judge(self._counting, approvals, self._state, audit, switch)
        self._recorder = Recorder(self._source, self._state, audit, clock)
        self._asking = Asking(self._source, self._judge, approvals, self._recorder, clock)

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
        """Why the last call couldn't be recorded; None if it was. Its text is for the user."""
        return self._recorder.trouble

    def last_refusal(self, session: str) -> tuple[str, Decision] | None:
        """Tool and decision of the session's newest refused call; None if there is none.

        Calls of unknown and hidden names don't count. The newest 64 sessions are remembered.
        """
        return self._recorder.last_refusal(session)

    def open(self) -> None:
        """Open the state and the audit log, so that the first call doesn't wait for them.

        Raises:
            StateError, AuditError: calls will be denied until the reason is gone.
        """
        self._state.open()
        if self._audit is not None:
            self._audit.open()

    def close(self) -> None:
        """Write what is buffered and close all files; `StateError` if it can't be written."""
        if self._audit is not None:
            self._audit.close()
        self._state.close()

    def hidden(self, name: str, grant: str | None = "local") -> bool:
        """Whether a tool must not be listed. For an unknown caller (None) nothing is hidden."""
        return grant is not None and self._source.current().hides(name)

    def decide(self, call: Call) -> Decision:
        """The decision that `call` would get now. Nothing is counted, recorded or run."""
        try:
            return self._judge.judge(call, self._source.current(), count=False).decision
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return self._recorder.denial(call, error)

    async def call(
        self,
        call: Call,
        handler: Handler[T],
        *,
        failed: Callable[[T], bool] | None = None,
        clean: Callable[[T], T] | None = None,
        deadline: float | None = None,
        ask: Ask | None = None,
        resumable: bool = False,
        renew: Callable[[], Call] | None = None,
        origin: Mapping[str, Any] = _NOWHERE,
    ) -> T:
        """Admit a call, run its handler, settle it, and return the handler's result.

        `handler` gets exactly the arguments that were judged. `failed` returns whether a result
        reports an error. `clean` sanitises a result (see `sanitise`). `deadline` is how many
        seconds the handler may take; the policy's `timeout` may shorten it.

        The user is asked in one of three ways: `ask` asks now, with nothing reserved meanwhile; `resumable`
        returns a sealed state that the retry brings back in `Call.answer`; otherwise the question is kept in
        the state, and the same call passes once the user has approved it there. It is also kept if nobody
        answered, and if the policy wants the answer on the command line.

        After `ask` everything is decided again. `renew` then returns the call with its caller
        and its tool's definition looked up again; without it these stay as they were.

        `origin` is where the handler notes, before it returns, what its result was made from: it is recorded
        with the outcome, without what the policy redacts.

        Raises:
            ApprovalNeeded: the handler was not started; the user has to say yes first.
            Refused: the handler was not started, or its outcome can't be recorded and the result is withheld.
            TimedOut: the handler ran past its deadline.
            Exception: whatever the handler raised; `ToolError` is its own, expected failure.
        """
        held = Held()
        try:
            # 1 to 8: the policy, the arguments, conditions, caps, limits and an approval that is there.
            judged = self._judge.judge(call, self._source.current(), count=True)
            patience = _PATIENCE
            while True:
                # 8: an approval that is missing.
                if judged.question is not None and not judged.agreed and not judged.denied:
                    means = Means(ask, resumable, renew)
                    judged = await self._asking.ask(call, judged, judged.question, means)
                # 9 and 10: what the call needs is taken, and the decision is on record.
                try:
                    number = self._admit(judged, held, patience)
                except StateBusy:
                    patience = 0.0
                    judged = await self._wait(judged, call if renew is None else renew())
                else:
                    break
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            raise self._recorder.refused(call, error) from None

        # 11: the handler runs. It is settled once, by code that awaits nothing and so can't be cancelled.
        call = judged.call
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
            withheld = self._settle(judged, held, number, _outcome(error), begun, _NOWHERE)
            if withheld is not None and isinstance(error, ToolError | TimedOut):
                raise self._recorder.refused(call, withheld) from error
            raise
        withheld = self._settle(judged, held, number, outcome, begun, origin)
        if withheld is not None:
            raise self._recorder.refused(call, withheld)
        return result

    def check_delivery(self, call: Call) -> None:
        """Check that the result of an admitted `call` may still be delivered later.

        The policy in force must allow the caller the tool and the arguments, and calls must not be stopped.
        Nothing is counted, no question is asked.

        Raises:
            Refused: the result must be withheld. The refusal is recorded.
        """
        try:
            ended = replace(call, about=None, collects=None)  # what it was about may be gone
            judged = self._judge.judge(ended, self._source.current(), count=False, only=LASTING)
            if judged.denied:
                self._recorder.decided(judged)
                raise Refused(judged.decision)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            raise self._recorder.refused(call, error) from None

    def explain(self, call: Call) -> Trace:
        """The trace of `call`: every rule, what it saw and whether it held. Nothing is counted."""
        return explain(call, self._source.current(), self._judge, self._recorder.denial)

    def limits(
        self,
        session: str,
        grant: str | None = "local",
        tools: Iterable[tuple[str, str | None]] | None = None,
    ) -> tuple[LimitRow, ...]:
        """Every limit and budget of the policy with what is left of it; empty for an unknown caller.

        `tools` are names with categories; the default is the tools that the policy lists.

        Raises:
            StateError: the counters of grants or the host can't be read.
        """
        if grant is None:
            return ()
        policy = self._source.current()
        names = [(name, None) for name in policy.compiled] if tools is None else tools
        return limit_rows(policy, self._counting, session, grant, names)

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """Usage of a grant since a time (seconds since 1970, rounded down to a minute), one row per tool.

        Raises:
            StateError: when the state can't be read.
        """
        return self._state.usage(grant, since, session, tool)

    async def _wait(self, judged: Judged, call: Call) -> Judged:
        """The call after a pause in which others go on; judged again if it has changed."""
        import anyio

        await anyio.sleep(_PAUSE)
        policy = self._source.current()
        if self._judge.holds(judged, policy):
            return judged
        return self._judge.judge(call, policy, count=False, resumed=True)

    def _admit(self, judged: Judged, held: Held, patience: float) -> int:
        """Steps 9 and 10: reserve what the call needs and record the decision. Returns the record's number.

        Nothing awaits in here. On any error nothing stays reserved.

        Raises:
            StateBusy: others have been writing to the state for `patience` seconds.
            Refused: with the recorded denial.
            GateError: nothing was recorded.
        """
        try:
            if judged.refusal is None and self._judge.take(judged, held, patience) and judged.agreed:
                self._asking.use(judged)
            number = self._recorder.decided(judged)
        except BaseException:
            self._counting.release(held)
            raise
        if judged.refusal is None:
            return number
        self._counting.release(held)
        raise Refused(judged.decision)

    def _settle(
        self, judged: Judged, held: Held, number: int, outcome: Outcome, begun_ns: int,
        origin: Mapping[str, Any],
    ) -> Refused | None:  # fmt: skip
        """Record the outcome. Returns a refusal if that fails: the result must be withheld then."""
        try:
            self._counting.settle(held, outcome == "ok")
            ms = (time.perf_counter_ns() - begun_ns) / 1e6
            if origin:
                redact = judged.rules.redact
                origin = masked(origin, {*redact.arguments, *redact.results})
            self._recorder.settled(judged.call, number, outcome, ms, origin)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return Refused(self._recorder.denial(judged.call, error, ran=True))
        return None


async def _within(deadline: float, handler: Handler[T], arguments: Mapping[str, Any]) -> T:
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
