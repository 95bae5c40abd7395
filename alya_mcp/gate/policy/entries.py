"""Reads the rule objects of our own keys and of the product dialect: of a tool, a category or all tools."""

from dataclasses import dataclass, field, replace
from typing import Literal

from ..conditions import OPERATORS, Unfit, condition
from ..document import Node, quoted, step
from ..rules import UNIT, Approval, Concurrency, Condition, Limit, Redact, Repeats, Rules, Scope, Test
from .reading import Fields, Reading, by_name

Action = Literal["allow", "deny", "require_approval"]
Amount = Literal["call", "price"] | tuple[str, ...]

_ACTIONS: tuple[Action, ...] = ("allow", "deny", "require_approval")
_WHO: tuple[Literal["call", "session"], ...] = ("call", "session")
_EXPIRES = 600.0


@dataclass(slots=True)
class Asked:
    """A condition of the document, and where it stands; kept for what is said of it later."""

    pointer: str
    at: int
    test: Condition
    must_hold: bool


@dataclass(slots=True)
class Entry:
    """What one rule object says. `tool` is the tool it counts for, None where all count together."""

    pointer: str
    tool: str | None = None
    shadow: bool = False
    action: Action = "allow"
    reason: str = ""
    tests: list[Test] = field(default_factory=list[Test])
    limits: list[Limit] = field(default_factory=list[Limit])
    repeats: Repeats | None = None
    concurrency: Concurrency | None = None
    approvals: list[Approval] = field(default_factory=list[Approval])
    timeout: float | None = None
    redact: Redact = field(default_factory=Redact)
    asked: list[Asked] = field(default_factory=list[Asked])
    amounts: list[Asked] = field(default_factory=list[Asked])

    def rules(self, *wider: "Entry") -> Rules:
        """What a call of the tool is asked: what stands here before what `wider` entries say."""
        entries = (self, *wider)
        return Rules(
            tests=tuple(test for entry in entries for test in entry.tests),
            repeats=tuple(entry.repeats for entry in entries if entry.repeats is not None),
            concurrency=tuple(entry.concurrency for entry in entries if entry.concurrency is not None),
            limits=tuple(limit for entry in entries for limit in entry.limits),
            approval=_strictest([approval for entry in entries for approval in entry.approvals]),
            timeout=self.timeout,
            redact=self.redact,
        )

    def of(self, tool: str) -> "Entry":
        """The same for one tool of a category: what it counts is its own."""
        return replace(
            self,
            tool=tool,
            limits=[replace(limit, tool=tool) for limit in self.limits],
            repeats=None if self.repeats is None else replace(self.repeats, tool=tool),
            concurrency=None if self.concurrency is None else replace(self.concurrency, tool=tool),
        )


