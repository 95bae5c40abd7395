"""The gate against the slow, obvious model of it in `model.py`: thousands of made-up policies and sessions.

A world holds two gates on one state, as two server processes have, and a few sessions and grants. Calls
come in, wait for a person, run, end in every way there is; the policy is replaced, time passes, the wall
clock jumps, a process ends and another begins. After every step the gate and the model must say the same:
decision, rule, when to come again, what shadowed rules would have done.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from gate_support import SECOND, HandClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model import Asked, How, Model, Question, Running, Said, exact

from alya_mcp.gate import (
    Call,
    Decision,
    Gate,
    InvalidArguments,
    MemoryState,
    Policy,
    Refused,
    SqliteState,
    TimedOut,
    ToolError,
)
from alya_mcp.gate.approvals import Unanswerable
from alya_mcp.gate.call import Answer
from alya_mcp.gate.refused import ApprovalNeeded

TOOLS: Mapping[str, str | None] = {"draw": "Write", "look": "Read", "s/l~h": "Read", "d.t": None}
ARGUMENTS: tuple[Any, ...] = (
    {},
    {"n": 0},
    {"n": 1},
    {"n": 1.0},
    {"n": True},
    {"n": "1"},
    {"n": 0.25},
    {"n": 0.1},
    {"n": -1},
    {"n": 2, "p": "a fox"},
    {"n": 10**12},
    {"n": None},
    {"p": "fox", "deep": {"n": 2}},
    {"p": "FOX", "deep": {"n": 2.5}},
    {"deep": {"n": [1]}, "l": ["x", 1, True]},
    {"l": ["x", 1.0]},
    {"p": 5},
)
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"path": "args.n", "op": "eq", "value": 1},
    {"path": "args.n", "op": "neq", "value": True},
    {"path": "args.n", "op": "in", "value": [1, "1"]},
    {"path": "args.n", "op": "not_in", "value": [0, True]},
    {"path": "args.n", "op": "lt", "value": 2},
    {"path": "args.n", "op": "gte", "value": 0.25},
    {"path": "args.n", "op": "exists", "value": True},
    {"path": "args.n", "op": "exists", "value": False},
    {"path": "args.deep.n", "op": "lte", "value": 2},
    {"path": "args.deep.n", "op": "gt", "value": 2},
    {"path": "args.p", "op": "regex", "value": "^a? ?fox$"},
    {"path": "args.p", "op": "contains", "value": "fox"},
    {"path": "args.l", "op": "contains", "value": 1},
    {"path": "args.deep", "op": "eq", "value": {"n": 2.0}},
)
REFUSALS = (
    *CONDITIONS,
    {"path": "args.n", "op": "neq", "value": 1, "missing": "pass"},
    {"path": "args.n", "op": "gt", "value": 1, "missing": "deny"},
    {"path": "args.deep.n", "op": "not_in", "value": [2, 3]},
    {"path": "args.p.x", "op": "eq", "value": 1},
    {"path": "args.l", "op": "contains", "value": "x"},
)
STEPS = (0, 0.25, 0.75, 1, 2, 59.75, 60, 3600)
PRICES = (0, 0, 0.25, 0.1, 0.5)
OUTCOMES = ("ok", "ok", "error", "failed", "timeout", "crash", "cancelled")

WINDOW = st.sampled_from([1, 2, 60, "minute", 0.75])
MODE = st.sampled_from([None, None, None, "enforce", "shadow"])
SCOPE = st.sampled_from([None, None, "session", "grant", "host"])


def present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


COUNTED = st.builds(present, max=st.integers(1, 3), window=WINDOW, scope=SCOPE, mode=MODE)
LIMITS = st.lists(
    st.builds(
        present,
        counter=st.sampled_from(["day", "by/n"]),
        max=st.integers(1, 3),
        window=WINDOW,
        scope=SCOPE,
        mode=MODE,
        amount=st.sampled_from([None, "args.n", "args.deep.n", "price"]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda rule: rule["counter"],
)
BUDGET = st.builds(present, max_usd=st.sampled_from([0.1, 0.5, 1]), window=WINDOW, scope=SCOPE, mode=MODE)
CONCURRENT = st.one_of(st.integers(1, 2), st.builds(present, max=st.integers(1, 2), scope=SCOPE, mode=MODE))
REQUIRE = st.lists(
    st.sampled_from(CONDITIONS), min_size=1, max_size=2, unique_by=lambda each: (each["path"], each["op"])
)
DENY_IF = st.lists(
    st.builds(
        present,
        conditions=st.sampled_from([1, 1, 1, 2, 2, 0]).flatmap(
            lambda size: st.lists(st.sampled_from(REFUSALS), min_size=size, max_size=size, unique_by=str)
        ),
        mode=MODE,
    ),
    min_size=1,
    max_size=3,
)
APPROVAL = st.builds(
    present,
    expires=st.sampled_from([None, 2, 600]),
    who=st.sampled_from([None, "call", "session", "session"]),
    ask=st.sampled_from([None] * 5 + ["client", "command"]),
    max_open=st.sampled_from([None] * 3 + [1, 2]),
    max_per_hour=st.sampled_from([None] * 4 + [1, 3]),
)
SHARED_RULES: Mapping[str, st.SearchStrategy[Any]] = {
    "rate_limit": COUNTED,
    "limits": LIMITS,
    "budget": BUDGET,
    "max_repeats": COUNTED,
    "max_concurrent": CONCURRENT,
}
OWN_RULES: Mapping[str, st.SearchStrategy[Any]] = {
    **SHARED_RULES,
    "action": st.sampled_from(["require_approval"] * 4 + ["allow", "deny"]),
    "require": REQUIRE,
    "deny_if": DENY_IF,
}


def entries(rules: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of up to three rules."""

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        often = [*rules, *(name for name in rules if name not in {"require", "deny_if"})]
        keys = draw(st.lists(st.sampled_from(often), min_size=1, max_size=3, unique=True))
        entry = {key: draw(rules[key]) for key in keys}
        if entry.get("action") == "require_approval":
            entry |= present(approval=draw(APPROVAL) or None)
        return entry | present(mode=draw(MODE))

    return drawn()


