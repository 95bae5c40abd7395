"""`policy test`: cases are read strictly, and played through the real gate on a clock of their own."""

import json
from typing import Any

import anyio
import pytest

from alya_mcp.gate import InvalidArguments, Policy
from alya_mcp.gate.simulation.cases import CasesError, Difference, differences, read_cases
from alya_mcp.gate.simulation.rehearsal import Facts

OPEN = {"version": "1", "default": "allow"}


def case(expect: str, rule: str | None = None, at: float = 0, tool: str = "draw", **rest: Any) -> Any:
    made = {"at": at, "tool": tool, "arguments": rest.pop("arguments", {}), "expect": expect, **rest}
    return made if rule is None else {**made, "rule": rule}


def play(*calls: Any, facts: Facts | None = None, **policy: Any) -> list[Difference]:
    """The differences of one session under a policy that allows by default."""
    sessions = read_cases(json.dumps([{"name": "s", "policy": {**OPEN, **policy}, "calls": calls}]))

    async def run() -> list[Difference]:
        return await differences(sessions, lambda: Policy.parse(OPEN), lambda _: facts or Facts())

    return anyio.run(run)


def problems(document: object) -> list[tuple[str, str]]:
    with pytest.raises(CasesError) as caught:
        read_cases(document if isinstance(document, str | bytes) else json.dumps(document))
    return [(each.pointer, each.message) for each in caught.value.problems]


def test_limits_slide_on_the_clock_of_the_cases() -> None:
    limit = {"draw": {"rate_limit": {"max": 2, "window": 60}}}
    spent = "/tools/draw/rate_limit"
    assert not play(
        case("allow"), case("allow", at=30), case("deny", spent, at=59.999), case("allow", "", at=60),
        case("deny", spent, at=60), case("allow", at=90), tools=limit,
    )  # fmt: skip


def test_a_difference_tells_what_was_expected_and_what_came_and_why() -> None:
    limit = {"draw": {"rate_limit": {"max": 1, "window": 60}}}
    found = play(case("allow"), case("allow", at=1), tools=limit)
    assert [(each.session, each.number, each.got.decision) for each in found] == [("s", 2, "deny")]
    assert found[0].got.rule == "/tools/draw/rate_limit"
    assert found[0].case.expect == "allow"
    assert [step.rule for step in found[0].trace.steps if not step.held] == ["/tools/draw/rate_limit"]


def test_the_rule_is_compared_only_where_one_is_given() -> None:
    denied = {"draw": {"action": "deny"}}
    assert not play(case("deny"), case("deny", "/tools/draw/action"), tools=denied)
    assert len(play(case("deny", "(default deny)"), tools=denied)) == 1
    assert len(play(case("allow", "/tools/draw/rate_limit"))) == 1


def test_every_session_starts_with_empty_counters_in_every_scope() -> None:
    policy = {
        **OPEN,
        "all_tools": {"limits": [{"counter": "c", "max": 1, "window": "day", "scope": "host"}]},
    }
    calls = [case("allow"), case("deny", grant="other")]
    sessions = read_cases(json.dumps([{"name": name, "calls": calls} for name in "ab"]))

    async def run() -> list[Difference]:
        return await differences(sessions, lambda: Policy.parse(policy), lambda _: Facts())

    assert anyio.run(run) == []


def test_every_grant_is_known_and_counts_for_itself() -> None:
    counted = {"limits": [{"counter": "c", "max": 1, "window": "day"}]}
    assert not play(case("allow"), case("deny"), case("allow", grant="kim"), all_tools=counted)


def test_a_failed_call_gives_its_money_back_but_not_its_place_in_a_limit() -> None:
    budget = {"draw": {"budget": {"max_usd": 1, "window": "day"}}}
    priced = Facts(price=1.0)
    failed = case("allow", outcome="error")
    assert not play(failed, case("allow"), case("deny", "/tools/draw/budget"), tools=budget, facts=priced)
    limit = {"draw": {"rate_limit": {"max": 1, "window": 60}}}
    assert not play(failed, case("deny", "/tools/draw/rate_limit"), tools=limit)


@pytest.mark.parametrize("who", ["call", "session"])
def test_a_person_answers_where_the_case_says_so(who: str) -> None:
    asks = {"draw": {"action": "require_approval", "approval": {"who": who, "expires": 60}}}
    rule = "/tools/draw/action"
    assert not play(
        case("ask", rule), case("deny", rule, person="no"), case("deny", rule, person="yes", at=59),
        case("allow", "", person="yes", at=60), case("ask" if who == "call" else "allow", at=119),
        case("ask", rule, at=120), tools=asks,
    )  # fmt: skip


