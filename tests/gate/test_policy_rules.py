"""What a document compiles to: amounts, scopes, ids, modes and who obeys which entry (DESIGN section 4)."""

from typing import Any

import pytest
from gate_support import policy
from policy_documents import asked

from alya_mcp.gate import Policy, PolicyError
from alya_mcp.gate.policy.rules import SECOND, UNIT, Approval, Concurrency, Limit, Redact, Repeats, Rules

MINUTE = {"max": 1, "window": "minute"}


def rules(entry: Any, **rest: Any) -> Rules:
    return policy({"t": entry}, **rest).rules("t")


def test_limits_stand_in_the_order_in_which_a_spent_one_is_named() -> None:
    loaded = policy(
        {
            "t": {
                "budget": {"max_usd": 0.1, "window": 1.5},
                "limits": [
                    {"counter": "b", "max": 2, "window": "hour"},
                    {"counter": "a", "max": 0.3, "window": "day", "amount": "price", "scope": "host"},
                    {"counter": "n", "max": 7, "window": "day", "amount": "args.x.y", "on_deny": "Enough."},
                ],
                "rate_limit": {"max": 10, "window": 60},
                "rules": [{"name": "r", "rate_limit": "3/day"}],
            }
        },
        all_tools={"budget": {"max_usd": 2, "window": "day"}, "rate_limit": {**MINUTE, "scope": "grant"}},
    )
    day, hour = 86_400 * SECOND, 3600 * SECOND
    assert loaded.rules("t").limits == (
        Limit("/tools/t/rate_limit", "rate_limit", "t", 10 * UNIT, 60 * SECOND, "session", "call", "", False),
        Limit("/tools/t/limits/b", "limits", "t", 2 * UNIT, hour, "grant", "call", "", False, "b"),
        Limit("/tools/t/limits/a", "limits", "t", 300_000_000, day, "host", "price", "", False, "a"),
        Limit("/tools/t/limits/n", "limits", "t", 7 * UNIT, day, "grant", ("x", "y"), "Enough.", False, "n"),
        Limit("/tools/t/budget", "budget", "t", 100_000_000, 3 * SECOND // 2, "grant", "price", "", False),
        Limit("/tools/t/rules/r", "rate_limit", "t", 3 * UNIT, day, "grant", "call", "", False),
        Limit("/all_tools/rate_limit", "rate_limit", None, UNIT, 60 * SECOND, "grant", "call", "", False),
        Limit("/all_tools/budget", "budget", None, 2 * UNIT, day, "grant", "price", "", False),
    )
    assert loaded.limits == loaded.rules("t").limits


def test_caps_approval_timeout_and_redaction_compile_with_their_defaults() -> None:
    entry = {
        "action": "require_approval",
        "reason": "why",
        "max_repeats": {"max": 3, "window": 60},
        "max_concurrent": 2,
        "timeout": 30,
        "redact": {"arguments": ["a"], "results": ["b", "c"]},
    }
    assert rules(entry) == Rules(
        repeats=(Repeats("/tools/t/max_repeats", "t", 3, 60 * SECOND, "session", False),),
        concurrency=(Concurrency("/tools/t/max_concurrent", "t", 2, "session", False),),
        approval=Approval("/tools/t/action", 600, "call", "why", False),
        timeout=30,
        redact=Redact(frozenset("a"), frozenset("bc")),
        reason="why",
    )


def test_a_tool_obeys_its_own_entry_else_its_category_and_always_what_is_for_all() -> None:
    loaded = policy(
        {"own": {"timeout": 1}},
        categories={"Read": {"rate_limit": MINUTE, "max_concurrent": 1, "max_repeats": MINUTE, "timeout": 2}},
        all_tools={"max_concurrent": 9},
    )
    assert (loaded.rules("own", "Read").timeout, loaded.rules("own", "Read").limits) == (1, ())
    read = loaded.rules("other", "Read")
    assert read.denial is None
    assert [limit.counter for limit in read.limits] == ["/tools/other/rate_limit"]
    assert [cap.counter for cap in read.concurrency] == [
        "/tools/other/max_concurrent",
        "/all_tools/max_concurrent",
    ]
    assert (read.repeats[0].rule, read.repeats[0].tool) == ("/categories/Read/max_repeats", "other")
    assert loaded.rules("third", "Read").limits[0].counter == "/tools/third/rate_limit"
    for category in (None, "Write"):
        denied = loaded.rules("other", category).denial
        assert denied is not None
        assert denied.rule == "(default deny)"
    assert policy(default="allow").rules("any").denial is None


@pytest.mark.parametrize(("own", "every", "holds"), [(5, 9, 5), (9, 5, 5), (None, 9, 9), (9, None, 9)])
def test_the_shortest_timeout_of_a_tool_and_of_all_tools_holds(
    own: int | None, every: int | None, holds: int
) -> None:
    document: dict[str, Any] = {"version": "1", "default": "deny", "tools": {"draw": {}}}
    if own is not None:
        document["tools"]["draw"]["timeout"] = own
    if every is not None:
        document["all_tools"] = {"timeout": every}
    assert Policy.parse(document).rules("draw").timeout == holds


def test_a_category_can_deny_its_tools_and_names_its_own_rule() -> None:
    denial = (
        policy(default="allow", categories={"Write": {"action": "deny", "reason": "closed"}})
        .rules("t", "Write")
        .denial
    )
    assert denial is not None
    assert (denial.rule, "closed" in denial.message) == ("/categories/Write/action", True)


@pytest.mark.parametrize(
    ("top", "entry", "rule", "shadowed"),
    [
        (None, None, None, False),
        ("shadow", None, None, True),
        ("shadow", "enforce", None, False),
        (None, "shadow", None, True),
        ("enforce", "shadow", "enforce", False),
        (None, None, "shadow", True),
    ],
)
def test_the_nearest_mode_wins(top: str | None, entry: str | None, rule: str | None, shadowed: bool) -> None:
    def mode(word: str | None) -> dict[str, Any]:
        return {} if word is None else {"mode": word}

    limit = {**MINUTE, **mode(rule)}
    tool = {
        **mode(entry),
        "action": "require_approval",
        "approval": mode(rule),
        "rate_limit": limit,
        "limits": [{"counter": "c", **limit}],
        "budget": {"max_usd": 1, "window": 1, **mode(rule)},
        "max_repeats": limit,
        "max_concurrent": {"max": 1, **mode(rule)},
        "require": [asked("args.a", "eq", 1, **mode(rule))],
        "deny_if": [{"conditions": [], **mode(rule)}],
        "rules": [{"name": "r", "rate_limit": "1/day", **mode(rule)}],
    }
    whole = {key: tool[key] for key in ("rate_limit", "budget", "max_repeats", "max_concurrent")}
    loaded = policy({"t": tool}, all_tools={**mode(entry), **whole}, **mode(top)).rules("t")
    found = (*loaded.tests, *loaded.limits, *loaded.repeats, *loaded.concurrency, loaded.approval)
    assert len(found) == 13
    assert {each.shadow for each in found if each is not None} == {shadowed}


def test_a_shadowed_denial_is_told_to_the_audit_log_alone() -> None:
    loaded = policy({"t": {"action": "deny", "mode": "shadow"}}, mode="shadow")
    for tool, rule in (("t", "/tools/t/action"), ("unlisted", "(default deny)")):
        found = loaded.rules(tool)
        assert found.denial is None
        assert [(each.rule, each.mode) for each in found.shadow_denials] == [(rule, "shadow")]


def test_conditions_are_named_by_path_and_operator_or_by_their_place() -> None:
    one, other = asked("args.a/b", "gt", 1), asked("args.c", "lt", 1)
    loaded = rules(
        {
            "require": [one, other, one],
            "deny_if": [
                {"conditions": [one]},
                {"conditions": [one, other]},
                {"conditions": []},
                {"conditions": [other]},
                {"conditions": [other]},
            ],
        }
    )
    assert [test.rule for test in loaded.tests] == [
        "/tools/t/require/0",
        "/tools/t/require/args.c-lt",
        "/tools/t/require/2",
        "/tools/t/deny_if/args.a~1b-gt",
        "/tools/t/deny_if/1",
        "/tools/t/deny_if/2",
        "/tools/t/deny_if/3",
        "/tools/t/deny_if/4",
    ]
    assert [test.must_hold for test in loaded.tests] == [True] * 3 + [False] * 5


@pytest.mark.parametrize(
    ("names", "ids"),
    [("ab", "ab"), ("aab", "01b"), ("0", "0"), (["1", "x", "x"], "012"), (["x", "x", "0"], "012")],
)
def test_two_limits_never_share_an_id_but_those_of_one_name_share_what_they_count(
    names: list[str], ids: str
) -> None:
    loaded = rules({"limits": [{"counter": name, **MINUTE} for name in names]})
    assert [limit.rule for limit in loaded.limits] == [f"/tools/t/limits/{identity}" for identity in ids]
    assert [limit.counter for limit in loaded.limits] == [f"/tools/t/limits/{name}" for name in names]


def test_what_is_counted_names_the_counter_and_no_two_kinds_share_one() -> None:
    amounts = ["price", "args.a", "args.a.b", None]
    limits = [
        {"counter": name, **MINUTE, **({} if amount is None else {"amount": amount})}
        for name in ("n", "n/args.a", "n~")
        for amount in amounts
    ]
    limits.append({"counter": "n/usd", **MINUTE})
    entry = {"limits": limits, "rate_limit": MINUTE, "budget": {"max_usd": 1, "window": 60}}
    counters = [limit.counter for limit in rules(entry).limits]
    assert len(set(counters)) == len(counters) == 3 * len(amounts) + 3


def test_the_strictest_of_several_approvals_is_asked_for() -> None:
    ask = {"name": "r", "action": "require_approval", "on_deny": "other"}
    tool = {
        "action": "require_approval",
        "reason": "own",
        "approval": {"expires": 900, "who": "session"},
        "rules": [ask],
    }
    strict = Approval("/tools/t/action", 120, "call", "own", False)
    assert rules(tool, approval_timeout="2m").approval == strict
    shadowed = {**tool, "approval": {"mode": "shadow"}}
    assert rules(shadowed, approval_timeout="2m").approval == Approval(
        "/tools/t/rules/r", 120, "call", "other", False
    )
    assert rules({"rules": [ask]}).approval == Approval("/tools/t/rules/r", 600, "call", "other", False)


def test_redaction_holds_for_a_denied_call_too() -> None:
    assert rules({"action": "deny", "redact": {"arguments": ["a"]}}).redact.arguments == {"a"}


def test_names_that_nothing_has_and_patterns_that_let_all_in_are_warnings() -> None:
    loaded = Policy.loads(
        '{"version": "1", "default": "deny",\n'
        ' "tools": {"draw": {"require": [{"path": "args.url", "op": "regex", "value": "example.com"},\n'
        '  {"path": "args.u", "op": "regex", "value": "^https://"}],\n'
        '  "deny_if": [{"conditions": [{"path": "args.url", "op": "exists", "value": true}]}]}},\n'
        ' "hide": ["darw"]}'
    )
    found = loaded.warnings(["draw"])
    assert [(each.pointer, each.line, each.column) for each in found] == [
        ("/hide/0", 5, 11),
        ("/tools/draw/require/0/value", 2, 78),
    ]
    assert 'did you mean "draw"' in found[0].message


@pytest.mark.parametrize("default", ["allow", "deny"])
def test_a_name_that_no_tool_has_is_an_error_where_it_would_be_a_pass(default: str) -> None:
    document = {"version": "1", "default": default, "hide": ["*", "wpie"], "tools": {"dr-aw": {}, "wipe": {}}}
    known = ["dr_aw", "wipe"]
    assert Policy.parse(document).default == default, "where no tools are known, any name is one"
    if default == "deny":
        found = Policy.parse(document, known).warnings(known)
    else:
        with pytest.raises(PolicyError) as caught:
            Policy.parse(document, known)
        found = caught.value.problems
    assert [each.pointer for each in found] == ["/hide/1", "/tools/dr-aw"]
    assert ['"wipe"' in found[0].message, '"dr_aw"' in found[1].message] == [True, True]


def test_refusals_that_a_call_gets_past_by_leaving_an_argument_out_are_named() -> None:
    def refusing(path: str, op: str, value: Any, **more: str) -> dict[str, Any]:
        return {"conditions": [{"path": path, "op": op, "value": value, **more}]}

    refusals = [
        refusing("args.a", "gt", 1),
        refusing("args.b", "gt", 1, missing="deny"),
        refusing("args.c", "eq", 1, missing="pass"),
        refusing("args.d", "regex", "x"),
        refusing("args.e", "neq", 1),
        refusing("args.f", "exists", value=True),
        refusing("args.g", "in", [1]),
    ]
    loaded = policy({"t": {"deny_if": refusals, "require": [asked("args.d", "exists", value=True)]}})
    assert [each.pointer for each in loaded.dodged({})] == [
        "/tools/t/deny_if/0/conditions/0",
        "/tools/t/deny_if/6/conditions/0",
    ]
    schema = {"properties": {"a": {"type": "number"}, "g": {"type": "integer"}}, "required": ["a"]}
    (left,) = loaded.dodged({"t": schema})
    assert left.pointer == "/tools/t/deny_if/6/conditions/0"
    assert all(remedy in left.message for remedy in ('"missing": "deny"', '"missing": "pass"', '"exists"'))


@pytest.mark.parametrize(
    ("pattern", "warned"),
    [(r"\bşifre\b", True), (r"^\w+ş", True), ("^şifre", False), (r"^\bpassword", False), (r"^\\\\bş", False)],
)
def test_a_class_of_ascii_beside_another_letter_is_a_warning(pattern: str, warned: bool) -> None:
    loaded = policy({"t": {"deny_if": [{"conditions": [asked("args.a", "regex", pattern)]}]}})
    pointers = [each.pointer for each in loaded.warnings(["t"])]
    assert pointers == (["/tools/t/deny_if/0/conditions/0/value"] if warned else [])


@pytest.mark.parametrize("default", ["allow", "deny"])
def test_a_category_that_no_tool_can_have_is_an_error(default: str) -> None:
    with pytest.raises(PolicyError, match=r'unknown category "Raed"; did you mean "Read"\?') as caught:
        policy(default=default, categories={"Raed": {"action": "deny"}, "Write": {}})
    assert [each.pointer for each in caught.value.problems] == ["/categories/Raed"]


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "style": {"enum": ["a", "b"]},
        "box": {"$ref": "#/$defs/Box"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "any": {},
        "dotted.name": {"type": "boolean"},
        "kind": {"const": "a"},
        "tree": {"$ref": "#/$defs/Tree"},
        "both": {"allOf": [{"type": "string"}]},
        "lost": {"$ref": "#/$defs/None"},
        "far": {"$ref": "https://example.org/schema"},
        "round": {"$ref": "#/properties/round"},
    },
    "$defs": {
        "Box": {"type": "object", "properties": {"w": {"type": "number"}}, "additionalProperties": False},
        "Tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Tree"}}},
    },
    "additionalProperties": False,
}
NEVER = [
    asked("args.name", "gt", 5),
    asked("args.name", "eq", 5),
    asked("args.size", "regex", "x"),
    asked("args.size", "eq", 1.5),
    asked("args.size", "contains", "1"),
    asked("args.style", "in", ["c", "d"]),
    asked("args.style", "eq", "c"),
    asked("args.box.h", "exists", value=True),
    asked("args.box.w", "eq", "wide"),
    asked("args.box.w.x", "neq", 1),
    asked("args.nmae", "neq", "x"),
    asked("args.dotted.name", "lt", 1),
    asked("args.kind", "eq", "b"),
    asked("args.tree.next.next", "eq", 1),
]
PERHAPS = [
    asked("args.name", "neq", 5),
    asked("args.size", "eq", 2.0),
    asked("args.size", "lte", 1.5),
    asked("args.style", "in", ["c", "b"]),
    asked("args.box.w", "gte", 1),
    asked("args.box", "eq", {"w": 1}),
    asked("args.tags", "contains", "x"),
    asked("args.any.a.b", "regex", "x"),
    asked("args.nmae", "exists", value=False),
    asked("args.dotted.name", "eq", value=True),
    asked("args.kind", "eq", "a"),
    asked(f"args.tree{'.next' * 40}", "eq", 1),
    *(asked(f"args.{name}", "gt", 5) for name in ("both", "lost", "far", "round")),
]


@pytest.mark.parametrize("condition", NEVER, ids=str)
def test_a_condition_that_the_schema_contradicts_is_found(condition: dict[str, Any]) -> None:
    loaded = policy({"t": {"require": [condition], "deny_if": [{"conditions": [condition]}]}})
    required, refusing = loaded.contradictions({"t": SCHEMA})
    assert (required.pointer, "every call is refused" in required.message) == ("/tools/t/require/0", True)
    assert "the same for every call" in refusing.message
    assert loaded.contradictions({}) == ()


@pytest.mark.parametrize("condition", PERHAPS, ids=str)
def test_a_condition_that_some_arguments_satisfy_is_none(condition: dict[str, Any]) -> None:
    assert policy({"t": {"require": [condition]}}).contradictions({"t": SCHEMA}) == ()


def test_an_amount_that_is_no_number_in_the_schema_is_found() -> None:
    limits = [{"counter": name, "amount": f"args.{name}", **MINUTE} for name in ("size", "name", "nmae")]
    found = policy({"t": {"limits": limits}}).contradictions({"t": SCHEMA})
    assert [each.pointer for each in found] == ["/tools/t/limits/1/amount", "/tools/t/limits/2/amount"]
