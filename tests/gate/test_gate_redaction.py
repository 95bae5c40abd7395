"""What a policy redacts stands in no refusal, no trace, no summary and no log."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alya_mcp.gate import Audit, Call, Gate, InvalidArguments, MemoryState
from tests.support.gate_support import a_call, log_files, policy, refusal_of

pytestmark = pytest.mark.anyio

PIN = 874323874323


def condition(op: str, value: Any, path: str = "args.pin") -> dict[str, Any]:
    return {"path": path, "op": op, "value": value}


def denied(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"deny_if": [{"conditions": list(conditions)}]}


def wrong_code(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    raise InvalidArguments(f"pin is {arguments['pin']}; it takes a number", "pin doesn't fit")


def not_said(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    raise InvalidArguments(f"{arguments} can't be used")


@pytest.mark.parametrize(
    ("rule", "call"),
    [
        ({"require": [condition("eq", f"{PIN}-open")]}, a_call(arguments={"pin": "x"})),
        ({"require": [condition("in", [f"{PIN}-open", "x"])]}, a_call(arguments={"pin": f"y{PIN}"})),
        (denied(condition("regex", f"^{PIN}-")), a_call(arguments={"pin": f"{PIN}-open"})),
        (denied(condition("lt", PIN)), a_call(arguments={"pin": 1})),
        (denied(condition("eq", PIN, "args.card.pin")), a_call(arguments={"card": {"pin": PIN}})),
        (denied(condition("eq", PIN, "args.pin.code")), a_call(arguments={"pin": {"code": PIN}})),
        (
            {"rules": [{"name": "r", "conditions": [condition("gt", PIN)], "action": "evaluate"}]},
            a_call(arguments={"pin": PIN}),
        ),
        ({"limits": [{"counter": "c", "max": 4, "window": 9, "amount": "args.pin"}]},
         a_call(arguments={"pin": PIN})),
        ({"limits": [{"counter": "c", "max": 4, "window": 9, "amount": "args.pin"}]},
         a_call(arguments={"pin": str(PIN)})),
        ({}, a_call(arguments={"pin": str(PIN)}, validate=wrong_code)),
        ({}, a_call(arguments={"pin": str(PIN)}, validate=not_said)),
    ],
)  # fmt: skip
async def test_a_redacted_value_is_told_to_nobody(rule: dict[str, Any], call: Call, tmp_path: Path) -> None:
    state = MemoryState()
    rules = policy({"draw": {"redact": {"arguments": ["pin"]}, **rule}})
    gate = Gate(rules, state, Audit(tmp_path / "audit", state))
    refusal = await refusal_of(gate, call)
    gate.close()
    told = {
        "refusal": str(refusal.as_meta()),
        "last refusal": str(gate.last_refusal(call.session)),
        "trace": str(gate.explain(call).steps),
        "summary": str(rules.summary("draw").requirements),
        "log": "".join(path.read_text("ascii") for path in log_files(tmp_path / "audit")),
    }
    assert refusal.decision == "deny"
    assert [where for where, text in told.items() if str(PIN) in text.replace(rules.digest, "")] == []


async def test_other_values_are_told_beside_a_redacted_one() -> None:
    rule = {"redact": {"arguments": ["pin"]}, **denied(condition("eq", 1), condition("gt", 20, "args.steps"))}
    gate = Gate(policy({"draw": rule}))
    refusal = await refusal_of(gate, a_call(arguments={"pin": 1, "steps": 21}))
    assert 'args.pin eq "(redacted)" and args.steps gt 20' in refusal.message


def test_a_redacted_member_is_in_no_digest_at_any_depth(tmp_path: Path) -> None:
    state = MemoryState()
    audit = Audit(tmp_path, state)
    redact = policy({"draw": {"redact": {"arguments": ["pin"]}}}).rules("draw").redact
    digests = {
        audit.arguments(json.loads(text), redact) for text in ('{"a":[{"pin":1}]}', '{"a":[{"pin":2}]}')
    }
    audit.close()
    assert len(digests) == 1
