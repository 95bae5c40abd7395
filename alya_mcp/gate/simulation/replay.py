"""Replays the calls of an audit log under another policy.

The log holds the names of arguments and a digest of their values, never a value. So rules that need one,
conditions and limits that add up an argument, can't be judged again, and are named instead of guessed. Equal
arguments have equal digests, so loop caps and approvals can be. What is assumed where the log is silent:

- a call that can't be judged counts as let through, and one that the log has no outcome for as a success;
- a call that was refused before its arguments were checked counts as one whose arguments fit;
- a user who said yes or no to a call says it again; what they would say to another one isn't known;
- a call costs what its tool costs now.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from alya_mcp.gate.call import Answer, Call, Said
from alya_mcp.gate.decision import AUDIT, GATE_ERROR, INVALID_ARGUMENTS, UNKNOWN_TOOL, Decision
from alya_mcp.gate.errors import AuditError, InvalidArguments, ToolError
from alya_mcp.gate.gate import Gate
from alya_mcp.gate.judged import COLLECTS
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.rules import Limit, Rules
from alya_mcp.gate.redaction import REDACTED
from alya_mcp.gate.refused import ApprovalNeeded, Refused
from alya_mcp.gate.simulation.records import is_complete, time_of
from alya_mcp.gate.simulation.rehearsal import Facts, FactsOf, SetClock
from alya_mcp.gate.state import MemoryState

_OUTSIDE_POLICY: Final = frozenset({AUDIT, GATE_ERROR})


@dataclass(frozen=True, slots=True)
class ChangedDecision:
    """A call on which the other policy decides otherwise: the record of then, and the decision of now."""

    record: Mapping[str, Any]
    now: Decision


@dataclass(slots=True)
class Replayed:
    """What came of a replay.

    `calls` were judged again and `same` of them came to the same decision. `unjudged` counts the calls that
    hang on a rule which needs a value, by the ids of such rules. `unchecked` are the calls among `changes`
    that were refused before their arguments were checked. `shadow` counts what rules in shadow mode would
    have refused, by rule. `skipped` records tell of no decision by a policy.
    """

    calls: int = 0
    same: int = 0
    skipped: int = 0
    unchecked: int = 0
    changes: list[ChangedDecision] = field(default_factory=list[ChangedDecision])
    unjudged: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    shadow: dict[str, int] = field(default_factory=dict[str, int])


async def replay(records: Iterable[Mapping[str, Any]], policy: Policy, facts: FactsOf) -> Replayed:
    """Judge the calls of `records`, which stand in order of time, by `policy`, on their own clock.

    Raises:
        AuditError: as it came out of `records`.
    """
    found = Replayed()
    unreadable: AuditError | None = None
    async with anyio.create_task_group() as group:
        stage = _Stage(found, policy, facts, group)
        try:
            for record in records:
                await stage.take(record)
        except AuditError as error:
            unreadable = error  # raised below, outside the group that would wrap it
        group.cancel_scope.cancel()
    if unreadable is not None:
        raise unreadable
    return found


class _WithoutValues(Policy):
    """A policy without the rules that need the value of an argument that isn't on record."""

    facts: FactsOf

    @cached_property
    def _kept(self) -> dict[tuple[str, str | None], Rules]:
        return {}

    def rules(self, tool: str, category: str | None = None) -> Rules:
        kept = self._kept.get((tool, category))
        if kept is None:
            rules = super().rules(tool, category)
            kept = self._kept[tool, category] = replace(
                rules,
                tests=tuple(test for test in rules.tests if not test.conditions),
                limits=tuple(limit for limit in rules.limits if _on_record(limit, self.facts(tool))),
            )
        return kept


@dataclass(slots=True)
class _Running:
    """A call whose handler runs until the log tells its outcome."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    settled: anyio.Event = field(default_factory=anyio.Event)
    outcome: str = "ok"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A call that the log shows waiting for the user: which, by which rule, and how the other policy judged
    it."""

    call: tuple[str, str | int] | None
    asked_by: str
    now: Decision
    state: str | None


