"""Gate.last_refusal: what the newest refused call of a session was told."""

import pytest
from gate_support import a_call, outcome_of, policy, refusal_of

from alya_mcp.gate import Gate

pytestmark = pytest.mark.anyio


async def test_the_newest_refusal_of_a_session_is_remembered() -> None:
    gate = Gate(policy({"draw": {}, "ask": {"action": "require_approval"}}))
    assert gate.last_refusal("s1") is None
    refused = await refusal_of(gate, a_call("erase"))
    assert await outcome_of(gate, a_call()) == "ok"
    assert gate.last_refusal("s1") == ("erase", refused)
    asked = await refusal_of(gate, a_call("ask"))
    assert gate.last_refusal("s1") == ("ask", asked)
    assert gate.last_refusal("s2") is None


async def test_a_hidden_name_and_an_unknown_one_leave_no_trace() -> None:
    gate = Gate(policy({"draw": {}}, hide=["secret"]))
    assert await outcome_of(gate, a_call("secret")) == "(hidden)"
    assert await outcome_of(gate, a_call("nobody", known=False)) == "(unknown tool)"
    assert gate.last_refusal("s1") is None


async def test_old_sessions_are_forgotten() -> None:
    gate = Gate(policy())
    for number in range(65):
        await refusal_of(gate, a_call(session=str(number)))
    assert gate.last_refusal("0") is None
    assert gate.last_refusal("64") is not None