def test_a_call_that_a_person_approves_is_one_attempt() -> None:
    entry = {"action": "require_approval", "max_repeats": {"max": 2, "window": 60}}
    assert not play(
        case("allow", person="yes"), case("allow", person="yes"), case("deny", "/tools/draw/max_repeats"),
        tools={"draw": entry},
    )  # fmt: skip


def test_arguments_are_judged_as_given_unless_the_facts_hold_a_schema() -> None:
    entry = {"draw": {"require": [{"path": "args.size", "op": "lte", "value": 10}]}}

    def validate(arguments: Any) -> Any:
        if "size" not in arguments:
            raise InvalidArguments("size is required")
        return arguments

    small, nothing = {"size": 10}, {"sise": 10}
    rule = "/tools/draw/require/args.size-lte"
    assert not play(case("allow", arguments=small), case("deny", rule, arguments=nothing), tools=entry)
    facts = Facts(validate=validate)
    assert not play(case("deny", "(invalid arguments)", arguments=nothing), tools=entry, facts=facts)
    assert not play(case("deny", "(unknown tool)"), facts=Facts(known=False))


def test_a_category_counts_for_the_tools_that_the_facts_put_into_it() -> None:
    assert not play(case("deny", "/categories/Write/action"), facts=Facts(category="Write"),
                    categories={"Write": {"action": "deny"}})  # fmt: skip


def test_shadowed_rules_change_no_result() -> None:
    assert not play(case("allow"), tools={"draw": {"action": "deny", "mode": "shadow"}})


def test_everything_that_is_wrong_with_cases_is_listed_at_once_with_its_place() -> None:
    text = """[
  {"name": "a", "calls": [
    {"at": 5, "tool": "x", "arguments": {}, "expect": "alow"},
    {"at": 4, "tool": 7, "arguments": [], "expect": "deny", "outcome": "fine", "person": true, "grnt": "k"}
  ]},
  {"calls": {}, "policy": {"version": "1", "default": "deny", "tools": {"x": {"rate_limit": {"max": 0}}}}},
  3
]"""
    with pytest.raises(CasesError) as caught:
        read_cases(text, "cases.json")
    found = caught.value.problems
    assert [(each.pointer, each.line) for each in found] == [
        ("/0/calls/0/expect", 3),
        ("/0/calls/1/at", 4),
        ("/0/calls/1/tool", 4),
        ("/0/calls/1/arguments", 4),
        ("/0/calls/1/outcome", 4),
        ("/0/calls/1/person", 4),
        ("/0/calls/1/grnt", 4),
        ("/1", 6),
        ("/1/calls", 6),
        ("/1/policy/tools/x/rate_limit", 6),
        ("/1/policy/tools/x/rate_limit/max", 6),
        ("/2", 7),
    ]
    said = str(caught.value)
    assert 'did you mean "allow"?' in said
    assert 'unknown key "grnt"; did you mean "grant"?' in said
    assert "the call before is at 5, and time never goes back" in said
    assert said.startswith("cases.json: line 3, column 55: ")


@pytest.mark.parametrize(
    ("document", "pointer", "part"),
    [
        ({}, "", "an object; it takes a list"),
        ("", "", "missing"),
        ("[", "", "missing"),
        (b"\xff", "", "UTF-8"),
        ("[" * 100, "/0/0", "nested deeper"),
        ('[{"name": "a", "name": "b", "calls": []}]', "/0/name", "second time"),
        ([{"name": "", "calls": []}], "/0/name", "is empty"),
        ([{"name": "a"}], "/0", '"calls" is missing'),
        ([{"name": "a", "calls": [{}]}], "/0/calls/0", '"at" is missing'),
        ([{"name": "a", "calls": [], "policy": "p.json"}], "/0/policy", "it takes a policy"),
        ([{"name": "a", "calls": [case("allow", at=-1)]}], "/0/calls/0/at", "from 0"),
        ([{"name": "a", "calls": [case("allow", at=True)]}], "/0/calls/0/at", "from 0"),
        (
            '[{"name": "a", "calls": [], "policy": {"version": NaN}}]',
            "/0/policy/version",
            "isn't a JSON number",
        ),
    ],
)
def test_a_document_that_holds_no_cases_is_refused(document: object, pointer: str, part: str) -> None:
    assert any(at.startswith(pointer) and part in message for at, message in problems(document))


def test_cases_may_be_yaml() -> None:
    text = "- name: s\n  calls:\n    - {at: 0, tool: x, arguments: {}, expect: deny, rule: (default deny)}\n"
    (session,) = read_cases(text, "cases.yaml")
    assert (session.name, session.cases[0].rule) == ("s", "(default deny)")
    assert session.cases[0].line == 3
