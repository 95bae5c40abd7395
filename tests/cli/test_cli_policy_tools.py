"""`alya-mcp policy test`, `replay` and `init`, and docs/policy-tools.md, whose examples are run."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from click.testing import CliRunner
from command_line import Ended, Run, WritePolicy

from alya_mcp.app.diagnostics.gate import policy as policy_checks
from alya_mcp.app.presets import starting_policy
from alya_mcp.cli.main import group
from alya_mcp.gate import Audit, Call, Gate, MemoryState, Policy, Refused, SqliteState
from alya_mcp.settings import Settings
from alya_mcp.tools import load_catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "policy-tools.md").read_text(encoding="utf-8")
POLICY, CASES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = re.findall(r"^```\n\$ alya-mcp (.*?)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OPEN = {"version": "1", "default": "allow"}


@pytest.fixture
def here(tmp_path: Path, alya_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run commands in, in this process: the many that need no process of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALYA_HOME", str(alya_home))
    for name in ("ALYA_POLICY", "ALYA_GRANT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def command(*words: str) -> Ended:
    """Run a command in this process; usage errors end it as `main` ends them."""
    result = CliRunner().invoke(group, list(words), standalone_mode=False)
    if isinstance(result.exception, click.ClickException):
        return Ended(result.exception.exit_code, result.stdout, result.exception.format_message())
    assert result.exception is None, result.exception
    return Ended(result.return_value or 0, result.stdout, result.stderr)


def written(name: str, document: Any) -> str:
    Path(name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return name


def cases(*calls: Any, **session: Any) -> str:
    return written("cases.json", [{"name": "s", "calls": calls, **session}])


def one(expect: str = "allow", tool: str = "image_gen", **rest: Any) -> dict[str, Any]:
    return {"at": 0, "tool": tool, "arguments": {"prompt": "x"}, "expect": expect, **rest}


@pytest.mark.parametrize(("words", "shown"), EXAMPLES, ids=[words.split(" ")[1] for words, _ in EXAMPLES])
def test_the_page_shows_what_the_commands_print(here: Path, words: str, shown: str) -> None:
    written("policy.json", POLICY)
    written("cases.json", CASES)
    plain = [word.replace('"', "") for word in re.findall(r'(?:[^\s"]|"[^"]*")+', words)]
    assert command(*plain).out == shown


def test_cases_that_come_out_as_expected_end_with_0(here: Path) -> None:
    policy = written("p.json", {**OPEN, "tools": {"image_gen": {"rate_limit": {"max": 1, "window": 60}}}})
    ended = command("policy", "test", cases(one(), one("deny")), "--policy", policy, "--output", "json")
    assert ended.code == 0
    assert ended.json == {"file": "cases.json", "ok": True, "sessions": 1, "calls": 2, "differences": []}


def test_a_difference_is_shown_with_session_call_expected_got_rule_and_trace(
    run: Run, tmp_path: Path, write_policy: WritePolicy
) -> None:
    policy = str(write_policy({"version": "1", "default": "deny", "tools": {"x": {"action": "deny"}}}))
    path = write_policy([{"name": "loop", "calls": [one("deny", "y"), one("allow", "x", at=2.5)]}], "c.json")
    ended = run("policy", "test", str(path), "--policy", policy)
    assert (ended.code, ended.err) == (1, "")
    first, *trace, _, summary = ended.out.splitlines()
    assert "loop, call 2 (x at 2.5 s): expected allow, got deny by /tools/x/action" in first
    assert any(line.split()[:2] == ["deny", "/tools/x/action"] for line in trace)
    assert summary == "1 of 2 calls in 1 session not as expected"
    found = run("policy", "test", str(path), "--policy", policy, "--output", "json").json["differences"]
    assert [(each["session"], each["call"], each["at"]) for each in found] == [("loop", 2, 2.5)]
    assert found[0]["expected"] == {"decision": "allow", "rule": None}
    assert found[0]["got"]["rule"] == "/tools/x/action"
    assert not all(step["held"] for step in found[0]["steps"])


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("[", "line 1, column 2"),
        ([{"name": "s", "calls": [{"at": 0}]}], '/0/calls/0: "tool" is missing'),
        ([{"name": "s", "calls": [], "policy": {"version": "1"}}], '/0/policy: "default" is missing'),
        (None, "cases.json"),
    ],
)
def test_a_wrong_file_ends_the_test_with_2(here: Path, document: Any, part: str) -> None:
    if document is not None:
        written("cases.json", document)
    ended = command("policy", "test", "cases.json")
    assert (ended.code, ended.out) == (2, "")
    assert part in ended.err


def test_a_wrong_policy_ends_the_test_with_2_unless_every_session_has_its_own(here: Path) -> None:
    policy = written("p.json", "{}")
    assert command("policy", "test", cases(one()), "--policy", policy).code == 2
    assert command("policy", "test", cases(one(), policy=OPEN), "--policy", policy).code == 0


def test_schemas_are_checked_only_when_asked_for(here: Path) -> None:
    policy = written("p.json", OPEN)
    name = cases(one(arguments={"promt": 1}), one("allow", "no_such_tool"))
    assert command("policy", "test", name, "--policy", policy).code == 0
    ended = command("policy", "test", name, "--policy", policy, "--schemas", "--output", "json")
    assert [each["got"]["rule"] for each in ended.json["differences"]] == [
        "(invalid arguments)",
        "(unknown tool)",
    ]


def test_prices_and_categories_are_those_of_the_catalogue(here: Path) -> None:
    rules = {"budget": {"max_usd": 0.001, "window": "day"}}
    policy = written("p.json", {"version": "1", "default": "deny", "categories": {"Read": rules}})
    name = cases(
        one(), one("deny", rule="/categories/Read/budget"), one("allow", "alya_status", arguments={})
    )
    assert command("policy", "test", name, "--policy", policy).code == 0


def past(folder: Path, calls: int) -> str:
    """An audit folder with calls of `image_gen` that were all let through."""

    async def handler(_: object) -> None:
        pass

    async def live() -> None:
        state = MemoryState()
        gate = Gate(Policy.parse(OPEN), state, Audit(folder / "audit", state))
        for number in range(calls):
            try:
                await gate.call(
                    Call(tool="image_gen", arguments={"prompt": str(number)}, session="s"), handler
                )
            except Refused as refused:
                raise AssertionError(refused) from None
        gate.close()

    anyio.run(live)
    return str(folder / "audit")


def test_replay_shows_what_would_change_and_what_cannot_be_judged(run: Run, tmp_path: Path) -> None:
    log = past(tmp_path, 3)
    entry = {"rate_limit": {"max": 2, "window": "day"}}
    policy = tmp_path / "new.json"
    policy.write_text(json.dumps({**OPEN, "tools": {"image_gen": entry}}))
    ended = run("policy", "replay", log, "--policy", str(policy))
    assert ended.code == 1
    assert "3 calls: 2 decided as before, 1 otherwise, 0 can't be judged" in ended.out
    assert re.search(r"image_gen +allow +deny +/tools/image_gen/rate_limit", ended.out)


def test_replay_in_json_tells_the_same(here: Path) -> None:
    log = past(here, 3)
    entry = {"rate_limit": {"max": 2, "window": "day"}}
    policy = written("new.json", {**OPEN, "tools": {"image_gen": entry}})
    found = command("policy", "replay", log, "--policy", policy, "--output", "json").json
    assert (found["calls"], found["same"], len(found["changes"])) == (3, 2, 1)
    assert found["changes"][0]["was"] == {"decision": "allow", "rule": ""}
    assert found["changes"][0]["now"]["rule"] == "/tools/image_gen/rate_limit"
    entry = {"require": [{"path": "args.prompt", "op": "neq", "value": "1"}]}
    policy = written("new.json", {**OPEN, "tools": {"image_gen": entry}})
    ended = command("policy", "replay", log, "--policy", policy, "--output", "json")
    assert ended.code == 0
    assert ended.json["unjudged"] == [{"rules": ["/tools/image_gen/require/args.prompt-neq"], "calls": 3}]
    told = command("policy", "replay", log, "--policy", policy)
    assert "/tools/image_gen/require/args.prompt-neq" in told.err
    policy = written("new.json", {**OPEN, "tools": {"image_gen": {"action": "deny", "mode": "shadow"}}})
    told = command("policy", "replay", log, "--policy", policy)
    assert told.code == 0
    assert "/tools/image_gen/action" in told.err


def test_replay_ends_with_2_when_log_or_policy_cannot_be_read(here: Path) -> None:
    policy = written("p.json", OPEN)
    assert command("policy", "replay", "missing", "--policy", policy).code == 2
    assert command("policy", "replay", past(here, 1), "--policy", written("q.json", "{}")).code == 2


@pytest.mark.parametrize("preset", ["strict", "balanced", "open"])
def test_a_starting_policy_passes_check_without_a_warning(here: Path, preset: str) -> None:
    assert command("policy", "init", "--preset", preset, "--out", "p.json").code == 0
    ended = command("policy", "check", "p.json", "--output", "json")
    assert ended.json == {**ended.json, "ok": True, "errors": [], "warnings": []}
    assert json.loads(Path("p.json").read_text())["description"].lower().startswith(preset)


def test_init_never_overwrites_a_file_unless_forced(here: Path) -> None:
    path = written("p.json", "mine")
    ended = command("policy", "init", "--out", path)
    assert ended.code == 2
    assert "--force" in ended.err
    assert Path(path).read_text() == "mine"
    assert sorted(each.name for each in here.iterdir() if each.is_file()) == ["p.json"]
    assert command("policy", "init", "--out", path, "--force").code == 0
    assert json.loads(Path(path).read_text())["version"] == "1"


def test_init_writes_no_file_that_could_not_be_read_as_a_policy(here: Path) -> None:
    ended = command("policy", "init", "--out", "p.txt")
    assert (ended.code, ended.out) == (2, "")
    assert "p.txt: a policy file's name ends in .json, .yaml or .yml" in ended.err
    assert not Path("p.txt").exists()


def test_init_names_the_file_as_a_server_that_starts_anywhere_needs_it(here: Path) -> None:
    assert f"--policy '{here.resolve()}/my own.json'" in command("policy", "init", "--out", "my own.json").err


def test_init_writes_where_a_server_looks_and_prints_with_a_dash(here: Path, alya_home: Path) -> None:
    assert command("policy", "init", "--preset", "strict").code == 0
    assert json.loads((alya_home / "policy.json").read_text())["default"] == "deny"
    printed = command("policy", "init", "--preset", "open", "--out", "-")
    assert json.loads(printed.out)["default"] == "allow"
    document = command("policy", "init", "--preset", "open", "--out", "-", "--output", "json").json
    assert document["file"] is None
    assert document["policy"] == json.loads(printed.out)


class Like:
    """What a preset looks at, of a tool that isn't there yet."""

    def __init__(self, name: str, category: str, risk: str = "Low", price: float = 0.001) -> None:
        self.name, self.category, self.risk, self.price = name, category, risk, price