class EntryReader:
    """Reads rule objects. `shadow` is the document's own mode, `expires` how long a yes holds, in seconds."""

    def __init__(self, reading: Reading, shadow: bool, expires: float | None) -> None:
        self._reading = reading
        self._shadow = shadow
        self._expires = _EXPIRES if expires is None else expires

    def entry(
        self, node: Node, pointer: str, tool: str | None, kind: Literal["tool", "category", "all_tools"]
    ) -> tuple[Entry, Fields]:
        """A rule object with all of our keys that `kind` takes; its fields too, for another dialect's."""
        entry = Entry(pointer, tool)
        fields = self._reading.fields(node, pointer, kind)
        if fields is None:
            return entry, {}
        entry.shadow = self._reading.mode(fields, pointer, self._shadow)
        self._action(entry, fields)
        if value := fields.get("require"):
            entry.tests += self._require(entry, value)
        if value := fields.get("deny_if"):
            entry.tests += self._deny_if(entry, value)
        if value := fields.get("rate_limit"):
            self._rate_limit(entry, value)
        if value := fields.get("limits"):
            self._limits(entry, value)
        if value := fields.get("budget"):
            self._budget(entry, value)
        if value := fields.get("max_repeats"):
            entry.repeats = self._repeats(entry, value)
        if value := fields.get("max_concurrent"):
            entry.concurrency = self._concurrent(entry, value)
        if value := fields.get("timeout"):
            entry.timeout = self._reading.seconds(value, f"{pointer}/timeout")
        if value := fields.get("redact"):
            entry.redact = self._redact(value, f"{pointer}/redact")
        return entry, fields

    def conditions(self, entry: Entry, node: Node, pointer: str, must_hold: bool) -> list[Condition]:
        """A list of conditions; those that are wrong are reported and left out."""
        items = self._reading.items(node, pointer, "conditions")
        found = [self.condition(entry, item, below, "condition", must_hold) for item, below in items]
        return [each[0] for each in found if each is not None]

    def condition(
        self,
        entry: Entry,
        node: Node,
        pointer: str,
        kind: Literal["condition", "require"],
        must_hold: bool,
    ) -> tuple[Condition, bool] | None:
        """One condition and whether it is shadowed."""
        wants = ('"path": "args.name"', '"op": "eq"', '"value": 1')
        fields = self._reading.fields(node, pointer, kind, wants)
        if fields is None:
            return None
        path = self.path(fields["path"], f"{pointer}/path") if "path" in fields else None
        op = self._operator(fields["op"], f"{pointer}/op") if "op" in fields else None
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        if path is None or op is None or "value" not in fields:
            return None
        value = fields["value"]
        try:
            compiled = condition(path, op, value.plain(), must_hold)
        except Unfit as error:
            self._reading.problem(value, f"{pointer}/value", f"is {value.kind()}; {error}")
            return None
        entry.asked.append(Asked(pointer, node.at, compiled, must_hold))
        return compiled, shadow

    def path(self, node: Node, pointer: str) -> str | None:
        """A path into the arguments: `args.` and names joined by dots."""
        path = self._reading.text(node, pointer)
        names = path.split(".")
        if names[0] == "args" and len(names) > 1 and all(names):
            return path
        if path or node.value == "":
            self._reading.problem(
                node, pointer, f'is {node.kind()}; it takes "args." and a name: "args.size"'
            )
        return None

    def approval(self, rule: str, reason: str, shadow: bool) -> Approval:
        """A person's yes as it is needed where the document says no more."""
        return Approval(rule, self._expires, "call", reason, shadow)

    def _operator(self, node: Node, pointer: str) -> str | None:
        op = self._reading.text(node, pointer)
        if op in OPERATORS:
            return op
        if op or node.value == "":
            message = f"unknown operator {quoted(op)}; it takes {', '.join(OPERATORS)}"
            self._reading.problem(node, pointer, message)
        return None

    def _action(self, entry: Entry, fields: Fields) -> None:
        reading, pointer = self._reading, entry.pointer
        if node := fields.get("action"):
            entry.action = reading.choice(node, f"{pointer}/action", _ACTIONS, "deny")
        if node := fields.get("reason"):
            entry.reason = reading.text(node, f"{pointer}/reason")
            if "action" not in fields:
                reading.problem(node, f"{pointer}/reason", 'is never shown without "action": "deny"; add it')
        approval = self.approval(f"{pointer}/action", entry.reason, entry.shadow)
        if node := fields.get("approval"):
            if entry.action != "require_approval":
                message = 'says how long a yes holds, but none is asked for; add "action": "require_approval"'
                reading.problem(node, f"{pointer}/approval", message)
            approval = self._approval(node, f"{pointer}/approval", approval)
        if entry.action == "require_approval":
            entry.approvals.append(approval)

    def _approval(self, node: Node, pointer: str, approval: Approval) -> Approval:
        fields = self._reading.fields(node, pointer, "approval") or {}
        expires = (
            self._reading.seconds(fields["expires"], f"{pointer}/expires") if "expires" in fields else None
        )
        who = fields.get("who")
        return replace(
            approval,
            expires=approval.expires if expires is None else expires,
            who=approval.who if who is None else self._reading.choice(who, f"{pointer}/who", _WHO, "call"),
            shadow=self._reading.mode(fields, pointer, approval.shadow),
        )

    def _require(self, entry: Entry, node: Node) -> list[Test]:
        pointer = f"{entry.pointer}/require"
        items = self._reading.items(node, pointer, "conditions")
        found = [self.condition(entry, item, below, "require", must_hold=True) for item, below in items]
        held = [each for each in found if each is not None]
        ids = by_name(pointer, [f"{test.path}-{test.op}" for test, _ in held])
        return [Test(rule, (test,), True, "", shadow) for rule, (test, shadow) in zip(ids, held, strict=True)]

    def _deny_if(self, entry: Entry, node: Node) -> list[Test]:
        pointer = f"{entry.pointer}/deny_if"
        found: list[tuple[str, Test]] = []
        for index, (item, below) in enumerate(self._reading.items(node, pointer, "objects")):
            fields = self._reading.fields(item, below, "deny_if", ('"conditions": []',))
            if fields is None or "conditions" not in fields:
                continue
            where = f"{below}/conditions"
            conditions = tuple(self.conditions(entry, fields["conditions"], where, must_hold=False))
            message = self._on_deny(fields, below)
            shadow = self._reading.mode(fields, below, entry.shadow)
            name = f"{conditions[0].path}-{conditions[0].op}" if len(conditions) == 1 else str(index)
            found.append((name, Test("", conditions, False, message, shadow)))
        ids = by_name(pointer, [name for name, _ in found])
        return [replace(test, rule=rule) for rule, (_, test) in zip(ids, found, strict=True)]

    def _on_deny(self, fields: Fields, pointer: str) -> str:
        node = fields.get("on_deny")
        return "" if node is None else self._reading.text(node, f"{pointer}/on_deny")

    def _rate_limit(self, entry: Entry, node: Node) -> None:
        pointer = f"{entry.pointer}/rate_limit"
        fields = self._reading.fields(node, pointer, "rate_limit", ('"max": 10', '"window": 60'))
        if fields is None:
            return
        most = self._reading.whole(fields["max"], f"{pointer}/max") if "max" in fields else None
        window = self._window(fields, pointer)
        scope = self._reading.scope(fields, pointer, "session")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        if most is not None and window is not None:
            counted = most * UNIT
            entry.limits.append(
                Limit(pointer, "rate_limit", entry.tool, counted, window, scope, "call", "", shadow)
            )

    def _limits(self, entry: Entry, node: Node) -> None:
        pointer = f"{entry.pointer}/limits"
        items = self._reading.items(node, pointer, "objects")
        found = [self._limit(entry, item, below) for item, below in items]
        limits = [limit for limit in found if limit is not None]
        ids = by_name(pointer, [limit.rule for limit in limits])
        entry.limits += [replace(limit, rule=rule) for rule, limit in zip(ids, limits, strict=True)]

    def _limit(self, entry: Entry, node: Node, pointer: str) -> Limit | None:
        """One of `limits`; its `rule` is the counter's name, until all in the list are known."""
        reading = self._reading
        wants = ('"counter": "calls"', '"window": "minute"', '"max": 10')
        fields = reading.fields(node, pointer, "limit", wants)
        if fields is None:
            return None
        counter = reading.filled(fields["counter"], f"{pointer}/counter") if "counter" in fields else ""
        amount: Amount | None = "call"
        if taken := fields.get("amount"):
            amount = self._amount(entry, taken, f"{pointer}/amount")
        most: int | None = None
        if highest := fields.get("max"):
            most = self.most(highest, f"{pointer}/max", amount or "price")
        window = self._window(fields, pointer)
        scope: Scope = reading.scope(fields, pointer, "grant")
        shadow = reading.mode(fields, pointer, entry.shadow)
        message = self._on_deny(fields, pointer)
        if not counter or amount is None or most is None or window is None:
            return None
        return Limit(counter, "limits", entry.tool, most, window, scope, amount, message, shadow)

    def most(self, node: Node, pointer: str, amount: Amount) -> int | None:
        """The `max` of a limit, in billionths: a whole number where calls are counted."""
        if amount == "call":
            calls = self._reading.whole(node, pointer)
            return None if calls is None else calls * UNIT
        return self._reading.amount(node, pointer, "US dollars" if amount == "price" else "a sum")

    def _amount(self, entry: Entry, node: Node, pointer: str) -> Amount | None:
        if node.value == "price":
            return "price"
        if not isinstance(node.value, str) or not node.value.startswith("args."):
            self._reading.problem(node, pointer, f'is {node.kind()}; it takes "price" or "args." and a name')
            return None
        return self.counted(entry, node, pointer)

    def counted(self, entry: Entry, node: Node, pointer: str) -> tuple[str, ...] | None:
        """The names on the way to the argument that a limit adds up."""
        path = self.path(node, pointer)
        if path is None:
            return None
        entry.amounts.append(
            Asked(pointer, node.at, condition(path, "gte", 0, must_hold=True), must_hold=True)
        )
        return tuple(path.split(".")[1:])

    def _budget(self, entry: Entry, node: Node) -> None:
        pointer = f"{entry.pointer}/budget"
        fields = self._reading.fields(node, pointer, "budget", ('"max_usd": 1', '"window": "day"'))
        if fields is None:
            return
        most: int | None = None
        if highest := fields.get("max_usd"):
            most = self._reading.amount(highest, f"{pointer}/max_usd", "US dollars")
        window = self._window(fields, pointer)
        scope = self._reading.scope(fields, pointer, "grant")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        if most is not None and window is not None:
            entry.limits.append(
                Limit(pointer, "budget", entry.tool, most, window, scope, "price", "", shadow)
            )

    def _repeats(self, entry: Entry, node: Node) -> Repeats | None:
        pointer = f"{entry.pointer}/max_repeats"
        fields = self._reading.fields(node, pointer, "max_repeats", ('"max": 3', '"window": 60'))
        if fields is None:
            return None
        most = self._reading.whole(fields["max"], f"{pointer}/max") if "max" in fields else None
        window = self._window(fields, pointer)
        scope = self._reading.scope(fields, pointer, "session")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        if most is None or window is None:
            return None
        return Repeats(pointer, entry.tool, most, window, scope, shadow)

    def _concurrent(self, entry: Entry, node: Node) -> Concurrency | None:
        """`max_concurrent` is a number, or an object where it has a scope or a mode."""
        pointer = f"{entry.pointer}/max_concurrent"
        if node.members is None:
            most = self._reading.whole(node, pointer)
            return None if most is None else Concurrency(pointer, entry.tool, most, "session", entry.shadow)
        fields = self._reading.fields(node, pointer, "max_concurrent", ('"max": 2',)) or {}
        most = self._reading.whole(fields["max"], f"{pointer}/max") if "max" in fields else None
        scope = self._reading.scope(fields, pointer, "session")
        shadow = self._reading.mode(fields, pointer, entry.shadow)
        return None if most is None else Concurrency(pointer, entry.tool, most, scope, shadow)

    def _redact(self, node: Node, pointer: str) -> Redact:
        fields = self._reading.fields(node, pointer, "redact") or {}
        named = {
            key: frozenset(name for name, _, _ in self._reading.names(each, f"{pointer}/{key}", "names"))
            for key, each in fields.items()
        }
        return Redact(named.get("arguments", frozenset()), named.get("results", frozenset()))

    def _window(self, fields: Fields, pointer: str) -> int | None:
        node = fields.get("window")
        return None if node is None else self._reading.window(node, step(pointer, "window"))


def _strictest(approvals: list[Approval]) -> Approval | None:
    """The one yes that satisfies all: enforced before shadowed, the shortest, for one call if any says so."""
    enforced = [approval for approval in approvals if not approval.shadow] or approvals
    if not enforced:
        return None
    return replace(
        enforced[0],
        expires=min(approval.expires for approval in enforced),
        who="call" if any(approval.who == "call" for approval in enforced) else "session",
    )
