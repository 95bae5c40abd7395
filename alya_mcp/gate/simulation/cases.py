"""Cases that a policy is tested by: sessions of calls, each with the decision that is expected of it.

A document of cases is a list of sessions:

    {"name": "...", "policy"?: {...}, "calls": [
      {"at": seconds, "tool": "...", "arguments": {...}, "grant"?: "label", "outcome"?: "ok" | "error",
       "person"?: "yes" | "no", "expect": "allow" | "deny" | "ask", "rule"?: "..."}]}

Every session starts with empty counters in every scope, and has a clock of its own that starts at 0; `at`
never goes back. A session's own policy goes before the one that is tested. Any grant is a known caller.
`outcome` is the handler's. `person` is what the user answers when asked; `expect` and `rule` are
then what the call comes to. Calls don't overlap.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, cast

from alya_mcp.gate.asking import Ask
from alya_mcp.gate.call import Call
from alya_mcp.gate.decision import Decision, Verdict
from alya_mcp.gate.documents.document import Document, Unreadable, kind, quoted, read_text, step
from alya_mcp.gate.documents.json import read_json
from alya_mcp.gate.errors import ToolError
from alya_mcp.gate.gate import Gate
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy import Policy, PolicyError
from alya_mcp.gate.policy.conditions import is_number
from alya_mcp.gate.policy.file import is_yaml
from alya_mcp.gate.policy.reading import LARGEST, Reading, Word, unknown_key
from alya_mcp.gate.policy.rules import SECOND
from alya_mcp.gate.refused import ApprovalNeeded, Refused
from alya_mcp.gate.simulation.rehearsal import Facts, FactsOf, SetClock
from alya_mcp.gate.state import MemoryState
from alya_mcp.gate.trace import Trace

Outcome = Literal["ok", "error"]
Person = Literal["yes", "no"]

_OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error")
_PERSON: Final[tuple[Person, ...]] = ("yes", "no")
_VERDICTS: Final[tuple[Verdict, ...]] = ("allow", "deny", "ask")
_SESSION_KEYS: Final = ("name", "policy", "calls")
_CALL_KEYS: Final = ("at", "tool", "arguments", "grant", "outcome", "person", "expect", "rule")
_CALL_NEEDS: Final = ("at", "tool", "arguments", "expect")


@dataclass(frozen=True, slots=True)
class CallCase:
    """One call and what is expected of it; `at_ns` is since the session's start, `line` in the document."""

    at_ns: int
    tool: str
    arguments: Mapping[str, Any]
    grant: str | None
    outcome: Outcome
    person: Person | None
    expect: Verdict
    rule: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """Calls of one client connection; `policy` is the session's own, None for the one that is tested."""

    name: str
    policy: Policy | None
    cases: tuple[CallCase, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A call that didn't come to what was expected.

    `number` counts the session's calls from 1. `got` is what it came to, `trace` what every rule on its way
    saw before.
    """

    session: str
    number: int
    case: CallCase
    got: Decision
    trace: Trace


class CasesError(PolicyError):
    """A document holds no cases. `problems` holds everything that is wrong with it."""


def read_cases(
    data: bytes | str, name: str = "cases", tools: Collection[str] | None = None
) -> tuple[SimulatedSession, ...]:
    """The sessions of a document: strict JSON, or YAML where `name` ends in `.yaml` or `.yml`.

    `tools` are the names of all tools, where they are known; those of the cases count as known too.

    Raises:
        CasesError: listing everything that is wrong, each with line, column and JSON Pointer.
    """
    try:
        text = read_text(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        if is_yaml(name):
            from alya_mcp.gate.documents.yaml import read_yaml

            reading = _Reading(read_yaml(text), tools)
        else:
            reading = _Reading(read_json(text), tools)
        sessions = reading.sessions()
        if problems := reading.problems:
            raise Unreadable(sorted(problems, key=lambda each: (each.line or 0, each.column or 0)))
    except Unreadable as error:
        raise CasesError(error.problems, name) from None
    return sessions


async def differences(
    sessions: Sequence[SimulatedSession], policy: Callable[[], Policy], facts: FactsOf
) -> list[Difference]:
    """Play every call through a gate, and return those that didn't come to what was expected.

    `policy` gives the policy that is tested; it is asked for only where a session has none of its own.
    """
    return [
        difference
        for session in sessions
        for difference in await _play(session, session.policy or policy(), facts)
    ]


async def _play(session: SimulatedSession, policy: Policy, facts: FactsOf) -> list[Difference]:
    clock = SetClock()
    gate = Gate(policy, MemoryState(clock), clock=clock)
    found: list[Difference] = []
    for number, case in enumerate(session.cases, 1):
        clock.set(case.at_ns)
        call = _call(case, facts(case.tool))
        trace = gate.explain(call)
        got = await _come_to(gate, call, case)
        if got.decision != case.expect or (case.rule is not None and got.rule != case.rule):
            found.append(Difference(session.name, number, case, got, trace))
    return found


def _call(case: CallCase, facts: Facts) -> Call:
    return Call(
        tool=case.tool,
        arguments=case.arguments,
        session="session",
        grant=case.grant or "local",
        known=facts.known,
        price=facts.price or 0.0,
        priced_per=facts.priced_per,
        category=facts.category,
        validate=facts.validate,
    )


async def _come_to(gate: Gate, call: Call, case: CallCase) -> Decision:
    """The result of the call, after the user's answer if there is one."""

    async def handler(_: Mapping[str, Any]) -> None:
        if case.outcome == "error":
            raise ToolError("the case says so")

    async def answer(_: object) -> Literal["accept", "decline"]:
        return "accept" if case.person == "yes" else "decline"

    ask: Ask | None = None if case.person is None else answer
    try:
        await gate.call(call, handler, ask=ask, resumable=ask is None)
    except ToolError:
        return gate.policy.allowed
    except (ApprovalNeeded, Refused) as refused:
        return refused.decision
    return gate.policy.allowed


class _Reading(Reading):
    """Reads the document, noting everything that is wrong with it."""

    def __init__(self, document: Document, tools: Collection[str] | None) -> None:
        super().__init__(document)
        self._tools = None if tools is None else {*tools, *_tools_in(document.value)}

    def sessions(self) -> tuple[SimulatedSession, ...]:
        listed = self.items(self.document.value, "", "sessions")
        return tuple(self._session(value, pointer) for value, pointer in listed)

    def _session(self, value: Any, pointer: str) -> SimulatedSession:
        fields = self._object(value, pointer, _SESSION_KEYS, ("name", "calls"))
        name = self.filled(fields["name"], f"{pointer}/name") if "name" in fields else ""
        policy = self._policy(fields["policy"], f"{pointer}/policy") if "policy" in fields else None
        calls = self.items(fields["calls"], f"{pointer}/calls", "calls") if "calls" in fields else ()
        return SimulatedSession(name, policy, tuple(self._cases(calls)))

    def _policy(self, value: Any, pointer: str) -> Policy | None:
        if self.document.problems:  # a policy in a damaged text would be faulted for that damage once more
            return None
        if not isinstance(value, dict):
            self.problem(value, pointer, f"is {kind(value)}; it takes a policy, an object")
            return None
        try:
            return Policy.parse(cast("Mapping[str, Any]", value), self._tools)
        except PolicyError as error:
            for each in error.problems:
                self.report(pointer + each.pointer, each.message)
        return None

    def _cases(self, calls: Sequence[tuple[Any, str]]) -> Iterator[CallCase]:
        last = 0
        for value, pointer in calls:
            case = self._case(value, pointer, last)
            last = max(last, case.at_ns)
            yield case

    def _case(self, value: Any, pointer: str, last_ns: int) -> CallCase:
        fields = self._object(value, pointer, _CALL_KEYS, _CALL_NEEDS)
        arguments = fields.get("arguments", {})
        if not isinstance(arguments, dict):
            self.problem(arguments, f"{pointer}/arguments", f"is {kind(arguments)}; it takes an object")
            arguments = {}
        return CallCase(
            at_ns=self._at(fields["at"], f"{pointer}/at", last_ns) if "at" in fields else last_ns,
            tool=self._filled(fields, "tool", pointer) or "",
            arguments=cast("Mapping[str, Any]", arguments),
            grant=self._filled(fields, "grant", pointer),
            outcome=self._one_of(fields, "outcome", pointer, _OUTCOMES) or "ok",
            person=self._one_of(fields, "person", pointer, _PERSON),
            expect=self._one_of(fields, "expect", pointer, _VERDICTS) or "deny",
            rule=self.text(fields["rule"], f"{pointer}/rule") if "rule" in fields else None,
            line=self.document.place(pointer)[0],
        )

    def _at(self, value: Any, pointer: str, last_ns: int) -> int:
        if not is_number(value) or not 0 <= value <= LARGEST:
            self.problem(value, pointer, f"is {kind(value)}; it takes seconds from 0 to {LARGEST:,}")
            return last_ns
        at_ns = math.ceil(Decimal(repr(value)) * SECOND)
        if at_ns < last_ns:
            last = f"{plain(last_ns / SECOND)}"
            self.report(pointer, f"is {kind(value)}; the call before is at {last}, and time never goes back")
        return at_ns

    def _filled(self, fields: Mapping[str, Any], key: str, pointer: str) -> str | None:
        return self.filled(fields[key], f"{pointer}/{key}") if key in fields else None

    def _one_of(
        self, fields: Mapping[str, Any], key: str, pointer: str, known: Sequence[Word]
    ) -> Word | None:
        return self.choice(fields[key], f"{pointer}/{key}", known, known[0]) if key in fields else None

    def _object(
        self, value: Any, pointer: str, known: Sequence[str], needed: Sequence[str]
    ) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.problem(value, pointer, f"is {kind(value)}; it takes an object")
            return {}
        members = cast("dict[str, Any]", value)
        for key in members:
            if key not in known:
                self.report(step(pointer, key), unknown_key(key, known), key=True)
        for key in needed:
            if key not in members:
                self.report(pointer, f"{quoted(key)} is missing")
        return members


def _tools_in(value: object) -> Iterator[str]:
    """The tools that a document of cases calls, whatever else is wrong with it."""
    for session in cast("list[Any]", value) if isinstance(value, list) else ():
        calls: Any = cast("dict[str, Any]", session).get("calls") if isinstance(session, dict) else None
        for call in cast("list[Any]", calls) if isinstance(calls, list) else ():
            tool: Any = cast("dict[str, Any]", call).get("tool") if isinstance(call, dict) else None
            if isinstance(tool, str):
                yield tool