MANY: Any = [
    *(Like(f"read_{number}", "Read") for number in range(3)),
    Like("free", "Read", price=0.0),
    Like("symptoms", "Read", "High", 0.1),
    *(Like(f"write_{number}", "Write") for number in range(2)),
    Like("upload", "Write", "High"),
    Like("run", "Execute"),
    Like("drop", "Destructive"),
    Like("pay", "Financial"),
]


@pytest.mark.parametrize(
    ("preset", "says"),
    [
        ("strict", {"ask": ["read_0", "symptoms", "write_0", "upload"], "deny": ["run", "drop", "pay", "new"],
                    "allow": ["free"]}),
        ("balanced", {"allow": ["read_0", "free", "write_0"], "ask": ["symptoms", "upload", "run"],
                      "deny": ["drop", "pay", "new"]}),
        ("open", {"allow": ["read_0", "symptoms", "write_0", "upload", "new"],
                  "ask": ["run", "drop", "pay"]}),
    ],
)  # fmt: skip
def test_a_preset_decides_by_category_risk_and_price(preset: Any, says: dict[str, list[str]]) -> None:
    policy = Policy.parse(starting_policy(preset, MANY))
    named = {tool.name: tool for tool in [*MANY, Like("new", "Unheard")]}
    for expected, names in says.items():
        assert {name: policy.summary(name, named[name].category).verdict for name in names} == dict.fromkeys(
            names, expected
        )