ASKING = st.builds(
    lambda entry, approval, repeats: (
        {**entry, "action": "require_approval", "max_repeats": repeats} | present(approval=approval or None)
    ),
    entries({"rate_limit": COUNTED, "budget": BUDGET, "max_concurrent": CONCURRENT}),
    APPROVAL,
    st.builds(present, max=st.integers(1, 3), window=st.sampled_from([60, "minute"]), scope=SCOPE),
)
"""Where the loop cap and a person's yes meet."""

DOCUMENTS = st.builds(
    present,
    version=st.just("1"),
    default=st.sampled_from(["allow", "allow", "allow", "deny"]),
    mode=st.sampled_from([None] * 7 + ["shadow"]),
    hide=st.sampled_from([None] * 12 + [["look"], ["*"]]),
    tools=st.fixed_dictionaries(
        {"draw": entries(OWN_RULES) | ASKING},
        optional={name: entries(OWN_RULES) for name in TOOLS if name != "draw"},
    ),
    categories=st.none()
    | st.dictionaries(st.sampled_from(["Read", "Write"]), entries(OWN_RULES), max_size=2),
    all_tools=st.none() | entries(SHARED_RULES),
)


@dataclass(frozen=True)
class Attempt:
    """A call to make: `outcome` None lets its handler run until an `End`."""

    session: int
    tool: str
    arguments: int
    grant: int
    price: int
    outcome: str | None
    way: How
    kind: str


@dataclass(frozen=True)
class Event:
    """Anything else that happens; `number` picks which call, policy or span."""

    what: str
    number: int
    how: str


SESSIONS = 3
GRANTS = ("local", "kim")
KINDS = ("plain",) * 30 + ("filled",) * 4 + ("misfit", "unknown", "nobody", "shapeless")
ATTEMPTS = st.builds(
    Attempt,
    session=st.integers(0, SESSIONS - 1),
    tool=st.sampled_from(["draw"] * 6 + [*TOOLS]),
    arguments=st.sampled_from([2] * len(ARGUMENTS) + [*range(len(ARGUMENTS))]),
    grant=st.integers(0, len(GRANTS) - 1),
    price=st.integers(0, len(PRICES) - 1),
    outcome=st.sampled_from([None, *OUTCOMES]),
    way=st.sampled_from(["live", "resume", "kept"]),
    kind=st.sampled_from(KINDS),
)
EVENTS = st.builds(
    Event,
    what=st.sampled_from(
        ["again"] * 6
        + ["wait"] * 3
        + ["answer"] * 5
        + ["meanwhile"] * 3
        + ["end"] * 2
        + ["reload"] * 2
        + ["wall", "restart", "stop", "resume", "resume"]
    ),
    number=st.integers(0, 7),
    how=st.sampled_from(["accept"] * 4 + ["decline", "cancel", "edited"]),
)
STORIES = st.tuples(
    st.lists(DOCUMENTS, min_size=1, max_size=2)
    | DOCUMENTS.map(lambda document: [document, {**document, "description": "edited"}]),
    st.integers(1, 16).flatmap(lambda size: st.lists(ATTEMPTS | EVENTS, min_size=size, max_size=size)),
)


