"""Reads the rules of Intercept's dialect into the same entry as our own keys.

Its counters belong to a tool (or to all, under `"*"`), never to a caller; here they count per grant. Its
calendar windows are read as sliding ones, which is stricter. `rate_limit: "N/minute"` and a condition
`state.<tool>.<counter>` with `lte` or `lt` become limits; a counter without such a bound would never refuse
anything and is an error.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

from alya_mcp.gate.documents.document import kind, quoted
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy.entries import Amount, EntryReader
from alya_mcp.gate.policy.entry import PolicyEntry
from alya_mcp.gate.policy.keys import KEYS
from alya_mcp.gate.policy.reading import LARGEST, WINDOWS, Fields, Reading, by_name
from alya_mcp.gate.policy.rules import SECOND, UNIT, Limit, LimitKind
from alya_mcp.gate.policy.tests import PolicyCondition, Test

Action = Literal["evaluate", "deny", "require_approval"]

_ACTIONS: Final[tuple[Action, ...]] = ("evaluate", "deny", "require_approval")
_RATE: Final = re.compile(r"([1-9][0-9]{0,9})/(minute|hour|day)")
_DAY: Final = WINDOWS["day"] * SECOND
_ALL: Final = "_global"


@dataclass(frozen=True, slots=True)
class _State:
    """A declared counter: its name and path, and what a call adds, `step` being in billionths."""

    name: str
    path: str
    window_ns: int
    amount: Amount
    step: int


class _Bounded(NamedTuple):
    """What becomes a limit, once the rule has its id. `max` is in billionths."""

    kind: LimitKind
    max: int
    window_ns: int
    amount: Amount
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule: its conditions, what it counts, and whether it needs an approval."""

    name: str
    action: Action
    message: str
    shadow: bool
    conditions: tuple[PolicyCondition, ...]
    limits: tuple[_Bounded, ...]


def read_rules(
    reading: Reading, reader: EntryReader, entry: PolicyEntry, fields: Fields, tool: str | None
) -> None:
    """Add Intercept's `rules` and `spend` of a tool to its entry; `tool` is None for `"*"`."""
    if (rules := fields.get("rules")) is not None:
        _Rules(reading, reader, entry, tool).add(rules)
    if (spend := fields.get("spend")) is not None:
        _spend(reading, reader, entry, spend)