class _Stage:
    """Plays the records one after the other."""

    def __init__(self, found: Replayed, policy: Policy, facts: FactsOf, group: TaskGroup) -> None:
        self.found = found
        self._policy = policy
        self._facts_of = facts
        self._facts: dict[str, Facts] = {}
        self._group = group
        self._clock = SetClock()
        judging = _WithoutValues.parse(policy.document)
        judging.facts = self._known
        self._gate = Gate(judging, MemoryState(self._clock), clock=self._clock)
        self._shadows = '"shadow"' in json.dumps(policy.document)
        self._began: int | None = None
        self._running: dict[tuple[str, int], _Running] = {}
        self._waiting: dict[tuple[str, ...], _Waiting] = {}

    async def take(self, record: Mapping[str, Any]) -> None:
        """Play one record."""
        at = time_of(record)
        if at is None or not is_complete(record):
            self.found.skipped += 1
            return
        self._began = at if self._began is None else self._began
        self._clock.set(at - self._began)
        if "outcome" in record:
            await self._settle(record)
        elif record["rule"] in _OUTSIDE_POLICY:
            self.found.skipped += 1
        else:
            await self._judge(record)

    async def _settle(self, record: Mapping[str, Any]) -> None:
        running = self._running.pop((record["session"], record.get("decided", 0)), None)
        if running is not None:
            running.outcome = record["outcome"]
            running.ended.set()
            await running.settled.wait()

    async def _judge(self, record: Mapping[str, Any]) -> None:
        facts = self._known(record["tool"])
        rules = self._policy.rules(record["tool"], facts.category)
        same_policy = record["policy"] == self._policy.digest
        bound = "" if rules.approval is None or rules.approval.who == "call" else record["session"]
        key = (str(record["grant"]), record["tool"], str(record["arguments"]), bound)
        request = record.get("request")
        this = None if request is None else (record["session"], request)
        before = self._waiting.get(key)
        kept = before is not None and this is not None and before.call == this  # nobody answered its client
        if record["decision"] != "ask":
            self._waiting.pop(key, None)
        elif not kept:
            before = None
        if before is not None and (before.state is None or record["decision"] == "ask"):
            now = before.now  # it came to this when it was made; it isn't made a second time
        else:
            said = None if before is None else _said(record, before.asked_by)
            failing = same_policy and any(record["rule"] == test.rule for test in rules.tests)
            call = self._call(record, facts, misfit=failing or record["rule"] == INVALID_ARGUMENTS)
            if before is not None and before.state is not None and said is not None:
                call, said = replace(call, answer=Answer(before.state, said)), None  # not asked a second time
            now, state = await self._decide(call, record, said)
            if failing and now.rule == INVALID_ARGUMENTS:
                now = replace(now, rule=record["rule"])
            if record["decision"] == "ask":
                self._waiting[key] = _Waiting(this, record["rule"], now, state)
        self._note(record, now, _needs(record, rules, facts, same_policy))

    def _note(self, record: Mapping[str, Any], now: Decision, needs: tuple[str, ...]) -> None:
        found = self.found
        found.calls += 1
        for each in now.shadow:
            found.shadow[each.rule] = found.shadow.get(each.rule, 0) + 1
        if needs and now.decision != "deny":
            found.unjudged[needs] = found.unjudged.get(needs, 0) + 1
        elif now.decision == record["decision"]:
            found.same += 1
        else:
            found.changes.append(ChangedDecision(record, now))
            found.unchecked += record["decision"] == "deny" and _refused_early(record["rule"])

    async def _decide(
        self, call: Call, record: Mapping[str, Any], said: Said | None
    ) -> tuple[Decision, str | None]:
        """The gate's decision on the call, to which the user `said` something; with a state if it must wait.

        The call goes on running if the log has yet to tell how it ended.
        """
        shadow = self._gate.decide(call).shadow if self._shadows else ()
        running = _Running()
        refusals: list[tuple[Decision, str | None]] = []

        async def answer(_: object) -> Said:
            return said or "cancel"

        async def play(*, task_status: TaskStatus[None]) -> None:
            async def handler(_: Mapping[str, Any]) -> None:
                task_status.started()
                await running.ended.wait()
                if running.outcome != "ok":
                    raise ToolError(running.outcome)

            try:
                ask = None if said is None else answer
                await self._gate.call(call, handler, ask=ask, resumable=ask is None)
            except ToolError:
                pass
            except Refused as refused:
                state = refused.state if isinstance(refused, ApprovalNeeded) else None
                refusals.append((refused.decision, state))
                task_status.started()
            running.settled.set()

        await self._group.start(play)
        if refusals:
            return refusals[0]
        if record["decision"] == "allow":
            self._running[record["session"], record["seq"]] = running
        else:
            running.ended.set()
            await running.settled.wait()
        return replace(self._policy.allowed, shadow=shadow), None

    def _call(self, record: Mapping[str, Any], facts: Facts, *, misfit: bool) -> Call:
        def unfit(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise InvalidArguments("the arguments don't fit")

        same = str(record["arguments"])
        if record["arguments"] is None or REDACTED in record["keys"]:
            same = f"{record['session']} {record['seq']}"
        units = {} if facts.priced_per is None else {facts.priced_per: record.get("units", 1)}
        return Call(
            tool=record["tool"],
            arguments={"digest": same, **units},
            session=record["session"],
            grant=record["grant"],
            schema=record.get("schema"),
            known=record["rule"] != UNKNOWN_TOOL,
            price=facts.price or 0.0,
            priced_per=facts.priced_per,
            category=facts.category,
            validate=unfit if misfit else None,
            collects=_collected if record["message"] == COLLECTS else None,
        )

    def _known(self, tool: str) -> Facts:
        if tool not in self._facts:
            self._facts[tool] = self._facts_of(tool)
        return self._facts[tool]


def _needs(record: Mapping[str, Any], rules: Rules, facts: Facts, same_policy: bool) -> tuple[str, ...]:
    """The ids of enforced rules that the log doesn't hold enough for."""
    tests = () if same_policy else (test for test in rules.tests if test.conditions and not test.shadow)
    redacted = REDACTED in record["keys"]
    repeats = (rule for rule in rules.repeats if redacted and not rule.shadow)
    limits = (
        limit
        for limit in rules.limits
        if not limit.shadow
        and (
            not _on_record(limit, facts)
            or (limit.amount == "price" and facts.price is None)
            or (limit.amount != "call" and redacted and facts.priced_per is not None)
        )
    )
    return tuple(dict.fromkeys(rule.rule for rule in (*tests, *repeats, *limits)))


def _on_record(limit: Limit, facts: Facts) -> bool:
    """Whether the log tells what a call takes of `limit`."""
    return isinstance(limit.amount, str) or limit.amount == (facts.priced_per,)


def _collected(_: Mapping[str, Any], policy: str) -> str:
    """The policy under which an earlier call began what this one collects: all are judged by the same."""
    return policy


def _said(record: Mapping[str, Any], asked_by: str) -> Said:
    """What the user said to a call that waited for them, as the log shows it."""
    refused = record["decision"] == "deny" and record["rule"] == asked_by
    return "decline" if refused else "accept"


def _refused_early(rule: str) -> bool:
    return rule.endswith("/action") or (rule.startswith("(") and rule != INVALID_ARGUMENTS)
