"""What a call stands for: the user is shown it, and a yes is good for exactly that."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from alya_mcp.gate import ApprovalNeeded, Call, Gate, InvalidArguments, Policy, Refused
from alya_mcp.gate.approvals import Question
from alya_mcp.gate.clock import SystemClock
from alya_mcp.gate.state import MemoryState

POLICY = {"version": "1", "default": "deny", "tools": {"send": {"action": "require_approval"}}}
FILES = {"7": {"title": "Tea\u202e", "sha256": "aa"}, "8": {"title": "Tea\u202e", "sha256": "aa"}}


def about(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return dict(files[arguments["id"]])
    except KeyError:
        raise InvalidArguments("there is no such file", "there is none") from None


files: dict[str, dict[str, Any]] = {}


@pytest.fixture(autouse=True)
def fresh() -> None:
    files.clear()
    files.update({name: dict(facts) for name, facts in FILES.items()})


def a_call(**arguments: Any) -> Call:
    return Call(tool="send", arguments={"id": "7", **arguments}, session="s", about=about)


async def ran(arguments: Mapping[str, Any]) -> str:
    return "sent"


def test_the_user_is_shown_it_with_nothing_hidden() -> None:
    with pytest.raises(ApprovalNeeded) as needed:
        anyio.run(Gate(Policy.parse(POLICY)).call, a_call(), ran)
    assert 'sha256: "aa"' in needed.value.question.message
    assert "\u202e" not in needed.value.question.message
    assert needed.value.question.arguments == {"id": "7", "about.title": "Tea\u202e", "about.sha256": "aa"}


def test_a_kept_yes_is_good_for_what_was_shown_and_for_nothing_else() -> None:
    state = MemoryState(SystemClock())
    gate = Gate(Policy.parse(POLICY), state)

    def needed(call: Call) -> str:
        with pytest.raises(ApprovalNeeded) as error:
            anyio.run(gate.call, call, ran)
        return error.value.id or ""

    kept = needed(a_call())
    state.approvals.answer(kept, "yes")
    files["7"]["sha256"] = "bb"
    assert needed(a_call()) != kept
    assert needed(a_call(id="8")) != kept
    files["7"]["sha256"] = "aa"
    assert anyio.run(gate.call, a_call(), ran) == "sent"
    needed(a_call())


def test_a_yes_to_what_changed_while_the_user_thought_is_none() -> None:
    async def ask(question: Question) -> Any:
        files["7"]["sha256"] = "bb"
        return "accept"

    with pytest.raises(Refused, match="changed since") as refused:
        anyio.run(lambda: Gate(Policy.parse(POLICY)).call(a_call(), ran, ask=ask))
    assert refused.value.decision.decision == "deny"


def test_what_stands_for_nothing_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(Refused) as refused:
        anyio.run(Gate(Policy.parse(POLICY)).call, a_call(id="9"), ran)
    assert refused.value.decision.rule == "(invalid arguments)"
    assert not isinstance(refused.value, ApprovalNeeded)


def test_nothing_is_looked_up_where_nobody_is_asked() -> None:
    policy = Policy.parse({"version": "1", "default": "deny", "tools": {"send": {}}})
    assert anyio.run(Gate(policy).call, a_call(id="9"), ran) == "sent"


def test_a_redacted_name_is_not_shown_either() -> None:
    policy = {"version": "1", "default": "deny", "tools": {
        "send": {"action": "require_approval", "redact": {"arguments": ["title"]}}}}  # fmt: skip
    with pytest.raises(ApprovalNeeded) as needed:
        anyio.run(Gate(Policy.parse(policy)).call, a_call(), ran)
    assert "Tea" not in needed.value.question.message
    assert 'sha256: "aa"' in needed.value.question.message
