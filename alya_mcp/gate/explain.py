"""The trace of one decision, and what is left of every limit. Not on the call path."""

from collections.abc import Callable, Iterable, Iterator

from alya_mcp.gate.admission import ADMISSION, RUNNING, AdmissionStep, refusing
from alya_mcp.gate.call import Call
from alya_mcp.gate.charges import Counting
from alya_mcp.gate.decision import GATE_ERROR, Decision
from alya_mcp.gate.errors import GateError
from alya_mcp.gate.evaluate import Judge, WrongPrice
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.rules import SECOND, UNIT, Limit, quotient
from alya_mcp.gate.trace import LimitRow, Step, Trace


def explain(call: Call, policy: Policy, judge: Judge, denial: Callable[[Call, Exception], Decision]) -> Trace:
    """Every step of `call`, in order: what it requires, what it saw, whether it held.

    The trace of a call that isn't admitted ends with the step that refuses it. `denial` makes the
    denial if judging fails.
    """
    steps: list[Step] = []
    decision: Decision | None = None
    try:
        refused = refusing(call, policy, judge.switch)
        steps.extend(_admitted(refused, judge.switch is not None))
        judged = judge.judge(call, policy, count=False)
        decision = judged.decision
        if refused is None:
            steps.extend(judge.trace(judged))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in the gate is a denial
        steps.append(Step(GATE_ERROR, "the gate can judge the call", _trouble(error), False))
        decision = decision or denial(call, error)
    return Trace(decision, tuple(steps))


def limit_rows(
    policy: Policy, counting: Counting, session: str, grant: str, tools: Iterable[tuple[str, str | None]]
) -> tuple[LimitRow, ...]:
    """Every limit of `tools` (names and categories), once each, those of all tools together last."""
    limits = [limit for name, category in tools for limit in policy.rules(name, category).limits]
    limits.extend(limit for limit in policy.limits if limit.tool is None)
    own = {(limit.rule, limit.tool): limit for limit in limits if limit.tool is not None}
    every = {(limit.rule, limit.tool): limit for limit in limits if limit.tool is None}
    return tuple(_row(limit, counting, session, grant) for limit in (own | every).values())


def _row(limit: Limit, counting: Counting, session: str, grant: str) -> LimitRow:
    left, resets = counting.standing(limit, session, grant)
    return LimitRow(
        tool=limit.tool,
        rule=limit.rule,
        unit=limit.unit,
        scope=limit.scope,
        mode="shadow" if limit.shadow else "enforce",
        max=quotient(limit.max, UNIT),
        window_s=limit.window,
        left=quotient(left, UNIT),
        resets_in=0.0 if resets is None else resets / SECOND,
    )


def _admitted(refused: AdmissionStep | None, switched: bool) -> Iterator[Step]:
    """The steps of admission up to the one that refuses the call, if any does; `switched` where calls can be
    stopped."""
    for each in ADMISSION:
        if each is RUNNING and not switched:
            continue
        held = each is not refused
        yield Step(each.rule, each.asks, each.holds if held else each.fails, held)
        if not held:
            return


def _trouble(error: Exception) -> str:
    """What kept the gate from judging; any other error's own text may quote an argument."""
    if isinstance(error, GateError | WrongPrice):
        return str(error)
    return f"{type(error).__name__}; the server's log says more"
