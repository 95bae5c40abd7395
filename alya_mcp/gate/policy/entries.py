"""Reads the rule object of a tool, a category or all tools into a `PolicyEntry`."""

from dataclasses import replace
from typing import Any, Literal

from alya_mcp.gate.documents.document import kind, nearest, quoted
from alya_mcp.gate.policy.conditions import OPERATORS, UnfitOperand, condition
from alya_mcp.gate.policy.entry import Action, PlacedCondition, PolicyEntry
from alya_mcp.gate.policy.keys import KEYS
from alya_mcp.gate.policy.reading import Fields, Reading, by_name
from alya_mcp.gate.policy.rules import (
    UNIT,
    Approval,
    Concurrency,
    Limit,
    Redact,
    Repeats,
    Scope,
)
from alya_mcp.gate.policy.tests import PolicyCondition, Test

Amount = Literal["call", "price"] | tuple[str, ...]

_ACTIONS: tuple[Action, ...] = ("allow", "deny", "require_approval")
_MISSING: tuple[Literal["deny", "pass"], ...] = ("deny", "pass")
_WHO: tuple[Literal["call", "session"], ...] = ("call", "session")
_ASK: tuple[Literal["client", "command"], ...] = ("client", "command")
_EXPIRES = 600.0


class EntryReader:
    """Reads rule objects. `shadow` is the document's own mode, `expires` how long a yes holds, in seconds."""

    def __init__(self, reading: Reading, shadow: bool, expires: float | None) -> None:
        self._reading = reading
        self._shadow = shadow
        self._expires = _EXPIRES if expires is None else expires

    def entry(
        self, value: Any, pointer: str, tool: str | None, what: Literal["tool", "category", "all_tools"]
    ) -> tuple[PolicyEntry, Fields]:
        """A rule object with all of our keys that `what` takes; its fields too, for another dialect's."""
        entry = PolicyEntry(pointer, tool)
        fields = self._reading.fields(value, pointer, what)
        if not fields:
            entry.shadow = self._shadow
            return entry, {}
        entry.shadow = self._reading.mode(fields, pointer, self._shadow)
        self._action(entry, fields)
        self._limited(entry, fields)
        if (value := fields.get("require")) is not None:
            self._require(entry, value)
        if (value := fields.get("deny_if")) is not None:
            self._deny_if(entry, value)
        if (value := fields.get("max_repeats")) is not None:
            entry.repeats = self._repeats(entry, value)
        if (value := fields.get("max_concurrent")) is not None:
            entry.concurrency = self._concurrent(entry, value)
        if (value := fields.get("timeout")) is not None:
            entry.timeout = self._reading.seconds(value, f"{pointer}/timeout")
        if (value := fields.get("redact")) is not None:
            entry.redact = self._redact(value, f"{pointer}/redact")
        return entry, fields

    def _refusal(self, entry: PolicyEntry, value: Any, pointer: str) -> tuple[PolicyCondition, ...]:
        """The conditions of a refusal; those that are wrong are reported and left out."""
        items = self._reading.items(value, pointer, "conditions")
        found = [self.condition(entry, item, below, "refusal") for item, below in items]
        return tuple(each[0] for each in found if each is not None)

    def condition(
        self, entry: PolicyEntry, value: Any, pointer: str, what: Literal["condition", "refusal", "require"]
    ) -> tuple[PolicyCondition, bool] | None:
        """One condition and whether it is shadowed; a call needs it unless it is part of a `refusal`."""
        fields = self._reading.fields(value, pointer, what)
        if fields is None:
            return None
        path, op, against = fields.get("path"), fields.get("op"), fields.get("value")
        path = None if path is None else self.path(path, f"{pointer}/path")
        op = None if op is None else self._operator(op, f"{pointer}/op")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        missing = self._missing(fields, pointer)
        if path is None or op is None or against is None:
            return None
        must_hold = what != "refusal"
        try:
            compiled = condition(path, op, against, must_hold, missing)
        except UnfitOperand as error:
            self._reading.problem(against, f"{pointer}/value", f"is {kind(against)}; {error}")
            return None
        entry.asked.append(PlacedCondition(pointer, compiled, must_hold, missing is not None))
        return compiled, shadow

    def _missing(self, fields: Fields, pointer: str) -> bool | None:
        """Whether a refusal holds where its argument is missing or null; None where it doesn't say."""
        if (missing := fields.get("missing")) is None:
            return None
        if fields.get("op") == "exists":
            self._reading.report(f"{pointer}/missing", 'says nothing beside "exists"; take it out')
        return self._reading.choice(missing, f"{pointer}/missing", _MISSING, "deny") == "deny"

    def path(self, value: Any, pointer: str) -> str | None:
        """A path into the arguments: `args.` and names joined by dots."""
        if isinstance(value, str) and value.startswith("args.") and all(value.split(".")):
            return value
        self._reading.problem(value, pointer, f'is {kind(value)}; it takes a path such as "args.size"')
        return None

    def approval(self, rule: str, reason: str, shadow: bool) -> Approval:
        """The approval that `require_approval` asks for by default."""
        return Approval(rule, self._expires, "call", reason, shadow)

    def most(self, value: Any, pointer: str, amount: Amount) -> int | None:
        """The `max` of a limit, in billionths: a whole number where calls are counted."""
        if amount == "call":
            calls = self._reading.whole(value, pointer)
            return None if calls is None else calls * UNIT
        return self._reading.amount(value, pointer, "US dollars" if amount == "price" else "a sum")

    def counted(self, entry: PolicyEntry, value: Any, pointer: str) -> tuple[str, ...] | None:
        """The names on the way to the argument that a limit adds up."""
        path = self.path(value, pointer)
        if path is None:
            return None
        number = condition(path, "gte", 0, must_hold=True)
        entry.amounts.append(PlacedCondition(pointer, number, must_hold=True))
        return tuple(path.split(".")[1:])

    def on_deny(self, fields: Fields, pointer: str) -> str:
        """The policy's own text for a refusal, empty when it has none."""
        text = fields.get("on_deny")
        return "" if text is None else self._reading.text(text, f"{pointer}/on_deny")

    def _operator(self, value: Any, pointer: str) -> str | None:
        if isinstance(value, str) and value in OPERATORS:
            return value
        name = f"operator {quoted(value)}" if isinstance(value, str) else f"operator: {kind(value)}"
        near = nearest(value, OPERATORS) if isinstance(value, str) else None
        hint = f"did you mean {quoted(near)}?" if near else f"it takes {', '.join(OPERATORS)}"
        self._reading.problem(value, pointer, f"unknown {name}; {hint}")
        return None

    def _action(self, entry: PolicyEntry, fields: Fields) -> None:
        reading, pointer = self._reading, entry.pointer
        if (action := fields.get("action")) is not None:
            entry.action = reading.choice(action, f"{pointer}/action", _ACTIONS, "deny")
        if (reason := fields.get("reason")) is not None:
            entry.reason = reading.text(reason, f"{pointer}/reason")
            if action is None:
                reading.report(f"{pointer}/reason", 'is never shown without "action": "deny"; add it')
        asks = entry.action == "require_approval"
        approval = self.approval(f"{pointer}/action", entry.reason, entry.shadow) if asks else None
        if (value := fields.get("approval")) is not None:
            if approval is None:
                message = 'says how long a yes holds, but none is asked for; add "action": "require_approval"'
                reading.report(f"{pointer}/approval", message)
            approval = self._approval(value, f"{pointer}/approval", approval or self.approval("", "", False))
        if approval is not None:
            entry.approvals.append(approval)

    def _approval(self, value: Any, pointer: str, approval: Approval) -> Approval:
        fields = self._reading.fields(value, pointer, "approval") or {}
        reading = self._reading
        lasts, who, ask = fields.get("expires"), fields.get("who"), fields.get("ask")
        expires = None if lasts is None else reading.seconds(lasts, f"{pointer}/expires")
        bounds = {
            key: most
            for key in ("max_open", "max_per_hour")
            if (value := fields.get(key)) is not None
            and (most := reading.whole(value, f"{pointer}/{key}")) is not None
        }
        return replace(
            approval,
            expires=approval.expires if expires is None else expires,
            who=approval.who if who is None else reading.choice(who, f"{pointer}/who", _WHO, "call"),
            ask=approval.ask if ask is None else reading.choice(ask, f"{pointer}/ask", _ASK, "command"),
            shadow=reading.mode(fields, pointer, approval.shadow),
            **bounds,
        )

    def _require(self, entry: PolicyEntry, value: Any) -> None:
        pointer = f"{entry.pointer}/require"
        items = self._reading.items(value, pointer, "conditions")
        found = [self.condition(entry, item, below, "require") for item, below in items]
        tests = [each for each in found if each is not None]
        ids = by_name(pointer, [f"{test.path}-{test.op}" for test, _ in tests])
        for rule, (test, shadow) in zip(ids, tests, strict=True):
            entry.tests.append(Test(rule, (test,), True, "", shadow))

    def _deny_if(self, entry: PolicyEntry, value: Any) -> None:
        pointer = f"{entry.pointer}/deny_if"
        names: list[str] = []
        found: list[tuple[tuple[PolicyCondition, ...], str, bool]] = []
        for index, (item, below) in enumerate(self._reading.items(value, pointer, "objects")):
            fields = self._reading.fields(item, below, "deny_if")
            if fields is None or (listed := fields.get("conditions")) is None:
                continue
            conditions = self._refusal(entry, listed, f"{below}/conditions")
            message = self.on_deny(fields, below)
            found.append((conditions, message, self._reading.mode(fields, below, entry.shadow)))
            one = conditions[0] if len(conditions) == 1 else None
            names.append(str(index) if one is None else f"{one.path}-{one.op}")
        for rule, (conditions, message, shadow) in zip(by_name(pointer, names), found, strict=True):
            entry.tests.append(Test(rule, conditions, False, message, shadow))

    def _limited(self, entry: PolicyEntry, fields: Fields) -> None:
        """Limits in the order in which a spent one is named: `rate_limit`, `limits`, `budget`."""
        if (value := fields.get("rate_limit")) is not None:
            self._rate_limit(entry, value)
        if (value := fields.get("limits")) is not None:
            self._limits(entry, value)
        if (value := fields.get("budget")) is not None:
            self._budget(entry, value)

    def _rate_limit(self, entry: PolicyEntry, value: Any) -> None:
        pointer = f"{entry.pointer}/rate_limit"
        fields = self._reading.fields(value, pointer, "rate_limit")
        if fields is None:
            return
        most, window, scope, shadow = self._capped(entry, fields, pointer)
        if most is not None and window is not None:
            calls = most * UNIT
            entry.limits.append(
                Limit(pointer, "rate_limit", entry.tool, calls, window, scope, "call", "", shadow)
            )

    def _limits(self, entry: PolicyEntry, value: Any) -> None:
        pointer = f"{entry.pointer}/limits"
        items = self._reading.items(value, pointer, "objects")
        limits = [limit for item, below in items if (limit := self._limit(entry, item, below)) is not None]
        for rule, limit in zip(by_name(pointer, [name for name, *_ in limits]), limits, strict=True):
            name, most, window, scope, amount, message, shadow = limit
            entry.limits.append(
                Limit(rule, "limits", entry.tool, most, window, scope, amount, message, shadow, name)
            )

    def _limit(
        self, entry: PolicyEntry, value: Any, pointer: str
    ) -> tuple[str, int, int, Scope, Amount, str, bool] | None:
        """One of `limits`, without the id that it gets among the others: counter, max, window, ..."""
        reading = self._reading
        fields = reading.fields(value, pointer, "limit")
        if fields is None:
            return None
        counter, taken, highest = fields.get("counter"), fields.get("amount"), fields.get("max")
        counter = "" if counter is None else reading.filled(counter, f"{pointer}/counter")
        amount = "call" if taken is None else self._amount(entry, taken, f"{pointer}/amount")
        most = None if highest is None else self.most(highest, f"{pointer}/max", amount or "price")
        window = self._window(fields, pointer)
        scope = reading.scope(fields, pointer, "grant")
        shadow = reading.mode(fields, pointer, entry.shadow)
        message = self.on_deny(fields, pointer)
        if not counter or amount is None or most is None or window is None:
            return None
        return counter, most, window, scope, amount, message, shadow

    def _amount(self, entry: PolicyEntry, value: Any, pointer: str) -> Amount | None:
        if value == "price":
            return "price"
        if not isinstance(value, str) or not value.startswith("args."):
            self._reading.problem(
                value, pointer, f'is {kind(value)}; it takes "price" or a path such as "args.n"'
            )
            return None
        return self.counted(entry, value, pointer)

    def _budget(self, entry: PolicyEntry, value: Any) -> None:
        pointer = f"{entry.pointer}/budget"
        fields = self._reading.fields(value, pointer, "budget")
        if fields is None:
            return
        highest = fields.get("max_usd")
        most = None if highest is None else self.most(highest, f"{pointer}/max_usd", "price")
        window = self._window(fields, pointer)
        scope = self._reading.scope(fields, pointer, "grant")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        if most is not None and window is not None:
            entry.limits.append(
                Limit(pointer, "budget", entry.tool, most, window, scope, "price", "", shadow)
            )

    def _repeats(self, entry: PolicyEntry, value: Any) -> Repeats | None:
        pointer = f"{entry.pointer}/max_repeats"
        fields = self._reading.fields(value, pointer, "max_repeats")
        if fields is None:
            return None
        most, window, scope, shadow = self._capped(entry, fields, pointer)
        if most is None or window is None:
            return None
        return Repeats(pointer, entry.tool, most, window, scope, shadow)

    def _concurrent(self, entry: PolicyEntry, value: Any) -> Concurrency | None:
        """`max_concurrent` is a number, or an object where it has a scope or a mode."""
        pointer = f"{entry.pointer}/max_concurrent"
        if not isinstance(value, dict):
            most = self._reading.whole(value, pointer)
            return None if most is None else Concurrency(pointer, entry.tool, most, "session", entry.shadow)
        fields = self._reading.fields(value, pointer, "max_concurrent") or {}
        most, _, scope, shadow = self._capped(entry, fields, pointer)
        return None if most is None else Concurrency(pointer, entry.tool, most, scope, shadow)

    def _capped(
        self, entry: PolicyEntry, fields: Fields, pointer: str
    ) -> tuple[int | None, int | None, Scope, bool]:
        """`max` calls in a `window`, by default of a session, and whether that is shadowed."""
        highest = fields.get("max")
        most = None if highest is None else self._reading.whole(highest, f"{pointer}/max")
        window = self._window(fields, pointer)
        scope = self._reading.scope(fields, pointer, "session")
        return most, window, scope, self._reading.mode(fields, pointer, entry.shadow)

    def _redact(self, value: Any, pointer: str) -> Redact:
        fields = self._reading.fields(value, pointer, "redact") or {}
        named = {
            key: frozenset(self._reading.names(fields[key], f"{pointer}/{key}", "names"))
            for key in KEYS["redact"]
            if fields.get(key) is not None
        }
        return Redact(named.get("arguments", frozenset()), named.get("results", frozenset()))

    def _window(self, fields: Fields, pointer: str) -> int | None:
        window = fields.get("window")
        return None if window is None else self._reading.window(window, f"{pointer}/window")
