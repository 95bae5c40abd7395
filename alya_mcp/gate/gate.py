"""The gate: the only way from a call to its handler.

The steps of a call bear the numbers of the design: 1 to 7 are asked in `Gate._judge`, without side effects;
8 to 12 happen in `Gate.call`. Conditions (5), caps (6) and approvals (8) have no rules in this version: a
policy that names them doesn't load.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from .audit import Audit
from .call import (
    AUDIT,
    GATE_ERROR,
    HIDDEN,
    INVALID_ARGUMENTS,
    NO_POLICY,
    UNKNOWN_TOOL,
    Call,
    Decision,
    Refused,
    shown,
)
from .canonical import NotCanonical
from .clock import Clock, SystemClock
from .document import step
from .errors import AuditError, GateError, InvalidArguments, TimedOut, ToolError
from .limits import Counters
from .policy import Policy, PolicyError
from .rules import UNIT, Limit
from .source import FixedPolicy, PolicySource
from .state import MemoryState, State, Usage
from .trace import LimitRow, Step, Trace

T = TypeVar("T")
Outcome = Literal["ok", "error", "timeout", "cancelled", "crash"]

_SECOND: Final = 1_000_000_000
_NAME: Final = 128


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
        self._state: State = MemoryState() if state is None else state
        self._audit = audit
        self._clock: Clock = SystemClock() if clock is None else clock
        self._counters = Counters()
        self._trouble: GateError | None = None

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
        return self._trouble

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
            refusal, _ = self._judge(call, policy, self._clock.monotonic_ns())
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return self._unexpected(call, error)
        return policy.allowed if refusal is None else refusal

    async def call(
        self,
        call: Call,
        handler: Callable[[Mapping[str, Any]], Awaitable[T]],
        *,
        failed: Callable[[T], bool] | None = None,
        clean: Callable[[T], T] | None = None,
        deadline: float | None = None,
    ) -> T:
        """Take a call the whole way and return what its handler returned.

        `handler` gets exactly the arguments that were judged. `failed` tells a result that reports an error
        from a good one. `clean` makes a result fit to leave (see `hygiene.sanitise`). `deadline` is how many
        seconds the handler may take.

        Raises:
            Refused: the handler was not started, or what came of it can't be recorded and is withheld.
            TimedOut: the deadline passed.
            Exception: whatever the handler raised; `ToolError` is its own, expected failure.
        """
        admitted = 0
        digest: str | None = None
        try:
            # 1 to 7: well formed and known, caller, policy, arguments, limits. The first refusal wins.
            policy = self._source.current()
            now = self._clock.monotonic_ns()
            refusal, arguments = self._judge(call, policy, now)
            if self._audit is not None:
                try:
                    digest = self._audit.arguments(call.arguments)
                except NotCanonical as error:
                    refusal = refusal or _invalid(call, policy, f"the arguments are not JSON: {error}")
            if refusal is None:
                # 9: limits are reserved, all or none. Nothing awaits between the asking above and this.
                limits = policy.rules(call.tool).limits
                self._counters.take(call.session, limits, now)
                # 10: the decision is on record before the handler starts.
                try:
                    admitted = self._record(call, policy.allowed, digest)
                except BaseException:
                    self._counters.give_back(call.session, limits, now)
                    raise
            else:
                self._record(call, refusal, digest)
                self._note_denied(call)
        except GateError as error:
            raise Refused(self._unrecorded(call, error)) from None
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            raise Refused(self._unexpected(call, error)) from None
        if refusal is not None:
            raise Refused(refusal)

        # 11: the handler runs. It is settled once, by code that awaits nothing and so can't be cancelled.
        begun = time.perf_counter_ns()
        try:
            result = await (handler(arguments) if deadline is None else _within(deadline, handler, arguments))
            # 12: the result leaves clean, and its outcome is on record before it does.
            if clean is not None:
                result = clean(result)
            outcome: Outcome = "error" if failed is not None and failed(result) else "ok"
        except BaseException as error:
            self._settle(call, admitted, _outcome(error), begun)
            raise
        unrecorded = self._settle(call, admitted, outcome, begun)
        if unrecorded is not None:
            raise Refused(unrecorded)
        return result

    def explain(self, call: Call) -> Trace:
        """Every rule on the way of `call`: what it saw and whether it held. Nothing is counted."""
        policy = self._source.current()
        now = self._clock.monotonic_ns()
        rules = policy.rules(call.tool)
        hidden = call.grant is not None and policy.hides(call.tool)
        listed = call.tool in policy.compiled
        steps = [
            Step(UNKNOWN_TOOL, "the tool is known", "known" if call.known else "unknown", call.known),
            Step(HIDDEN, "the tool is not hidden", "hidden" if hidden else "not hidden", not hidden),
            Step(NO_POLICY, "the caller is known", call.grant or "unknown", call.grant is not None),
        ]
        seen = "its entry" if listed else f'no entry, and "default" is "{policy.default}"'
        allows = step("/tools", call.tool) if listed else "/default"
        rule = allows if rules.denial is None else rules.denial.rule
        steps.append(Step(rule, "the policy allows the tool", seen, rules.denial is None))
        refused = self._misfit(call, policy)[0]
        fit = "not checked" if call.validate is None else "they fit"
        seen = fit if refused is None else refused.message
        steps.append(Step(INVALID_ARGUMENTS, "the arguments fit the input schema", seen, refused is None))
        for limit in rules.limits:
            left, _ = self._counters.standing(call.session, limit, now)
            most = limit.max // UNIT
            seen = f"{most - left} calls in the last {limit.window:g} s"
            asks = f"fewer than {most} calls per {limit.window:g} s"
            steps.append(Step(limit.rule, asks, seen, left > 0))
        return Trace(self.decide(call), tuple(steps))

    def limits(self, session: str, grant: str | None = "local") -> tuple[LimitRow, ...]:
        """Every limit of the policy and what a session has left of it; none for an unknown caller."""
        if grant is None:
            return ()
        now = self._clock.monotonic_ns()
        rows: list[LimitRow] = []
        for limit in self._source.current().limits:
            left, resets = self._counters.standing(session, limit, now)
            resets_in = 0.0 if resets is None else resets / _SECOND
            rows.append(LimitRow(limit.tool, limit.rule, limit.max // UNIT, limit.window, left, resets_in))
        return tuple(rows)

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time (seconds since 1970, rounded down to a minute), a row per tool.

        Raises:
            StateError: when the state can't be read.
        """
        return self._state.usage(grant, since, session, tool)

    def _judge(self, call: Call, policy: Policy, now_ns: int) -> tuple[Decision | None, Mapping[str, Any]]:
        """Steps 1 to 7: the refusal, if any, and the arguments that the handler would get."""
        # 1: the message is well formed, the tool known and not hidden.
        if not isinstance(call.arguments, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            return _invalid(call, policy, "the arguments are no object"), {}
        if not call.known:
            return _deny(policy, UNKNOWN_TOOL, f"Unknown tool: {shown(call.tool)}"), call.arguments
        if call.grant is not None and policy.hides(call.tool):
            return _deny(policy, HIDDEN, f"Unknown tool: {shown(call.tool)}"), call.arguments
        # 2: the caller is known.
        if call.grant is None:
            text = f"{shown(call.tool)}: the caller's grant is wrong or revoked; a person can renew it"
            return _deny(policy, NO_POLICY, text), call.arguments
        # 3: the policy allows the tool.
        rules = policy.rules(call.tool)
        if rules.denial is not None:
            return rules.denial, call.arguments
        # 4: the arguments fit the input schema. From here on only those that were judged count.
        refusal, arguments = self._misfit(call, policy)
        if refusal is not None:
            return refusal, arguments
        # 7: limits would hold, the tool's own before those of all tools.
        if rules.limits:
            spent = self._counters.first_spent(call.session, rules.limits, now_ns)
            if spent is not None:
                return _spent(call, policy, *spent), arguments
        return None, arguments

    def _misfit(self, call: Call, policy: Policy) -> tuple[Decision | None, Mapping[str, Any]]:
        if call.validate is None:
            return None, call.arguments
        try:
            return None, call.validate(call.arguments)
        except InvalidArguments as error:
            return _invalid(call, policy, str(error)), call.arguments

    def _record(self, call: Call, decision: Decision, digest: str | None) -> int:
        self._state.ready()
        number = 0 if self._audit is None else self._audit.decided(call, decision, digest)
        self._trouble = None
        return number

    def _settle(self, call: Call, decided: int, outcome: Outcome, begun_ns: int) -> Decision | None:
        """Put the outcome on record; a denial when that fails, and the result must not leave."""
        usd = call.price if outcome == "ok" else 0.0
        try:
            self._state.note_settled(
                call.grant or "", call.session[:_NAME], call.tool, self._clock.time_ns(), outcome == "ok", usd
            )
            if self._audit is not None:
                ms = (time.perf_counter_ns() - begun_ns) / 1e6
                self._audit.settled(call, decided, outcome, ms, usd)
        except GateError as error:
            return self._unrecorded(call, error, ran=True)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here is a denial
            return self._unexpected(call, error)
        return None

    def _note_denied(self, call: Call) -> None:
        tool = call.tool if call.known else "(unknown)"
        self._state.note_denied(call.grant or "", call.session[:_NAME], tool, self._clock.time_ns())

    def _unrecorded(self, call: Call, error: GateError, ran: bool = False) -> Decision:
        if self._trouble is None or str(self._trouble) != str(error):
            _log().error("calls are denied: %s", error)
        self._trouble = error
        rule, what = (AUDIT, "audit log") if isinstance(error, AuditError) else (GATE_ERROR, "state")
        did = "ran, but its result is withheld: what came of it" if ran else "did not run: the call"
        text = f"{shown(call.tool)} {did} can't be recorded ({what}); the server's log tells a person why"
        return Decision("deny", rule, text, None, self._source.current().digest)

    def _unexpected(self, call: Call, error: Exception) -> Decision:
        _log().error("a call was denied by an error of the gate", exc_info=error)
        text = f"{shown(str(call.tool))}: denied by an error of the gate; the server's log says which"
        return Decision("deny", GATE_ERROR, text, None, "")


def _deny(policy: Policy, rule: str, message: str) -> Decision:
    return Decision("deny", rule, message, None, policy.digest)


def _invalid(call: Call, policy: Policy, message: str) -> Decision:
    return _deny(policy, INVALID_ARGUMENTS, f"{shown(call.tool)}: {message}")


def _spent(call: Call, policy: Policy, limit: Limit, wait_ns: int) -> Decision:
    most = limit.max // UNIT
    noun = "call" if most == 1 else "calls"
    of = "" if limit.tool else " of all tools"
    text = (
        f"{shown(call.tool)}: {most} {noun}{of} per {limit.window:g} s reached ({limit.rule}); "
        f"next in {-(-wait_ns // _SECOND)} s"
    )
    return Decision("deny", limit.rule, text, wait_ns / _SECOND, policy.digest)


async def _within(
    deadline: float, handler: Callable[[Mapping[str, Any]], Awaitable[T]], arguments: Mapping[str, Any]
) -> T:
    import anyio

    with anyio.move_on_after(deadline):
        return await handler(arguments)
    raise TimedOut(f"stopped after {deadline:g} s, the longest it may take")


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, ToolError):
        return "error"
    if isinstance(error, TimedOut):
        return "timeout"
    if isinstance(error, Exception):
        return "crash"
    import anyio

    return "cancelled" if isinstance(error, anyio.get_cancelled_exc_class()) else "crash"


def _log() -> Any:
    import logging

    return logging.getLogger("alya_mcp.gate")
