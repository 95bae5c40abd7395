"""Calls that need a person's yes, the whole way through the gate: who is asked, what is held, what counts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from gate_support import HandClock, a_call, echo, outcome_of, policy, records

from alya_mcp.gate import (
    Answer,
    ApprovalNeeded,
    Audit,
    Call,
    Decision,
    Gate,
    MemoryState,
    Policy,
    Question,
    Refused,
    SqliteState,
    State,
)
from alya_mcp.gate.approvals import LONGEST

DOCS = Path(__file__).parents[2] / "docs" / "approvals.md"
RULE = "/tools/draw/action"
ASKS: dict[str, Any] = {"action": "require_approval", "reason": "it costs money"}
PROMPT = {"prompt": "a red circle"}

Said = Literal["accept", "decline", "cancel"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[State]:
    state = MemoryState(clock) if request.param == "memory" else SqliteState(tmp_path / "state.sqlite", clock)
    yield state
    state.close()


class Person:
    """Answers every question with the next of `says`, and remembers what was asked."""

    def __init__(self, *says: Said) -> None:
        self._says = list(says)
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Said:
        self.asked.append(question)
        return self._says[len(self.asked) - 1]


def gate_of(state: State, clock: HandClock, audit: Audit | None = None, **entry: Any) -> Gate:
    return Gate(policy({"draw": {**ASKS, **entry}, "paint": ASKS}), state, audit, clock)


async def asked(gate: Gate, call: Call, *, resumable: bool = False) -> ApprovalNeeded:
    with pytest.raises(ApprovalNeeded) as needed:
        await gate.call(call, echo, resumable=resumable)
    assert needed.value.decision.decision == "ask"
    return needed.value


async def refused(gate: Gate, call: Call, **how: Any) -> Decision:
    with pytest.raises(Refused) as refusal:
        await gate.call(call, echo, **how)
    assert not isinstance(refusal.value, ApprovalNeeded)
    return refusal.value.decision


def draw(**rest: Any) -> Call:
    return a_call(arguments=PROMPT, **rest)


# -- the three ways ---------------------------------------------------------------------------------


async def test_a_person_who_is_asked_while_the_call_waits_lets_it_run_once(
    state: State, clock: HandClock
) -> None:
    gate, person = gate_of(state, clock), Person("accept", "accept")
    for _ in range(2):
        assert await gate.call(draw(), echo, ask=person) == {"echo": PROMPT}
    assert [question.arguments for question in person.asked] == [PROMPT, PROMPT]


@pytest.mark.parametrize("resumable", [False, True])
async def test_a_no_holds_until_it_expires_and_can_be_taken_back_on_the_command_line(
    state: State, clock: HandClock, resumable: bool
) -> None:
    gate, nobody = gate_of(state, clock), Person()
    if resumable:
        needed = await asked(gate, draw(), resumable=True)
        decision = await refused(gate, draw(answer=Answer(needed.state or "", "decline")), resumable=True)
    else:
        decision = await refused(gate, draw(), ask=Person("decline"))
    assert (decision.decision, decision.rule) == ("deny", RULE)
    assert gate.decide(draw()) == decision
    for how in ({"ask": nobody}, {"resumable": True}, {}):
        assert await refused(gate, draw(session="s2"), **how) == decision
    (kept,) = [kept for kept, _ in state.approvals.all()]
    assert f"alya-mcp approvals approve {kept.id}" in decision.message
    state.approvals.answer(kept.id, "yes")
    assert await gate.call(draw(), echo, ask=nobody) == {"echo": PROMPT}
    await refused(gate, draw(), ask=Person("decline"))
    clock.forward(600)
    assert await gate.call(draw(), echo, ask=Person("accept")) == {"echo": PROMPT}


@pytest.mark.parametrize("resumable", [False, True])
async def test_where_nobody_answered_the_question_is_kept_and_not_put_again_while_it_waits(
    state: State, clock: HandClock, resumable: bool
) -> None:
    gate, nobody = gate_of(state, clock, max_repeats={"max": 2, "window": 60}), Person("cancel")
    if resumable:
        sealed = await asked(gate, draw(), resumable=True)
        needed = await asked(gate, draw(answer=Answer(sealed.state or "", "cancel")), resumable=True)
    else:
        with pytest.raises(ApprovalNeeded) as caught:
            await gate.call(draw(), echo, ask=nobody)
        needed = caught.value
    assert needed.state is None
    assert f"alya-mcp approvals approve {needed.id}" in needed.decision.message
    assert (await asked(gate, draw(), resumable=True)).id == needed.id
    with pytest.raises(ApprovalNeeded):
        await gate.call(a_call(arguments={"n": 1}), echo, ask=Person("cancel"))
    state.approvals.answer(needed.id or "", "yes")
    assert await gate.call(draw(), echo, ask=nobody) == {"echo": PROMPT}


async def test_a_policy_can_have_questions_answered_on_the_command_line_alone(
    state: State, clock: HandClock
) -> None:
    gate, nobody = gate_of(state, clock, approval={"ask": "command"}), Person()
    with pytest.raises(ApprovalNeeded) as needed:
        await gate.call(draw(), echo, ask=nobody)
    assert (await asked(gate, draw(), resumable=True)).id == needed.value.id
    state.approvals.answer(needed.value.id or "", "yes")
    assert await gate.call(draw(), echo, ask=nobody) == {"echo": PROMPT}


async def test_a_person_who_does_not_answer_in_time_has_said_no(state: State, clock: HandClock) -> None:
    async def nobody(_question: Question) -> Said:
        await anyio.sleep_forever()
        raise AssertionError

    gate = gate_of(state, clock, approval={"expires": 0.05})
    decision = await refused(gate, draw(), ask=nobody)
    assert (decision.decision, decision.rule) == ("deny", RULE)


async def test_a_yes_after_its_time_is_none_even_where_the_machine_slept_meanwhile(
    state: State, clock: HandClock
) -> None:
    async def late(_question: Question) -> Said:
        clock.forward(600)
        return "accept"

    decision = await refused(gate_of(state, clock), draw(), ask=late)
    assert (decision.decision, decision.rule) == ("deny", RULE)


class Edited:
    """A policy source that a test turns to another policy."""

    error = None

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def current(self) -> Policy:
        return self.policy


RED = "args.prompt-contains"
NO_RED = {"conditions": [{"path": "args.prompt", "op": "contains", "value": "red"}]}
MEANWHILE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing": ({}, {}, "ok"),
    "denied": ({"tools": {"draw": {"action": "deny"}}}, {}, RULE),
    "hidden": ({"hide": ["draw"]}, {}, "(hidden)"),
    "taken out of the policy": ({"tools": {}, "default": "deny"}, {}, "(default deny)"),
    "a condition": ({"tools": {"draw": {**ASKS, "deny_if": [NO_RED]}}}, {}, f"/tools/draw/deny_if/{RED}"),
    "other words": ({"tools": {"draw": {**ASKS, "reason": "it costs a lot"}}}, {}, RULE),
    "a longer yes": ({"tools": {"draw": {**ASKS, "approval": {"expires": 9000}}}}, {}, RULE),
    "no question": ({"tools": {"draw": {}}}, {}, "ok"),
    "a revoked grant": ({}, {"grant": None}, "(no policy)"),
    "another grant": ({}, {"grant": "robin"}, RULE),
    "another definition": ({}, {"schema": "changed"}, RULE),
    "the tool is gone": ({}, {"known": False}, "(unknown tool)"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["live", "resumed", "kept"])
@pytest.mark.parametrize(("document", "facts", "comes_to"), MEANWHILE.values(), ids=MEANWHILE.keys())
async def test_a_yes_lets_run_only_what_was_asked_and_is_allowed_when_it_comes(
    clock: HandClock, way: str, document: dict[str, Any], facts: dict[str, Any], comes_to: str
) -> None:
    before = {"version": "1", "default": "allow", "tools": {"draw": ASKS}}
    source, state = Edited(Policy.parse(before)), MemoryState(clock)
    gate = Gate(source, state, None, clock)
    call, later = draw(), draw(**facts)

    def edit() -> None:
        source.policy = Policy.parse({**before, **document})

    async def person(_question: Question) -> Said:
        edit()
        return "accept"

    if way == "live":
        assert await outcome_of(gate, call, ask=person, renew=lambda: later) == comes_to
        return
    needed = await asked(gate, call, resumable=way == "resumed")
    if needed.id is not None:
        state.approvals.answer(needed.id, "yes")
    else:
        later = draw(**facts, answer=Answer(needed.state or "", "accept"))
    edit()
    assert await outcome_of(gate, later, resumable=way == "resumed") == comes_to


async def test_a_session_puts_as_many_questions_at_once_and_in_an_hour_as_the_policy_says(
    clock: HandClock,
) -> None:
    gate = gate_of(MemoryState(clock), clock, approval={"max_open": 3, "max_per_hour": 5})
    waiting, answer = [0], anyio.Event()

    async def person(_question: Question) -> Said:
        waiting[0] += 1
        await answer.wait()
        return "decline"

    async def declined() -> None:
        await refused(gate, draw(), ask=person)

    async with anyio.create_task_group() as group:
        group.start_soon(declined)
        await anyio.wait_all_tasks_blocked()
        kept = await asked(gate, a_call(arguments={"n": 1}))
        sealed = await asked(gate, a_call(arguments={"n": 2}), resumable=True)
        for how in ({"ask": person}, {"resumable": True}, {}):
            decision = await refused(gate, a_call(arguments={"n": 3}), **how)
            assert (decision.decision, decision.rule, decision.retry_after) == ("deny", RULE, None)
        assert (await asked(gate, a_call(arguments={"n": 1}))).id == kept.id
        answer.set()
    assert waiting == [1]
    await asked(gate, a_call("paint", {"n": 4}, session="s2"))
    again = a_call(arguments={"n": 2}, answer=Answer(sealed.state or "", "decline"))
    await refused(gate, again, resumable=True)
    clock.forward(60)
    await asked(gate, a_call(arguments={"n": 3}))
    await asked(gate, a_call(arguments={"n": 4}), resumable=True)
    clock.forward(600)
    decision = await refused(gate, a_call(arguments={"n": 5}), resumable=True)
    assert (decision.rule, decision.retry_after) == (RULE, 2940)
    clock.forward(2940)
    await asked(gate, a_call(arguments={"n": 5}), resumable=True)


async def test_a_call_whose_arguments_cannot_be_shown_whole_is_denied(clock: HandClock) -> None:
    gate = gate_of(MemoryState(clock), clock)
    assert await outcome_of(gate, a_call(arguments={"text": "x" * LONGEST}), ask=Person()) == RULE


async def test_a_shadowed_limit_of_a_call_that_a_person_allowed_is_heard_once(
    tmp_path: Path, clock: HandClock
) -> None:
    state = MemoryState(clock)
    audit = Audit(tmp_path / "audit", state)
    gate = gate_of(state, clock, audit, rate_limit={"max": 1, "window": 60, "mode": "shadow"})
    for _ in range(2):
        await gate.call(draw(), echo, ask=Person("accept"))
    last = [record for record in records(tmp_path / "audit") if record.get("decision") == "allow"][-1]
    assert last["shadow"] == [{"decision": "deny", "rule": "/tools/draw/rate_limit"}]


async def test_a_state_brought_back_with_a_yes_lets_the_call_run_once(state: State, clock: HandClock) -> None:
    gate = gate_of(state, clock)
    needed = await asked(gate, draw(), resumable=True)
    assert needed.id is None
    assert needed.state is not None
    answer = Answer(needed.state, "accept")
    assert await gate.call(draw(answer=answer), echo, resumable=True) == {"echo": PROMPT}
    assert (await refused(gate, draw(answer=answer), resumable=True)).rule == RULE


async def test_a_kept_question_lets_the_call_run_once_when_a_person_said_yes(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock)
    needed = await asked(gate, draw())
    assert needed.id is not None
    assert f"alya-mcp approvals approve {needed.id}" in str(needed)
    assert (await asked(gate, draw())).id == needed.id
    state.approvals.answer(needed.id, "yes")
    assert gate.decide(draw()).decision == "allow"
    assert await gate.call(draw(), echo) == {"echo": PROMPT}
    assert (await asked(gate, draw())).id != needed.id


async def test_a_kept_question_that_a_person_refused_is_denied_without_asking_again(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock)
    needed = await asked(gate, draw())
    state.approvals.answer(needed.id or "", "no")
    decision = await refused(gate, draw())
    assert (decision.decision, decision.rule) == ("deny", RULE)
    clock.forward(600)
    await asked(gate, draw())


async def test_a_yes_for_the_session_lets_its_calls_run_until_it_expires(
    state: State, clock: HandClock
) -> None:
    gate, person = gate_of(state, clock, approval={"who": "session", "expires": 60}), Person("accept")
    await gate.call(draw(), echo, ask=person)
    assert await outcome_of(gate, a_call(arguments={"prompt": "another"})) == "ok"
    assert await outcome_of(gate, draw(session="s2")) == RULE
    clock.forward(60)
    assert await outcome_of(gate, draw()) == RULE
    assert len(person.asked) == 1


# -- what denies ------------------------------------------------------------------------------------


async def test_a_state_is_worth_nothing_to_any_other_call_nor_after_a_restart(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock)
    others = {
        "edited arguments": a_call(arguments={"prompt": "a blue square"}),
        "another tool": a_call("paint", PROMPT),
        "another grant": draw(grant="robin"),
        "another schema": draw(schema="changed"),
    }
    for name, other in others.items():
        needed = await asked(gate, draw(), resumable=True)
        answer = Answer(needed.state or "", "accept")
        changed = Call(**{**{field: getattr(other, field) for field in other.__slots__}, "answer": answer})
        decision = await refused(gate, changed, resumable=True)
        assert (decision.decision, decision.rule) == ("deny", f"/tools/{other.tool}/action"), name
    needed = await asked(gate, draw(), resumable=True)
    late = draw(answer=Answer(needed.state or "", "accept"))
    for elsewhere in (
        gate_of(state, clock),
        Gate(policy({"draw": {**ASKS, "reason": "another policy"}}), state, None, clock),
    ):
        assert (await refused(elsewhere, late, resumable=True)).decision == "deny"
    clock.forward(600)
    assert "too late" in (await refused(gate, late, resumable=True)).message


async def test_an_answer_is_ignored_where_no_approval_is_needed(state: State, clock: HandClock) -> None:
    gate = Gate(policy({"draw": {}}), state, None, clock)
    assert await gate.call(draw(answer=Answer("nonsense", "decline")), echo) == {"echo": PROMPT}


# -- what counts, what is held, what is logged ------------------------------------------------------


async def test_nobody_is_asked_for_a_call_that_is_refused_anyway(state: State, clock: HandClock) -> None:
    gate = gate_of(state, clock, rate_limit={"max": 1, "window": 60})
    person = Person("accept")
    await gate.call(draw(), echo, ask=person)
    decision = await refused(gate, draw(), ask=person)
    assert decision.rule == "/tools/draw/rate_limit"
    assert len(person.asked) == 1


async def test_a_question_takes_nothing_from_limits_and_a_limit_spent_meanwhile_denies(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock, rate_limit={"max": 1, "window": 60})
    for _ in range(3):
        await asked(gate, draw(), resumable=True)

    async def slow(_question: Question) -> Said:
        await gate.call(draw(), echo, ask=Person("accept"))
        return "accept"

    assert (await refused(gate, draw(), ask=slow)).rule == "/tools/draw/rate_limit"


async def test_a_retry_with_its_answer_is_no_attempt_more(state: State, clock: HandClock) -> None:
    gate = gate_of(state, clock, max_repeats={"max": 2, "window": 60})
    for says in ("accept", "decline"):
        needed = await asked(gate, draw(), resumable=True)
        answer = Answer(needed.state or "", says)
        outcome = await outcome_of(gate, draw(answer=answer))
        assert outcome == ("ok" if says == "accept" else RULE)
    assert await outcome_of(gate, draw()) == "/tools/draw/max_repeats"


async def test_a_made_up_or_replayed_answer_is_an_attempt_like_any_other(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock, max_repeats={"max": 2, "window": 60})
    needed = await asked(gate, draw(), resumable=True)
    answer = Answer(needed.state or "", "accept")
    assert await outcome_of(gate, draw(answer=answer)) == "ok"
    assert await outcome_of(gate, draw(answer=answer)) == RULE
    assert await outcome_of(gate, draw(answer=answer)) == "/tools/draw/max_repeats"
    assert await outcome_of(gate, draw(answer=Answer("nonsense", "accept"))) == "/tools/draw/max_repeats"


async def test_calls_under_a_yes_for_the_session_are_attempts_each(state: State, clock: HandClock) -> None:
    gate = gate_of(state, clock, approval={"who": "session"}, max_repeats={"max": 2, "window": 60})
    await gate.call(draw(), echo, ask=Person("accept"))
    answer = Answer("nonsense", "accept")
    assert await outcome_of(gate, draw(answer=answer)) == "ok"
    assert await outcome_of(gate, draw(answer=answer)) == "/tools/draw/max_repeats"
    assert await outcome_of(gate, draw()) == "/tools/draw/max_repeats"


async def test_an_answer_left_over_under_a_yes_for_the_session_makes_no_attempt_free(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock, approval={"who": "session"}, max_repeats={"max": 3, "window": 60})
    one, other = [await asked(gate, draw(), resumable=True) for _ in range(2)]
    yes, left_over = (Answer(needed.state or "", "accept") for needed in (one, other))
    assert await outcome_of(gate, draw(answer=yes)) == "ok"
    assert await outcome_of(gate, draw(answer=left_over)) == "ok"
    assert await outcome_of(gate, draw(answer=left_over)) == "/tools/draw/max_repeats"


async def test_a_no_to_a_call_holds_against_a_yes_that_would_let_it_run(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock, approval={"who": "session"})
    one, other = [await asked(gate, draw(), resumable=True) for _ in range(2)]
    assert await outcome_of(gate, draw(answer=Answer(one.state or "", "accept"))) == "ok"
    declined = draw(answer=Answer(other.state or "", "decline"))
    assert gate.decide(declined).decision == "ask"
    assert "declined" in (await refused(gate, declined, resumable=True)).message
    assert await outcome_of(gate, draw()) == RULE


async def test_a_retry_of_what_was_approved_elsewhere_is_no_attempt_more(
    state: State, clock: HandClock
) -> None:
    gate = gate_of(state, clock, max_repeats={"max": 1, "window": 60})
    needed = await asked(gate, draw())
    state.approvals.answer(needed.id or "", "yes")
    assert await outcome_of(gate, draw()) == "ok"
    assert await outcome_of(gate, draw()) == "/tools/draw/max_repeats"


async def test_the_log_holds_the_question_and_what_came_of_it_but_no_argument(
    tmp_path: Path, clock: HandClock
) -> None:
    state = MemoryState(clock)
    gate = gate_of(state, clock, Audit(tmp_path / "audit", state))
    await gate.call(draw(), echo, ask=Person("accept"))
    await refused(gate, draw(), ask=Person("decline"))
    gate.close()
    written = records(tmp_path / "audit")
    assert [record.get("decision") or record["outcome"] for record in written] == [
        "ask", "allow", "ok", "ask", "deny",
    ]  # fmt: skip
    assert "a red circle" not in str(written)


async def test_in_shadow_nobody_is_asked(state: State, clock: HandClock) -> None:
    gate = gate_of(state, clock, mode="shadow")
    assert await gate.call(draw(), echo) == {"echo": PROMPT}
    (would,) = gate.decide(draw()).shadow
    assert (would.decision, would.rule) == ("ask", RULE)


async def test_the_documentations_policy_asks_for_a_yes() -> None:
    (document,) = re.findall(r"^```json\n(.*?)^```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    approval = Policy.loads(document.encode(), "policy.json").rules("image_gen").approval
    assert approval is not None
    assert (approval.expires, approval.who, approval.reason) == (600, "call", "it costs money")


async def test_the_log_says_which_answer_a_call_ran_by_and_how_it_came(tmp_path: Path) -> None:
    state = MemoryState()
    gate = Gate(policy({"draw": {"action": "require_approval"}}), state, Audit(tmp_path / "audit", state))
    with pytest.raises(ApprovalNeeded) as needed:
        await gate.call(a_call(), echo)
    kept = needed.value.id or ""
    state.approvals.answer(kept, "no", "telegram")
    assert await outcome_of(gate, a_call()) == "/tools/draw/action"
    state.approvals.answer(kept, "yes", "dashboard")
    assert await outcome_of(gate, a_call()) == "ok"

    async def accept(_: object) -> Said:
        return "accept"

    assert await outcome_of(gate, a_call(), ask=accept) == "ok"
    gate.close()
    answers = [each.get("answer") for each in records(tmp_path / "audit") if "decision" in each]
    assert answers == [
        None,
        {"said": "no", "way": "telegram", "id": kept},
        {"said": "yes", "way": "dashboard", "id": kept},
        None,
        {"said": "yes", "way": "client", "id": None},
    ]