def test_a_preset_keeps_shared_rules_under_their_category_and_treats_later_tools_alike() -> None:
    document = starting_policy("strict", MANY)
    assert "read_0" not in document["tools"]
    assert {"free", "symptoms"} <= set(document["tools"])
    later = Policy.parse(document).rules("read_later", "Read")
    assert later.approval is not None


def test_tools_shows_every_kind_of_answer_and_of_limit(here: Path) -> None:
    document = {
        **OPEN,
        "hide": ["alya_status"],
        "tools": {
            "image_gen": {
                "action": "require_approval",
                "rate_limit": {"max": 2, "window": 60, "scope": "host"},
                "limits": [{"counter": "steps", "max": 40, "window": 90, "amount": "args.steps"}],
                "budget": {"max_usd": 0.5, "window": "day", "mode": "shadow"},
                "require": [{"path": "args.steps", "op": "lte", "value": 4}],
                "timeout": 30,
            },
            "alya_usage": {"action": "deny", "mode": "shadow"},
        },
        "all_tools": {"max_repeats": {"max": 3, "window": "hour"}, "max_concurrent": 2},
    }
    ended = command("tools", "--policy", written("p.json", document))
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    for part in ("  ask  ", "only if args.steps lte 4", "2 calls per minute (host)", "30 s a call",
                 "40 of args.steps per 90 s (grant)", "0.5 USD per day (grant, shadow)"):  # fmt: skip
        assert part in rows["image_gen"]
    assert rows["alya_usage"].rstrip().endswith("shadow")
    assert rows["alya_status"].rstrip().endswith("hidden")
    assert "3 times the same per hour, 2 at once" in rows["(all"]
    listed = command("tools", "--policy", "p.json", "--output", "json").json["tools"][0]["limits"]
    assert [(each["kind"], each["unit"], each["max"], each["window"], each["mode"]) for each in listed] == [
        ("condition", None, None, None, "enforce"),
        ("max_repeats", "calls", 3, 3600, "enforce"),
        ("max_concurrent", "calls", 2, None, "enforce"),
        ("rate_limit", "calls", 2, 60, "enforce"),
        ("limits", "args.steps", 40, 90, "enforce"),
        ("budget", "usd", 0.5, 86400, "shadow"),
        ("timeout", "seconds", 30, None, "enforce"),
    ]