class TwoClocks(HandClock):
    """A clock whose wall time jumps apart from what never goes back."""

    jumped = 0

    def time_ns(self) -> int:
        return super().time_ns() + self.jumped


class Toggled:
    """A switch in the hands of the test."""

    stopped = False

    def is_stopped(self) -> bool:
        return self.stopped


class Reloaded:
    """A policy source that the test turns to another policy."""

    error = None

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def current(self) -> Policy:
        return self.policy


class Heard:
    """In the place of an audit log: what was decided on each call, and what came of it."""

    def __init__(self) -> None:
        self.decisions: list[tuple[Call, Decision]] = []
        self.ends: list[tuple[int, str, float]] = []

    def arguments(self, *_: Any) -> str:
        return ""

    def decided(self, call: Call, decision: Decision, *_: Any) -> int:
        self.decisions.append((call, decision))
        return len(self.decisions) - 1

    def settled(self, _: Call, decided: int, outcome: str, __: float, usd: float, ___: Any) -> None:
        self.ends.append((decided, outcome, usd))

    def close(self) -> None:
        """Nothing to close."""


@dataclass(eq=False)
class Line:
    """One call on its way, in the gate and in the model."""

    attempt: Attempt
    call: Call
    asked: Asked
    task: "asyncio.Task[Any]"
    ending: "asyncio.Future[str]"
    person: "asyncio.Future[str]"
    started: bool = False
    asking: bool = False
    running: Running | None = None
    question: Question | None = None
    state: str | None = None
    kept: str | None = None


