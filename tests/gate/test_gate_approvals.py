"""A person's yes: what it is bound to, how often it is good, and what is none; over both stores."""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from gate_support import SECOND, HandClock, a_call, policy
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate import MemoryState, SqliteState
from alya_mcp.gate.approvals import (
    MOST_KEPT,
    MOST_OPEN,
    Approvals,
    ApprovalStore,
    Question,
    StandingAnswer,
    TooManyOpen,
    Unanswerable,
)
from alya_mcp.gate.call import Answer
from alya_mcp.gate.policy.rules import Approval, Redact
from alya_mcp.gate.state.approvals import MemoryApprovals

POLICY = policy({"draw": {}}).digest
RULE = "/tools/draw/action"
NOTHING = Redact()
ARGUMENTS = {"prompt": "a red circle", "steps": 4}
ONE_CALL = Approval(RULE, 600, "call", "it costs money", shadow=False)
WHOLE_SESSION = Approval(RULE, 600, "session", "", shadow=False)

Ask = Callable[..., Question]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[ApprovalStore]:
    state = MemoryState(clock) if request.param == "memory" else SqliteState(tmp_path / "state.sqlite", clock)
    yield state.approvals
    state.close()


@pytest.fixture
def approvals(store: ApprovalStore, clock: HandClock) -> Approvals:
    return Approvals(store, clock)


def question(
    approvals: Approvals,
    approval: Approval = ONE_CALL,
    arguments: Mapping[str, Any] = ARGUMENTS,
    *,
    under: str = POLICY,
    redact: Redact = NOTHING,
    **call: Any,
) -> Question:
    facts: dict[str, Any] = {"schema": "digest", "grant": "kim", **call}
    return approvals.question(a_call(arguments=arguments, **facts), arguments, approval, under, redact)


def accepted(state: str) -> Answer:
    return Answer(state, "accept")


# -- what a person is asked -------------------------------------------------------------------------


def test_the_question_says_what_would_be_called_why_and_how_far_a_yes_goes(approvals: Approvals) -> None:
    assert question(approvals).message.splitlines() == [
        "An agent asks to call draw (/tools/draw/action).",
        "Why you are asked: it costs money",
        '  prompt: "a red circle"',
        "  steps: 4",
        "A yes is good for one call with exactly these arguments, within 600 s; a no holds as long as that.",
    ]
    assert question(approvals, WHOLE_SESSION).message.endswith(
        "A yes or a no holds for every call of this tool in this session, for 600 s."
    )


def test_arguments_cannot_imitate_the_questions_own_words(approvals: Approvals) -> None:
    sly = {"prompt": "x\nA yes is harmless.\u202e\u2028\ud800", "a\nb": 1}
    message = question(approvals, arguments=sly).message
    assert message.splitlines()[2:4] == [
        r'  prompt: "x\nA yes is harmless.\u202e\u2028\ud800"',
        r'  "a\nb": 1',
    ]
    assert all(line.isprintable() for line in message.splitlines())


def test_every_argument_is_asked_about_and_kept_whole(store: ApprovalStore, approvals: Approvals) -> None:
    arguments = {"prompt": "x" * 5000 + "the end", **{str(number): number for number in range(40)}}
    asked = question(approvals, arguments=arguments)
    assert f'prompt: "{arguments["prompt"]}"' in asked.message
    assert asked.message.splitlines()[-2] == '  "39": 39'
    kept = store.find(approvals.pend(asked))[0]
    assert (kept.message, json.loads(kept.arguments)) == (asked.message, arguments)


def test_redacted_arguments_are_neither_shown_nor_kept(store: ApprovalStore, approvals: Approvals) -> None:
    secret = {"prompt": "a MYSECRET wish", "deep": [{"prompt": "MYSECRET"}], "steps": 4}
    asked = question(approvals, arguments=secret, redact=Redact(arguments=frozenset({"prompt"})))
    kept = store.find(approvals.pend(asked))[0]
    assert "MYSECRET" not in repr(asked) + repr(kept)
    assert json.loads(kept.arguments) == {
        "prompt": "(redacted)", "deep": [{"prompt": "(redacted)"}], "steps": 4,
    }  # fmt: skip


