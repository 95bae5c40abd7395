"""The compiled rules of a policy for one tool's calls.

Amounts are whole billionths (`UNIT`) of a call, of a US dollar or of the argument that a limit counts, so
that sums are exact. Spans are nanoseconds. Every rule is named by its JSON Pointer. A `counter` is named by
what it counts, so that an edit of other rules, or a move from a tool to its category, resets nothing; rules
that count the same share it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from alya_mcp.gate.decision import Decision
from alya_mcp.gate.documents.document import step
from alya_mcp.gate.policy.screen import Screen
from alya_mcp.gate.policy.tests import Test

Scope = Literal["session", "grant", "host"]
LimitKind = Literal["rate_limit", "limits", "budget"]
StepName = Literal["allowed", "arguments", "conditions", "repeats", "concurrency", "limits", "approval"]

STEPS: Final[tuple[StepName, ...]] = get_args(StepName)
"""Steps 3 to 8 of a call, in order."""

UNIT: Final = 1_000_000_000
SECOND: Final = 1_000_000_000


def quotient(number: int, unit: int) -> float:
    """How many `unit` a number holds, an int where it is whole."""
    return number // unit if number % unit == 0 else number / unit


class _Sliding:
    """A rule whose counter slides over `window_ns`."""

    __slots__ = ()
    window_ns: int

    @property
    def window(self) -> float:
        """The span in seconds, an int where it is whole."""
        return quotient(self.window_ns, SECOND)


@dataclass(frozen=True, slots=True)
class Limit(_Sliding):
    """At most `max` in any span of `window_ns`: of calls, of money, or of an argument's sum.

    `amount` is what a call takes of it: one, its metered price, or the number at a path below the arguments.
    `tool` is None where all tools count together. `max` is in billionths; `message` is the policy's own text.
    A span of 0 holds each call by itself. `label` is the name that the policy gives to what is counted, if
    any. `formerly` is the counter's name in states of version 0.1.
    """

    rule: str
    kind: LimitKind
    tool: str | None
    max: int
    window_ns: int
    scope: Scope
    amount: Literal["call", "price"] | tuple[str, ...]
    message: str
    shadow: bool
    label: str = ""
    counter: str = field(init=False)
    formerly: str = field(init=False)

    def __post_init__(self) -> None:
        kind = step(self.kind, self.label) if self.label else self.kind
        counter = f"{_place(self.tool)}/{kind}"
        if self.amount != "call" and self.kind != "budget":
            counter = step(counter, self.unit)
        object.__setattr__(self, "counter", counter)
        own = self.tool is not None and self.rule.startswith("/categories/")
        object.__setattr__(self, "formerly", f"{self.rule} {self.tool}" if own else self.rule)

    @property
    def unit(self) -> str:
        """What it counts: `calls`, `usd`, or the argument that it adds up, as `args.size`."""
        amount = self.amount
        return "calls" if amount == "call" else "usd" if amount == "price" else f"args.{'.'.join(amount)}"


@dataclass(frozen=True, slots=True)
class Repeats(_Sliding):
    """At most `max` attempts of one tool with the same arguments in any span of `window_ns`."""

    rule: str
    tool: str | None
    max: int
    window_ns: int
    scope: Scope
    shadow: bool

    @property
    def counter(self) -> str:
        """The name of its counter, which counts each set of arguments apart."""
        return f"{_place(self.tool)}/max_repeats"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most `max` calls in flight; of all tools together where `tool` is None."""

    rule: str
    tool: str | None
    max: int
    scope: Scope
    shadow: bool

    @property
    def counter(self) -> str:
        """The name of its counter."""
        return f"{_place(self.tool)}/max_concurrent"


@dataclass(frozen=True, slots=True)
class Approval:
    """The user's yes is needed. It holds `expires` seconds, for these arguments or for the tool's session.

    `ask` says where the question may be put: to the client, where it can show one, or on the command line
    alone. A session has at most `max_open` questions open, and puts at most `max_per_hour`.
    """

    rule: str
    expires: float
    who: Literal["call", "session"]
    reason: str
    shadow: bool
    ask: Literal["client", "command"] = "client"
    max_open: int = 5
    max_per_hour: int = 20


@dataclass(frozen=True, slots=True)
class Redact:
    """Names of argument and result fields that never reach a log."""

    arguments: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for one tool's calls, in the order of their checks.

    `denial` is the decision if every call is denied; `shadow_denials` are those that only go to the audit
    log; `reason` is the policy's own text for them. `timeout` is in seconds. Limits
    stand in the order in which a spent one is named: the tool's or its category's (`rate_limit`, `limits`,
    `budget`), then those of all tools. `groups` are limits that are checked together: the enforced
    ones, then each shadowed one by itself. `steps` are the steps of a call, in order. `screen` finds the
    tests that may refuse a call.
    """

    denial: Decision | None = None
    shadow_denials: tuple[Decision, ...] = ()
    reason: str = ""
    tests: tuple[Test, ...] = ()
    repeats: tuple[Repeats, ...] = ()
    concurrency: tuple[Concurrency, ...] = ()
    limits: tuple[Limit, ...] = ()
    approval: Approval | None = None
    timeout: float | None = None
    redact: Redact = Redact()
    groups: tuple[tuple[Limit, ...], ...] = field(init=False)
    steps: tuple[StepName, ...] = field(init=False)
    screen: Screen = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "screen", Screen(self.tests))
        enforced = tuple(limit for limit in self.limits if not limit.shadow)
        groups = ((enforced,) if enforced else ()) + tuple((limit,) for limit in self.limits if limit.shadow)
        object.__setattr__(self, "groups", groups)
        has: Mapping[StepName, object] = {
            "allowed": self.denial or self.shadow_denials,
            "arguments": True,
            "conditions": self.tests,
            "repeats": self.repeats,
            "concurrency": self.concurrency,
            "limits": self.limits,
            "approval": self.approval,
        }
        object.__setattr__(self, "steps", tuple(name for name in STEPS if has[name]))


def _place(tool: str | None) -> str:
    """The part of a counter's name that says whose calls it counts: one tool's or all."""
    return "/all_tools" if tool is None else step("/tools", tool)