class World:
    """Two gates on one state, and the model of both."""

    def __init__(self, documents: list[dict[str, Any]], states: list[Any], clock: TwoClocks) -> None:
        self.clock = clock
        self.documents = documents
        self.policies = [Policy.parse(document) for document in documents]
        self.source = Reloaded(self.policies[0])
        self.states = states
        self.heard = Heard()
        self.switch = Toggled()
        self.gates = [self.gate(state) for state in states]
        self.starts = [0 for _ in states]
        self.model = Model(documents[0])
        self.lines: list[Line] = []

    def gate(self, state: Any) -> Gate:
        log: Any = self.heard
        return Gate(self.source, state, log, self.clock, self.switch)

    def session(self, attempt: Attempt) -> str:
        """A session ends with its process."""
        return f"s{attempt.session}.{self.starts[attempt.session % len(self.gates)]}"

    @property
    def now(self) -> Fraction:
        return Fraction(self.clock.now, SECOND)

    async def play(self, events: list[Attempt | Event]) -> None:
        try:
            for event in events:
                if isinstance(event, Attempt):
                    await self.begin(event)
                else:
                    await self.happen(event)
        finally:
            for line in self.lines:
                line.task.cancel()
            await asyncio.gather(*(line.task for line in self.lines), return_exceptions=True)

    async def happen(self, event: Event) -> None:
        if event.what == "wait":
            self.clock.forward(STEPS[event.number % len(STEPS)])
        elif event.what == "wall":
            self.clock.jumped += (-7200, 7200)[event.number % 2] * SECOND
        elif event.what == "reload":
            index = event.number % len(self.documents)
            self.source.policy = self.policies[index]
            self.model.reload(self.documents[index])
        elif event.what in {"stop", "resume"}:
            self.switch.stopped = self.model.stopped = event.what == "stop"
        elif event.what == "restart":
            index = event.number % len(self.gates)
            self.gates[index] = self.gate(self.states[index])
            self.starts[index] += 1
        elif event.what == "again" and self.lines:
            await self.begin(self.lines[-1 - event.number % min(3, len(self.lines))].attempt)
        elif event.what == "end" and (lines := [line for line in self.lines if line.running]):
            await self.end(lines[event.number % len(lines)], OUTCOMES[event.number % len(OUTCOMES)])
        elif event.what == "answer" and (lines := [line for line in self.lines if line.question]):
            await self.answer(lines[-1 - event.number % len(lines)], event.how)
        elif event.what == "meanwhile" and (lines := [line for line in self.lines if line.question]):
            what = "reload" if event.number % 4 else "stop"
            await self.happen(Event(what, event.number, ""))
            await self.answer(lines[-1], event.how)

    def call(self, attempt: Attempt) -> tuple[Call, Asked]:
        arguments: Any = [] if attempt.kind == "shapeless" else ARGUMENTS[attempt.arguments]
        price = PRICES[attempt.price]

        def misfit(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise InvalidArguments("they don't fit")

        def fill(given: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"n": 1, **given}

        tool = attempt.tool
        session = self.session(attempt)
        grant = None if attempt.kind == "nobody" else GRANTS[attempt.grant]
        call = Call(
            tool=tool,
            arguments=arguments,
            session=session,
            grant=grant,
            known=attempt.kind != "unknown",
            category=TOOLS[tool],
            price=price,
            validate={"misfit": misfit, "filled": fill}.get(attempt.kind),
        )
        asked = Asked(
            tool=tool,
            arguments=arguments,
            session=session,
            grant=grant,
            known=call.known,
            category=call.category,
            price=exact(price),
            fits=attempt.kind != "misfit",
            filled=fill(arguments) if attempt.kind == "filled" else None,
        )
        return call, asked

    async def begin(self, attempt: Attempt) -> None:
        call, asked = self.call(attempt)
        gate = self.gates[attempt.session % len(self.gates)]
        told = self.model.decide(asked, self.now)
        if told.rule.endswith("/max_repeats"):  # the wait is that of a call that isn't attempted now
            told = told._replace(wait=gate.decide(call).retry_after)
        agree(gate.decide(call), told, "decide")
        line = self.start(attempt, call, asked)
        said = self.model.begin(asked, self.now, attempt.way)
        await self.compare(line, said)

    def start(self, attempt: Attempt, call: Call, asked: Asked) -> Line:
        loop = asyncio.get_running_loop()
        gate = self.gates[attempt.session % len(self.gates)]

        async def handler(arguments: Mapping[str, Any]) -> str:
            assert arguments == asked.judged
            line.started = True
            outcome = await line.ending
            if outcome == "error":
                raise ToolError("no")
            if outcome == "timeout":
                raise TimedOut("too long")
            if outcome == "crash":
                raise RuntimeError("a bug")
            return outcome

        async def ask(question: Any) -> Any:
            assert question.tool == call.tool
            line.asking = True
            said = await line.person
            line.asking = False
            return said

        way: dict[str, Any] = {"live": {"ask": ask}, "resume": {"resumable": True}, "kept": {}}[attempt.way]
        coroutine = gate.call(call, handler, failed=lambda result: result == "failed", **way)
        line = Line(
            attempt, call, asked, loop.create_task(coroutine), loop.create_future(), loop.create_future()
        )
        self.lines.append(line)
        return line

    async def compare(self, line: Line, said: Said | Running) -> None:
        """Let the call go on until it runs, asks or ends, and see that the model says the same."""
        for _ in range(100):
            if line.started or line.asking or line.task.done():
                break
            await asyncio.sleep(0)
        if isinstance(said, Running):
            line.running = said
            why = "" if line.started or not line.task.done() else repr(line.task.exception())
            assert line.started, f"the model lets {line.call} run; {why}"
            agree(self.last_word(line), Said("allow", shadow=said.shadow), line.call)
            if line.attempt.outcome is not None:
                await self.end(line, line.attempt.outcome)
            return
        assert not line.started, f"the model says {said} to {line.call}; it runs"
        if line.asking:
            assert said.how == "live", f"the gate asks; the model says {said} to {line.call}"
        else:
            refusal = line.task.exception()
            assert isinstance(refusal, Refused), refusal
            agree(refusal.decision, said, line.call)
            assert self.last_word(line) == refusal.decision
            assert isinstance(refusal, ApprovalNeeded) == (said.decision == "ask")
            if isinstance(refusal, ApprovalNeeded):
                line.state, line.kept = refusal.state, refusal.id
                assert said.how == ("resume" if line.kept is None else "kept")
                assert (line.state is None) == (line.kept is not None)
        line.question = said.question

    def last_word(self, line: Line) -> Decision:
        """What the log has of a call last."""
        return [decision for call, decision in self.heard.decisions if call is line.call][-1]

    async def end(self, line: Line, outcome: str) -> None:
        assert line.running is not None
        running, line.running = line.running, None
        if outcome == "cancelled":
            line.task.cancel()
        else:
            line.ending.set_result(outcome)
        await asyncio.wait([line.task])
        self.model.end(running, "ok" if outcome == "ok" else "error")
        decided, came, usd = self.heard.ends[-1]
        assert self.heard.decisions[decided][0] is line.call
        assert came == ("error" if outcome == "failed" else outcome)
        assert usd == (line.call.price if outcome == "ok" else 0)
        assert len({number for number, _, _ in self.heard.ends}) == len(self.heard.ends)

    async def answer(self, line: Line, how: str) -> None:
        question, line.question = line.question, None
        assert question is not None
        if line.asking:
            line.asking = False
            person: Any = "accept" if how == "edited" else how
            said = self.model.answered(question, person, self.now)
            line.person.set_result(person)
            await self.compare(line, said)
        elif line.kept is not None:
            yes = how in {"accept", "edited"}
            if self.model.tell(question, yes, self.now):
                self.states[0].approvals.answer(line.kept, "yes" if yes else "no")
            else:
                with pytest.raises(Unanswerable):
                    self.states[0].approvals.answer(line.kept, "yes")
        else:
            line.question = question  # a used state may be brought again
            await self.retry(line, question, how)

    async def retry(self, line: Line, question: Question, how: str) -> None:
        """The client comes again with the sealed state; `edited` brings it with other arguments."""
        assert line.state is not None
        attempt = line.attempt
        if how == "edited":
            attempt = replace(attempt, arguments=(attempt.arguments + 1) % len(ARGUMENTS))
        call, asked = self.call(attempt)
        person: Any = "accept" if how == "edited" else how
        again = self.start(attempt, replace(call, answer=Answer(line.state, person)), asked)
        known = question if self.session(attempt) == line.call.session else None
        await self.compare(again, self.model.retried(known, asked, person, self.now))


def agree(decision: Any, said: Said, what: object) -> None:
    """The gate's decision is what the model says."""
    found = (decision.decision, decision.rule)
    assert found == (said.decision, said.rule), f"the gate says {found}, the model {said}: {what}"
    wait = None if said.wait is None else float(said.wait)
    assert decision.retry_after == (wait if wait is None else pytest.approx(wait, abs=1e-6)), (said, what)
    shadow = sorted(each.rule for each in decision.shadow)
    assert shadow == sorted(set(said.shadow)), (decision.shadow, said, what)


def play(
    documents: list[dict[str, Any]], events: list[Attempt | Event], states: list[Any], clock: TwoClocks
) -> None:
    try:
        asyncio.run(World(documents, states, clock).play(events))
    finally:
        for state in states:
            state.close()


Story = tuple[list[dict[str, Any]], list[Attempt | Event]]


def in_memory(story: Story) -> None:
    clock = TwoClocks()
    state = MemoryState(clock)
    play(*story, [state, state], clock)


def in_files(story: Story) -> None:
    """Two state objects on one file, as two processes have."""
    clock = TwoClocks()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        play(*story, [SqliteState(path, clock), SqliteState(path, clock)], clock)


SLOW_ONES = [HealthCheck.too_slow, HealthCheck.data_too_large]
QUICK = settings(max_examples=850, derandomize=True, database=None, suppress_health_check=SLOW_ONES)
LONG = settings(QUICK, max_examples=42_000, derandomize=False)
"""A story has about two sessions: 2,000 of them in all, and 100,000 in the long run."""


@QUICK
@given(STORIES)
def test_the_gate_says_what_the_model_says(story: Story) -> None:
    in_memory(story)


@settings(QUICK, max_examples=150)
@given(STORIES)
def test_two_gates_on_one_file_say_what_the_model_says(story: Story) -> None:
    in_files(story)


@pytest.mark.slow
@LONG
@given(STORIES)
def test_the_gate_says_what_the_model_says_for_long(story: Story) -> None:
    in_memory(story)


@pytest.mark.slow
@settings(LONG, max_examples=8_000)
@given(STORIES)
def test_two_gates_on_one_file_say_what_the_model_says_for_long(story: Story) -> None:
    in_files(story)