def test_explain_marks_asks_and_shadowed_rules(here: Path) -> None:
    document = {
        **OPEN,
        "tools": {
            "image_gen": {"action": "require_approval", "deny_if": [{"conditions": [], "mode": "shadow"}]}
        },
    }
    ended = command("policy", "explain", "image_gen", "prompt=x", "--policy", written("p.json", document))
    assert ended.code == 4
    marks = {line.split()[1]: line.split()[0] for line in ended.out.splitlines()[1:-1]}
    assert marks["/tools/image_gen/action"] == "ask"
    assert marks["/tools/image_gen/deny_if/0"] == "shadow"


def test_check_finds_a_rule_that_contradicts_its_tools_parameters(here: Path) -> None:
    rule = {"path": "args.prompt", "op": "gt", "value": 3}
    document = {
        "version": "1",
        "default": "deny",
        "tools": {"image_gen": {"require": [rule]}, "imagegen": {}},
    }
    ended = command("policy", "check", written("p.json", document), "--output", "json")
    assert (ended.code, ended.json["ok"]) == (1, False)
    assert ended.json["errors"][0]["pointer"].startswith("/tools/image_gen/require/0")
    assert [each["pointer"] for each in ended.json["warnings"]] == ["/tools/imagegen"]


def test_every_tool_of_the_catalogue_has_its_say_in_every_preset() -> None:
    tools = load_catalogue().values()
    for preset in ("strict", "balanced"):
        policy = Policy.parse(starting_policy(preset, tools))
        assert all(policy.rules(tool.name, tool.category).denial is None for tool in tools)