class _Rules:
    """Reads one tool's list of rules."""

    def __init__(self, reading: Reading, reader: EntryReader, entry: PolicyEntry, tool: str | None) -> None:
        self._reading = reading
        self._reader = reader
        self._entry = entry
        self._tool = tool
        self._scope = _ALL if tool is None else tool
        self._windows: set[str] = set()
        self._counters: set[str] = set()

    def add(self, value: Any) -> None:
        """Read the list into the entry, every rule under its id."""
        pointer = f"{self._entry.pointer}/rules"
        items = self._reading.items(value, pointer, "rules")
        rules = [rule for item, below in items if (rule := self._rule(item, below)) is not None]
        for identity, rule in zip(by_name(pointer, [rule.name for rule in rules]), rules, strict=True):
            self._compile(identity, rule)

    def _compile(self, identity: str, rule: _Rule) -> None:
        entry = self._entry
        if rule.action == "require_approval":
            entry.approvals.append(self._reader.approval(identity, rule.message, rule.shadow))
            return
        denies = rule.action == "deny"
        if denies or rule.conditions:
            entry.tests.append(Test(identity, rule.conditions, not denies, rule.message, rule.shadow))
        for bound in rule.limits:
            entry.limits.append(
                Limit(
                    identity,
                    bound.kind,
                    self._tool,
                    bound.max,
                    bound.window_ns,
                    "grant",
                    bound.amount,
                    rule.message,
                    rule.shadow,
                    bound.label,
                )
            )

    def _rule(self, value: Any, pointer: str) -> _Rule | None:
        reading = self._reading
        fields = reading.fields(value, pointer, "rule")
        if fields is None:
            return None
        named, acts = fields.get("name"), fields.get("action")
        name = "" if named is None else reading.filled(named, f"{pointer}/name")
        action: Action = "evaluate"
        if acts is not None:
            action = reading.choice(acts, f"{pointer}/action", _ACTIONS, "deny")
        message = self._reader.on_deny(fields, pointer)
        shadow = reading.mode(fields, pointer, self._entry.shadow)
        if fields.get("rate_limit") is not None:
            bound = self._rate_limit(fields, pointer)
            return None if bound is None else _Rule(name, "evaluate", message, shadow, (), (bound,))
        state = fields.get("state")
        if action != "evaluate":
            text = f'a rule with "action": "{action}" takes none; it holds for every call'
            self._alone(fields, pointer, text)
            return _Rule(name, action, message, shadow, (), ())
        counter = None if state is None else self._state(state, f"{pointer}/state")
        conditions, limits = self._conditions(fields, pointer, counter)
        return _Rule(name, action, message, shadow, conditions, limits)

    def _rate_limit(self, fields: Fields, pointer: str) -> _Bounded | None:
        """`"N/minute"`, on its own in its rule and once per window in a tool."""
        reading = self._reading
        value, below = fields["rate_limit"], f"{pointer}/rate_limit"
        self._alone(fields, pointer, "stands beside a rate_limit, which takes none")
        if fields.get("action") not in (None, "evaluate"):
            reading.report(f"{pointer}/action", 'stands beside a rate_limit; leave it out or say "evaluate"')
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or int(match[1]) > LARGEST:
            takes = (
                f'it takes a number from 1 to {LARGEST:,} and a window: "10/minute", "10/hour" or "10/day"'
            )
            reading.problem(value, below, f"is {kind(value)}; {takes}")
            return None
        if match[2] in self._windows:
            reading.report(
                below, f"a second rate_limit per {match[2]} for the same tool; keep the smaller one"
            )
        self._windows.add(match[2])
        return _Bounded("rate_limit", int(match[1]) * UNIT, WINDOWS[match[2]] * SECOND, "call")

    def _alone(self, fields: Fields, pointer: str, message: str) -> None:
        """Report conditions and a counter in a rule that takes neither."""
        for key in ("conditions", "state"):
            if fields.get(key) not in (None, []):
                self._reading.report(f"{pointer}/{key}", message)

    def _state(self, value: Any, pointer: str) -> _State | None:
        reading = self._reading
        fields = reading.fields(value, pointer, "state")
        if fields is None:
            return None
        counter, span = fields.get("counter"), fields.get("window")
        adds, taken = fields.get("increment"), fields.get("increment_from")
        name = "" if counter is None else reading.filled(counter, f"{pointer}/counter")
        if name and name in self._counters:
            reading.report(f"{pointer}/counter", f"duplicate state counter {quoted(name)} for the same tool")
        self._counters.add(name)
        window = None if span is None else reading.window(span, f"{pointer}/window", words_only=True)
        amount: Amount | None = "call"
        each: int | None = UNIT
        if taken is not None:
            amount = self._reader.counted(self._entry, taken, f"{pointer}/increment_from")
            if adds is not None:
                reading.report(f"{pointer}/increment", "stands beside increment_from; say one of the two")
        elif adds is not None:
            each = reading.amount(adds, f"{pointer}/increment", "what a call adds")
        if not name or window is None or amount is None or each is None:
            return None
        return _State(name, f"state.{self._scope}.{name}", window, amount, each)

    def _conditions(
        self, fields: Fields, pointer: str, counter: _State | None
    ) -> tuple[tuple[PolicyCondition, ...], tuple[_Bounded, ...]]:
        """The conditions over arguments, and the strictest over the rule's own counter as a limit."""
        reading, entry = self._reading, self._entry
        listed, where = fields.get("conditions"), f"{pointer}/conditions"
        if not listed and (listed is None or isinstance(listed, list)):
            more = ' (or "action": "deny", or a rate_limit)'
            reading.report(pointer, f"evaluate rules must have at least one condition{more}")
            return (), ()
        conditions: list[PolicyCondition] = []
        bounds: list[int] = []
        bounded = False
        for item, below in reading.items(listed, where, "conditions"):
            if _is_of_state(item):
                bounded = True
                most = self._bound(item, below, counter, "state" in fields)
                bounds += [] if most is None else [most]
                continue
            found = self._reader.condition(entry, item, below, "condition")
            conditions += [] if found is None else [found[0]]
        if counter is not None and not bounded:
            example = f'{{"path": {quoted(counter.path)}, "op": "lte", "value": 10}}'
            message = f"counts what no condition of the rule bounds; add to its conditions {example}"
            reading.report(f"{pointer}/state", message)
        if counter is None or not bounds:
            return tuple(conditions), ()
        return tuple(conditions), (
            _Bounded("limits", min(bounds), counter.window_ns, counter.amount, counter.name),
        )

    def _bound(self, value: Any, pointer: str, counter: _State | None, declared: bool) -> int | None:
        """The `max` that a condition over the rule's own counter sets, in billionths."""
        reading = self._reading
        fields = reading.fields(value, pointer, "condition")
        if fields is None or fields.get("op") is None or fields.get("value") is None:
            return None
        path: str = fields["path"]
        if counter is None:
            if not declared:
                message = (
                    f"speaks of {quoted(path)}, but the rule has no state; declare the counter in this rule"
                )
                reading.report(f"{pointer}/path", message)
            return None
        op, number = fields["op"], fields["value"]
        if path != counter.path:
            message = f"is {kind(path)}; the rule's own counter is {quoted(counter.path)}"
            reading.report(f"{pointer}/path", message)
        elif op not in ("lte", "lt"):
            reading.problem(op, f"{pointer}/op", f'is {kind(op)}; a counter is bounded by "lte" or "lt"')
        elif (most := reading.amount(number, f"{pointer}/value", "the counter's bound")) is not None:
            most = most if op == "lte" else most - 1
            if counter.amount == "call":
                most = most // counter.step * UNIT
            if most > 0:
                return most
            reading.report(f"{pointer}/value", f"is {kind(number)}, which lets nothing through")
        return None


def _spend(reading: Reading, reader: EntryReader, entry: PolicyEntry, value: Any) -> None:
    """`spend` in US dollars: `per_call` as a limit on each call by itself, `daily` as a budget of a day."""
    pointer = f"{entry.pointer}/spend"
    fields = reading.fields(value, pointer, "spend")
    if fields is None:
        return
    most = {
        key: reader.most(highest, f"{pointer}/{key}", "price")
        for key in KEYS["spend"]
        if (highest := fields.get(key)) is not None
    }
    if (each := most.get("per_call")) is not None:
        rule, text = f"{pointer}/per_call", f"a call may cost at most {plain(each / UNIT)} US dollars"
        entry.limits.append(
            Limit(rule, "budget", entry.tool, each, 0, "session", "price", text, entry.shadow)
        )
    if (daily := most.get("daily")) is not None:
        rule = f"{pointer}/daily"
        entry.limits.append(
            Limit(rule, "budget", entry.tool, daily, _DAY, "grant", "price", "", entry.shadow)
        )


def _is_of_state(condition: Any) -> bool:
    """Whether a condition speaks of a counter and not of an argument."""
    if not isinstance(condition, dict):
        return False
    path = cast("dict[str, Any]", condition).get("path")
    return isinstance(path, str) and path.startswith("state.")