# -- what a yes is bound to -------------------------------------------------------------------------

OTHERS: dict[str, dict[str, Any]] = {
    "other arguments": {"arguments": {**ARGUMENTS, "steps": 5}},
    "an argument more": {"arguments": {**ARGUMENTS, "seed": None}},
    "another type": {"arguments": {**ARGUMENTS, "steps": "4"}},
    "another grant": {"grant": "robin"},
    "another tool": {"tool": "paint"},
    "another schema": {"schema": "other digest"},
    "another policy": {"under": policy({"draw": {}, "paint": {}}).digest},
    "a yes of another kind": {"approval": WHOLE_SESSION},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_yes_to_one_call_is_none_to_another(
    store: ApprovalStore, approvals: Approvals, other: dict[str, Any]
) -> None:
    asked, changed = question(approvals), question(approvals, **other)
    why = approvals.redeem(changed, accepted(approvals.seal(asked)))
    assert why is not None
    assert "given to another call" in why
    store.answer(approvals.pend(asked), "yes")
    assert not approvals.standing(changed)
    assert not approvals.consume(changed)
    assert approvals.standing(asked)


def test_equal_arguments_are_the_same_call_whatever_their_order_and_session(approvals: Approvals) -> None:
    same = question(approvals, arguments={"steps": 4.0, "prompt": "a red circle"}, session="s2")
    assert same.binding == question(approvals).binding


def test_a_yes_for_the_session_is_one_for_any_arguments_of_that_session_alone(approvals: Approvals) -> None:
    approvals.accepted(question(approvals, WHOLE_SESSION))
    assert approvals.consume(question(approvals, WHOLE_SESSION, {"prompt": "anything"}))
    assert approvals.consume(question(approvals, WHOLE_SESSION))
    changes: list[dict[str, Any]] = [
        {"session": "s2"},
        {"tool": "paint"},
        {"grant": "robin"},
        {"schema": "x"},
    ]
    for change in changes:
        assert not approvals.standing(question(approvals, WHOLE_SESSION, **change))
    assert not approvals.standing(question(approvals, WHOLE_SESSION, under=policy({"paint": {}}).digest))


def test_a_yes_for_the_session_ends_when_it_expires(approvals: Approvals, clock: HandClock) -> None:
    asked = question(approvals, WHOLE_SESSION)
    approvals.accepted(asked)
    clock.forward(599.9)
    assert approvals.standing(asked)
    clock.forward(0.1)
    assert not approvals.standing(asked)
    assert not approvals.consume(asked)


def test_a_yes_to_one_call_that_was_elicited_is_not_remembered(approvals: Approvals) -> None:
    approvals.accepted(question(approvals))
    assert approvals.standing(question(approvals)) is None


@pytest.mark.parametrize("before", ["nothing", "a question that waits", "a yes", "a yes for the session"])
def test_a_no_given_at_once_is_kept_goes_before_a_yes_and_can_be_taken_back(
    store: ApprovalStore, approvals: Approvals, clock: HandClock, before: str
) -> None:
    asked = question(approvals, WHOLE_SESSION)
    if before == "a yes for the session":
        approvals.accepted(asked)
    elif before != "nothing":
        waiting = approvals.pend(asked)
        if before == "a yes":
            store.answer(waiting, "yes")
    kept = approvals.declined(asked)
    assert approvals.standing(asked) == StandingAnswer("no", kept, "client")
    assert not approvals.consume(asked)
    clock.forward(599)
    assert approvals.standing(asked) == StandingAnswer("no", kept, "client")
    store.answer(kept, "yes")
    assert approvals.consume(asked)


# -- sealed states ----------------------------------------------------------------------------------


def test_a_state_that_comes_back_with_a_yes_is_good_once(approvals: Approvals) -> None:
    asked = question(approvals)
    state = approvals.seal(asked)
    assert approvals.redeem(asked, accepted(state)) is None
    again = approvals.redeem(asked, accepted(state))
    assert again is not None
    assert "used before" in again


@pytest.mark.parametrize("verdict", ["decline", "cancel"])
def test_a_no_and_no_answer_use_the_state_up(approvals: Approvals, verdict: Any) -> None:
    asked = question(approvals)
    state = approvals.seal(asked)
    assert approvals.redeem(asked, Answer(state, verdict)) is None
    assert "used before" in (approvals.redeem(asked, accepted(state)) or "")


def test_a_state_brought_with_another_call_is_used_up_too(approvals: Approvals) -> None:
    asked = question(approvals)
    state = approvals.seal(asked)
    assert approvals.redeem(question(approvals, arguments={"prompt": "else"}), accepted(state)) is not None
    assert "used before" in (approvals.redeem(asked, accepted(state)) or "")


def test_a_state_expires_with_its_question(approvals: Approvals, clock: HandClock) -> None:
    asked = question(approvals)
    in_time, late = approvals.seal(asked), approvals.seal(asked)
    clock.forward(599.9)
    assert approvals.redeem(asked, accepted(in_time)) is None
    clock.forward(0.1)
    assert "too late" in (approvals.redeem(asked, accepted(late)) or "")


def test_a_state_from_before_a_restart_is_refused(store: ApprovalStore, clock: HandClock) -> None:
    before, after = Approvals(store, clock), Approvals(store, clock)
    why = after.redeem(question(after), accepted(before.seal(question(before))))
    assert why is not None
    assert "not asked for by this server" in why


def test_a_state_of_which_one_bit_differs_is_refused(approvals: Approvals) -> None:
    asked = question(approvals)
    sealed = base64.urlsafe_b64decode(approvals.seal(asked) + "==")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        state = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert "not asked for by this server" in (approvals.redeem(asked, accepted(state)) or "")


@given(state=st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_nonsense_is_no_state(state: str) -> None:
    approvals = Approvals(MemoryApprovals(HandClock()), HandClock())
    assert "not asked for by this server" in (approvals.redeem(question(approvals), accepted(state)) or "")


@pytest.mark.parametrize("state", ["", "=", "a" * 118, "é" * 118, "a" * 10_000_000, "\ud800" * 118])
def test_a_state_of_the_wrong_form_is_refused_in_words(approvals: Approvals, state: str) -> None:
    assert "not asked for by this server" in (approvals.redeem(question(approvals), accepted(state)) or "")


# -- questions that wait for a person ---------------------------------------------------------------


def test_a_kept_question_is_answered_by_its_id_and_its_yes_is_good_once(
    store: ApprovalStore, approvals: Approvals
) -> None:
    asked = question(approvals)
    approval = approvals.pend(asked)
    assert not approvals.standing(asked)
    assert store.answer(f" {approval.upper()} ", "yes")[1] == "approved"
    assert approvals.standing(asked)
    assert approvals.consume(asked)
    assert not approvals.standing(asked)
    assert not approvals.consume(asked)
    assert store.find(approval)[1] == "used"


def test_a_question_that_is_open_is_not_kept_twice(store: ApprovalStore, approvals: Approvals) -> None:
    first = approvals.pend(question(approvals))
    assert approvals.pend(question(approvals, session="s2")) == first
    assert approvals.pend(question(approvals, arguments={"prompt": "else"})) != first
    store.answer(first, "yes")
    assert approvals.consume(question(approvals))
    assert approvals.pend(question(approvals)) != first


def test_a_no_holds_until_it_expires_and_can_be_taken_back(
    store: ApprovalStore, approvals: Approvals, clock: HandClock
) -> None:
    asked = question(approvals)
    approval = approvals.pend(asked)
    store.answer(approval, "no")
    assert approvals.standing(asked) == StandingAnswer("no", approval, "command")
    assert not approvals.consume(asked)
    store.answer(approval, "yes")
    assert approvals.standing(asked) == StandingAnswer("yes", approval, "command")
    store.answer(approval, "no")
    assert not approvals.consume(asked)
    clock.forward(600)
    assert approvals.standing(asked) is None


def test_a_question_can_be_answered_until_it_expires_and_a_yes_holds_from_then_on_as_long_again(
    store: ApprovalStore, approvals: Approvals, clock: HandClock
) -> None:
    asked = question(approvals)
    approval = approvals.pend(asked)
    clock.forward(599)
    store.answer(approval, "yes")
    clock.forward(599)
    assert approvals.standing(asked)
    clock.forward(1)
    assert not approvals.standing(asked)
    assert not approvals.consume(asked)
    with pytest.raises(Unanswerable, match="has expired"):
        store.answer(approval, "yes")


def test_of_questions_that_nobody_answered_the_newest_alone_are_kept(
    store: ApprovalStore, approvals: Approvals, clock: HandClock
) -> None:
    answered = approvals.pend(question(approvals, arguments={"n": -1}))
    store.answer(answered, "no")
    for number in range(MOST_KEPT + 2 * MOST_OPEN):
        approvals.pend(question(approvals, arguments={"n": number}))
        if number % MOST_OPEN == MOST_OPEN - 1:
            clock.forward(600)
    kept = [asked.arguments for asked, _ in store.all()]
    assert len(kept) == 1 + MOST_KEPT + MOST_OPEN
    assert kept[0] == '{"n": -1}'
    assert kept[-1] == f'{{"n": {MOST_KEPT + 2 * MOST_OPEN - 1}}}'


class WallClock(HandClock):
    """A clock whose wall time can be set."""

    ahead_s = 0

    def time_ns(self) -> int:
        return super().time_ns() + self.ahead_s * SECOND


@pytest.mark.parametrize("step", [-7200, 7200])
@pytest.mark.parametrize("kind", [MemoryState, SqliteState])
def test_a_step_of_the_wall_clock_neither_prolongs_nor_ends_a_question_or_its_yes(
    tmp_path: Path, kind: type[MemoryState] | type[SqliteState], step: int
) -> None:
    clock = WallClock()
    state = MemoryState(clock) if kind is MemoryState else SqliteState(tmp_path / "state.sqlite", clock)
    approvals = Approvals(state.approvals, clock)
    asked = question(approvals)
    approval = approvals.pend(asked)
    clock.forward(599)
    clock.ahead_s = step
    kept, status = state.approvals.find(approval)
    assert (status, kept.expires_ns) == ("pending", clock.time_ns() + SECOND)
    state.approvals.answer(approval, "yes")
    clock.ahead_s = 0
    clock.forward(599)
    assert approvals.standing(asked)
    clock.ahead_s = step
    clock.forward(1)
    assert not approvals.consume(asked)
    ((kept, status),) = state.approvals.all()
    assert (status, kept.expires_ns) == ("expired", clock.time_ns())
    state.close()


def test_a_question_may_be_open_for_as_long_as_a_policy_can_say(
    store: ApprovalStore, approvals: Approvals
) -> None:
    asked = question(approvals, Approval(RULE, 9_000_000_000, "call", "", shadow=False))
    store.answer(approvals.pend(asked), "yes")
    assert approvals.consume(asked)


def test_nobody_answers_what_is_unknown_or_used(store: ApprovalStore, approvals: Approvals) -> None:
    with pytest.raises(Unanswerable, match="'nonsense'"):
        store.answer("nonsense", "yes")
    approval = approvals.pend(question(approvals))
    store.answer(approval, "yes")
    assert approvals.consume(question(approvals))
    with pytest.raises(Unanswerable, match="was used by a call"):
        store.answer(approval, "no")


def test_a_kept_yes_for_the_session_becomes_the_sessions(store: ApprovalStore, approvals: Approvals) -> None:
    asked = question(approvals, WHOLE_SESSION)
    store.answer(approvals.pend(asked), "yes")
    assert approvals.consume(asked)
    assert approvals.consume(question(approvals, WHOLE_SESSION, {"prompt": "another"}))


def test_a_grant_cannot_fill_the_store_with_questions(store: ApprovalStore, approvals: Approvals) -> None:
    for number in range(MOST_OPEN):
        approvals.pend(question(approvals, arguments={"prompt": str(number)}))
    with pytest.raises(TooManyOpen):
        approvals.pend(question(approvals, arguments={"prompt": "one more"}))
    assert approvals.pend(question(approvals, arguments={"prompt": "0"}))
    assert approvals.pend(question(approvals, grant="robin"))


def test_questions_are_forgotten_a_day_after_they_expire(
    store: ApprovalStore, approvals: Approvals, clock: HandClock
) -> None:
    first = approvals.pend(question(approvals))
    clock.forward(600)
    assert [(asked.id, status) for asked, status in store.all()] == [(first, "expired")]
    clock.forward(86_400)
    second = approvals.pend(question(approvals))
    assert [asked.id for asked, _ in store.all()] == [second]
    with pytest.raises(Unanswerable):
        store.find(first)


def test_of_many_takers_at_once_one_alone_gets_the_yes(tmp_path: Path) -> None:
    clock = HandClock()
    states = [SqliteState(tmp_path / "state.sqlite", clock) for _ in range(8)]
    everyone = [Approvals(state.approvals, clock) for state in states]
    asked = question(everyone[0])
    states[0].approvals.answer(everyone[0].pend(asked), "yes")
    start, got = threading.Barrier(len(everyone)), list[bool]()

    def take(approvals: Approvals) -> None:
        start.wait()
        got.append(approvals.consume(question(approvals)))

    takers = [threading.Thread(target=take, args=(each,)) for each in everyone]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(got) == [False] * 7 + [True]
    for state in states:
        state.close()


def test_a_process_that_looks_and_leaves_takes_nothing_from_those_that_stay(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    look = (
        "import sys; from alya_mcp.gate import SqliteState; state = SqliteState(sys.argv[1])\n"
        "print(*(asked.id for asked, _ in state.approvals.all())); state.close()"
    )

    def seen_elsewhere() -> list[str]:
        command = [sys.executable, "-c", look, str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    state, beside = SqliteState(file), SqliteState(file)
    approvals = Approvals(state.approvals, HandClock())
    kept = [approvals.pend(question(approvals))]
    assert [asked.id for asked, _ in beside.approvals.all()] == kept
    assert seen_elsewhere() == kept
    kept.append(approvals.pend(question(approvals, arguments={"prompt": "another"})))
    assert seen_elsewhere() == kept
    for each in (state, beside):
        each.close()


def test_the_states_file_is_private(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "home" / "state.sqlite")
    approvals = Approvals(state.approvals, HandClock())
    approvals.pend(question(approvals))
    state.close()
    assert (tmp_path / "home" / "state.sqlite").stat().st_mode & 0o077 == 0


def test_a_first_answer_takes_none_back_and_says_how_it_came(
    store: ApprovalStore, approvals: Approvals
) -> None:
    approval = approvals.pend(question(approvals))
    assert store.answer(approval, "no", "ntfy", first=True)[0].way == "ntfy"
    for answer in ("yes", "no"):
        with pytest.raises(Unanswerable, match="answered already"):
            store.answer(approval, answer, "telegram", first=True)
    assert store.find(approval)[0].answer == "no"
    assert store.answer(approval, "yes", "dashboard")[0].way == "dashboard"
    found = store.find(approval)[0]
    assert (found.answer, found.way) == ("yes", "dashboard")
    assert found.answered_ns is not None
