"""What the gate reports about a call and its limits: the trace, and what is left of each limit."""

from dataclasses import dataclass

from alya_mcp.gate.decision import Decision, Mode
from alya_mcp.gate.policy.rules import Scope


@dataclass(frozen=True, slots=True)
class Step:
    """One rule on a call's way: its id, what it asks, what it saw, and whether it held.

    A `shadow` rule that didn't hold changes nothing for the call.
    """

    rule: str
    asks: str
    seen: str
    held: bool
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """All rules on a call's way, in order, and the decision: the first rule that doesn't hold makes it."""

    decision: Decision
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """A limit or budget, and what is left of it.

    `tool` is None where all tools count together. `unit` is what it counts: `calls`, `usd`, or the path of
    the argument that is added up; `max` and `left` are in it. `scope` says for whom. `window_s` is the span
    in seconds. `resets_in` is in how many seconds the oldest of what counts no longer will; 0 for nothing.
    """

    tool: str | None
    rule: str
    unit: str
    scope: Scope
    mode: Mode
    max: float
    window_s: float
    left: float
    resets_in: float