def test_explain_counts_what_was_used_only_when_asked_for(here: Path, alya_home: Path) -> None:
    limit = {"rate_limit": {"max": 1, "window": "day", "scope": "host"}}
    policy = written("p.json", {**OPEN, "tools": {"alya_status": limit}})

    async def handler(_: object) -> None:
        pass

    async def live() -> None:
        state = SqliteState(alya_home / "state.sqlite")
        gate = Gate(Policy.load(policy), state)
        await gate.call(Call(tool="alya_status", arguments={}, session="s"), handler)
        gate.close()

    words = ("policy", "explain", "alya_status", "--policy", policy)
    assert command(*words, "--live").code == 0
    assert list(alya_home.iterdir()) == []
    anyio.run(live)
    assert command(*words).code == 0
    ended = command(*words, "--live")
    assert ended.code == 3
    assert "deny  /tools/alya_status/rate_limit" in ended.out


def test_explain_does_not_count_from_nothing_when_the_state_is_damaged(here: Path, alya_home: Path) -> None:
    (alya_home / "state.sqlite").write_bytes(b"no database" * 100)
    ended = command("policy", "explain", "alya_status", "--policy", written("p.json", OPEN), "--live")
    assert (ended.code, ended.out) == (2, "")
    assert "What was used so far can't be read" in ended.err


NEVER = {"rules": [{"name": "never", "action": "deny", "on_deny": "not here"}]}
MANY_STEPS = {"deny_if": [{"conditions": [{"path": "args.steps", "op": "gt", "value": 4}]}]}


@pytest.mark.parametrize(
    ("rules", "verdict", "limits", "decisions"),
    [
        (NEVER, "deny", [], ["/tools/image_gen/rules/never", "/tools/image_gen/rules/never"]),
        (MANY_STEPS, "allow", ["not if args.steps gt 4"], ["", "/tools/image_gen/deny_if/args.steps-gt"]),
    ],
)
def test_every_command_says_the_same_of_a_tool(
    here: Path, alya_home: Path, rules: Any, verdict: str, limits: list[str], decisions: list[str]
) -> None:
    path = written("p.json", {**OPEN, "tools": {"image_gen": rules}})
    others = len(load_catalogue()) - 1
    counts = {"allow": others, "deny": 1} if verdict == "deny" else {"allow": others + 1}
    (told,) = [
        each
        for each in command("tools", "--policy", path, "--output", "json").json["tools"]
        if each["name"] == "image_gen"
    ]
    assert (told["policy"], [each["text"] for each in told["limits"]]) == (verdict, limits)
    assert told["rule"] == ("" if verdict == "allow" else decisions[0])
    for steps, rule in zip((4, 5), decisions, strict=True):
        words = ("prompt=a hill", f"steps={steps}", "--policy", path, "--output", "json")
        assert command("policy", "explain", "image_gen", *words).json["rule"] == rule
    assert command("policy", "check", path, "--output", "json").json["tools"] == counts
    (alya_home / "policy.json").write_text(json.dumps({**OPEN, "tools": {"image_gen": rules}}))
    (found,) = policy_checks(Settings(home=alya_home))
    assert found.fields["tools"] == counts
