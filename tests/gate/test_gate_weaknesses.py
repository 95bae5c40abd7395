"""Each weakness that was found in a comparable gateway, by its number, as something that can't happen here.

They are the 21 that were read in PolicyLayer's Intercept v1.1.0; each test's docstring says the weakness.
What concerns the wire goes through the real server on real pipes, one for all of them.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from gate_support import HandClock, a_call, echo, log_files, outcome_of, policy, records
from policy_documents import asked, document, ruled
from raw_client import RawClient, envelope, environment, eventually, expect_nothing_running

from alya_mcp.gate import (
    Audit,
    AuditError,
    Call,
    Gate,
    MemoryState,
    Policy,
    PolicyError,
    PolicyFile,
    SqliteState,
    ToolError,
    UnfitResult,
    sanitise,
    verify,
)

INVALID_PARAMS = -32602
HIDING = document({"alya_status": {}, "alya_usage": {}}, hide=["alya_usage"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weak") / "home"
    folder.mkdir(mode=0o700)
    (folder / "policy.json").write_text(json.dumps(HIDING))
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[RawClient]:
    """One server for everything on the wire; no test here changes its policy."""
    with RawClient(environment(home), home.parent / "stderr") as client:
        yield client
        assert answers(client)
    expect_nothing_running(home)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def called(server: RawClient, **params: Any) -> dict[str, Any]:
    """The whole answer to a `tools/call` with `params`."""
    return server.request("tools/call", {**params, "_meta": envelope()})


def answers(server: RawClient) -> bool:
    return not called(server, name="alya_status", arguments={})["result"].get("isError")


def ran(home: Path) -> int:
    """How many calls the log has that ran."""
    return sum("outcome" in record for record in records(home / "audit"))


async def failing(_: Mapping[str, Any]) -> None:
    raise ToolError("no")


def test_01_a_call_whose_params_cannot_be_read_runs_no_tool(server: RawClient, home: Path) -> None:
    """Unparsable `params` were forwarded without being judged."""
    before = ran(home)
    for arguments in ([], "text", 5, [["detail", True]]):
        assert called(server, name="alya_status", arguments=arguments)["error"]["code"] == INVALID_PARAMS
    assert called(server, arguments={})["error"]["code"] == INVALID_PARAMS
    assert ran(home) == before


def test_02_a_batch_reaches_no_tool(server: RawClient, home: Path) -> None:
    """A line that isn't one JSON object was forwarded as it was."""
    before = ran(home)
    params = {"name": "alya_status", "arguments": {}, "_meta": envelope()}
    one = {"jsonrpc": "2.0", "id": "in a batch", "method": "tools/call", "params": params}
    server.send_message([one, one])
    server.send(json.dumps(one).encode() * 2 + b"\n")
    assert answers(server)
    assert not any(message.get("id") == "in a batch" for message in server.messages)
    assert ran(home) == before + 1


def test_03_a_hidden_tool_is_not_listed_and_no_member_of_the_list_is_lost(server: RawClient) -> None:
    """The filter of `tools/list` let everything through on errors, and dropped members it didn't know."""
    listed = server.request("tools/list", {"_meta": envelope()})["result"]
    names = [tool["name"] for tool in listed["tools"]]
    assert "alya_usage" not in names
    assert "alya_status" in names
    assert {"resultType", "ttlMs", "cacheScope"} <= listed.keys()
    assert all("alya/category" in tool["_meta"] for tool in listed["tools"])
    hidden, unknown = (called(server, name=name, arguments={})["error"] for name in ("alya_usage", "nothing"))
    assert hidden == {**unknown, "message": "Unknown tool: alya_usage"}


@pytest.mark.anyio
@pytest.mark.parametrize("scope", ["grant", "host"])
async def test_04_a_limit_whose_store_is_broken_denies(tmp_path: Path, scope: str) -> None:
    """Without a store, conditions passed and reservations were skipped."""
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"this is no database, and more than a hundred bytes of it" * 9)
    rules = {"draw": {"limits": [{"counter": "n", "max": 9, "window": "day", "scope": scope}]}}
    gate = Gate(policy(rules), SqliteState(path))
    assert await outcome_of(gate, a_call()) == "(gate error)"
    assert gate.decide(a_call()).decision == "deny"
    assert path.read_bytes().startswith(b"this is no database")


@pytest.mark.anyio
@pytest.mark.parametrize("bad", [-1, -0.01, "1", True, None, [1], float("nan"), float("inf"), float("-inf")])
async def test_05_no_argument_lowers_skips_or_wraps_a_counter(clock: HandClock, bad: Any) -> None:
    """`increment_from` took negative numbers, cut 0.99 to 0 and overflowed."""
    rules = {"draw": {"limits": [{"counter": "n", "max": 2, "window": "day", "amount": "args.n"}]}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    outcomes = [
        await outcome_of(gate, a_call(arguments={"n": n})) for n in (0.99, 0.99, bad, 0.03, 2**70, 0.02)
    ]
    spent = "/tools/draw/limits/n"
    assert outcomes == ["ok", "ok", spent, spent, spent, "ok"]
    for step in (-1, 0, float("inf")):
        counter = {"counter": "c", "window": "day", "increment": step}
        rule = {"name": "r", "conditions": [asked("state.t.c", "lte", 5)], "state": counter}
        with pytest.raises(PolicyError):
            Policy.parse(ruled(rule))


@pytest.mark.anyio
async def test_06_money_comes_back_to_the_window_it_was_taken_from(clock: HandClock) -> None:
    """A roll-back after the turn of a window lowered the new window."""
    rules = {"draw": {"budget": {"max_usd": 1, "window": 60}}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    release = threading.Event()

    async def late(_: Mapping[str, Any]) -> None:
        clock.forward(61)
        assert await outcome_of(gate, a_call(price=1.0)) == "ok"
        release.set()
        raise ToolError("failed after its window")

    with pytest.raises(ToolError):
        await gate.call(a_call(price=1.0), late)
    assert release.is_set()
    assert await outcome_of(gate, a_call(price=1.0)) == "/tools/draw/budget"


@pytest.mark.anyio
async def test_07_a_storm_of_failing_retries_ends(clock: HandClock) -> None:
    """Failures were rolled back, so that a storm of them was free."""
    rules = {"draw": {"max_repeats": {"max": 3, "window": 600}, "budget": {"max_usd": 1, "window": "day"}}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    for _ in range(3):
        with pytest.raises(ToolError):
            await gate.call(a_call(price=1.0), failing)
    assert [await outcome_of(gate, a_call(price=1.0)) for _ in range(9)] == ["/tools/draw/max_repeats"] * 9


@pytest.mark.anyio
async def test_08_every_denial_names_its_rule(clock: HandClock) -> None:
    """Denials by a spent quota carried no rule."""
    counted = {"max": 1, "window": 60}
    every: dict[str, dict[str, Any]] = {
        "rate_limit": counted,
        "limits": {"counter": "n", **counted},
        "budget": {"max_usd": 1, "window": 60},
        "max_repeats": counted,
        "max_concurrent": {"max": 1},
    }
    for key, rule in every.items():
        gate = Gate(
            policy({"draw": {key: [rule] if key == "limits" else rule}}), MemoryState(clock), clock=clock
        )

        async def within(_: Mapping[str, Any], gate: Gate = gate) -> str:
            return await outcome_of(gate, a_call(price=1.0))

        inner = await gate.call(a_call(price=1.0), within)
        assert inner == f"/tools/draw/{key}" + ("/n" if key == "limits" else "")


def test_09_a_misspelt_key_does_not_load() -> None:
    """`defualt: deny` was ignored, and so allowed."""
    with pytest.raises(PolicyError, match='"default"'):
        Policy.parse({"version": "1", "defualt": "deny"})
    for wrong in ({"rate_limits": {"max": 1, "window": 1}}, {"rate_limit": {"max": 1, "windows": 1}}):
        with pytest.raises(PolicyError, match="did you mean"):
            Policy.parse(document({"t": wrong}))


@pytest.mark.anyio
async def test_10_a_call_sees_one_policy_from_start_to_end(clock: HandClock) -> None:
    """Two parts held the policy apart, so that a call could meet the old and the new one."""

    class Turning:
        error = None

        def __init__(self) -> None:
            self.policies = [policy({"draw": {}}), policy({"draw": {"action": "deny"}})]

        def current(self) -> Policy:
            return self.policies[0]

    source = Turning()
    gate = Gate(source, MemoryState(clock), clock=clock)

    def validate(arguments: Any) -> Any:
        source.policies.reverse()
        return arguments

    assert await gate.call(a_call(validate=validate), echo) == {"echo": {}}
    assert await outcome_of(gate, a_call()) == "/tools/draw/action"


@pytest.mark.anyio
async def test_11_no_span_of_a_window_holds_more_than_the_limit(clock: HandClock) -> None:
    """Fixed windows let 2 N calls pass across a boundary."""
    rules = {"draw": {"limits": [{"counter": "n", "max": 3, "window": "minute"}]}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    passed: list[int] = []
    for _ in range(400):
        if await outcome_of(gate, a_call()) == "ok":
            passed.append(clock.now)
        clock.forward(0.7)
    assert len(passed) > 9
    assert all(later - first >= 60 * 10**9 for first, later in zip(passed, passed[3:], strict=False))


@pytest.mark.anyio
async def test_12_no_record_is_lost_in_silence_and_no_prompt_can_be_guessed(tmp_path: Path) -> None:
    """Errors of the log were ignored, there was no chain, and arguments stood there as a plain hash."""
    state = MemoryState()
    folder = tmp_path / "audit"
    gate = Gate(policy({"draw": {}}), state, Audit(folder, state))
    assert await outcome_of(gate, a_call(arguments={"prompt": "a fox"})) == "ok"
    other = Gate(policy({"draw": {}}), audit=Audit(tmp_path / "other" / "audit"))
    assert await outcome_of(other, a_call(arguments={"prompt": "a fox"})) == "ok"
    digests = {records(each)[0]["arguments"] for each in (folder, tmp_path / "other" / "audit")}
    assert len(digests) == 2
    assert b"a fox" not in log_files(folder)[0].read_bytes()
    assert verify(folder, state).whole
    await outcome_of(gate, a_call(arguments=["a fox", "a fox"]))
    await outcome_of(gate, a_call(arguments={"a": "a fox", "n": float("nan")}))
    assert b"a fox" not in log_files(folder)[0].read_bytes()
    path = log_files(folder)[0]
    path.write_bytes(path.read_bytes().replace(b'"allow"', b'"deny" ', 1))
    assert not verify(folder, state).whole
    broken = Gate(policy({"draw": {}}), audit=Audit(path / "no folder"))
    assert await outcome_of(broken, a_call()) == "(audit)"
    assert isinstance(broken.trouble, AuditError)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("value", "others"),
    [(True, ["true", 1, 1.0]), (1, ["1", True]), ("true", [True]), ("1", [1]), (0, [False])],
)
async def test_13_types_are_not_confused(value: Any, others: list[Any]) -> None:
    """`eq` and `in` compared as strings; in Python `True == 1`."""
    for op, against in (("eq", value), ("in", [value])):
        gate = Gate(policy({"draw": {"require": [asked("args.x", op, against)]}}))
        assert await outcome_of(gate, a_call(arguments={"x": value})) == "ok"
        for other in others:
            assert (
                await outcome_of(gate, a_call(arguments={"x": other})) == f"/tools/draw/require/args.x-{op}"
            )


@pytest.mark.anyio
async def test_14_no_caller_spends_what_another_has(clock: HandClock) -> None:
    """There was one quota for all callers."""
    rules = {"draw": {"limits": [{"counter": "n", "max": 1, "window": "day"}]}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    outcomes = [await outcome_of(gate, a_call(grant=grant)) for grant in ("kim", "kim", "lee")]
    assert outcomes == ["ok", "/tools/draw/limits/n", "ok"]


@pytest.mark.anyio
async def test_15_a_declared_counter_counts_or_does_not_load(clock: HandClock) -> None:
    """A counter without a bound on it in the same rule was never incremented."""
    counter = {"counter": "c", "window": "day"}
    with pytest.raises(PolicyError):
        Policy.parse(ruled({"name": "r", "conditions": [asked("args.a", "exists", True)], "state": counter}))
    counted = Policy.parse(
        ruled({"name": "r", "conditions": [asked("state.t.c", "lt", 3)], "state": counter}, tool="t")
    )
    gate = Gate(counted, MemoryState(clock), clock=clock)
    assert [await outcome_of(gate, a_call("t")) for _ in range(3)] == ["ok", "ok", "/tools/t/rules/r"]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["a.b", "a/b", "a~b", "a b", "ä", "*.x", "~1"])
async def test_16_a_legal_name_breaks_no_rule_and_no_id(clock: HandClock, name: str) -> None:
    """Tools with a dot in their name could not be limited."""
    rules = {name: {"rate_limit": {"max": 1, "window": 60}}, "a": {}}
    gate = Gate(policy(rules), MemoryState(clock), clock=clock)
    escaped = name.replace("~", "~0").replace("/", "~1")
    assert [await outcome_of(gate, a_call(name)) for _ in range(2)] == ["ok", f"/tools/{escaped}/rate_limit"]


@pytest.mark.anyio
async def test_17_patterns_take_linear_time_and_look_everywhere() -> None:
    """Patterns were unanchored; and Python's own take exponential time. RE2's don't, and the page says how to
    anchor: `^...$` matches the whole text alone, also before a line's end."""
    rules = {"draw": {"require": [asked("args.u", "regex", "^(a+)+$")]}}
    gate = Gate(policy(rules))
    assert await outcome_of(gate, a_call(arguments={"u": "a" * 100_000})) == "ok"
    for text in ("a" * 100_000 + "b", "aaa\n", "b\naaa", "aaa\nb"):
        assert await outcome_of(gate, a_call(arguments={"u": text})) == "/tools/draw/require/args.u-regex"
    with pytest.raises(PolicyError):
        policy({"draw": {"require": [asked("args.u", "regex", "(?=a)b")]}})


def test_18_a_file_that_is_replaced_is_noticed_each_time(tmp_path: Path) -> None:
    """A file that another was renamed over could go unnoticed."""
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document({})))
    source = PolicyFile(path)
    for number in range(5):
        fresh = tmp_path / f"fresh-{number}"
        fresh.write_text(json.dumps(document({f"t{number}": {}})))
        os.utime(fresh, ns=(10**18, 10**18))
        fresh.replace(path)
        eventually(lambda number=number: f"t{number}" in source.current().compiled, "the new policy")


@pytest.mark.anyio
async def test_19_what_is_judged_is_what_runs() -> None:
    """Names that differ in case, or stand there twice, could be read differently by judge and handler."""
    seen: list[Any] = []

    async def handler(arguments: Mapping[str, Any]) -> None:
        seen.append(arguments)

    judged = {"url": "https://example.com"}
    rules = {"draw": {"require": [asked("args.url", "eq", judged["url"])]}}
    gate = Gate(policy(rules))
    call = a_call(arguments={"URL": "https://evil.example", **judged}, validate=lambda _: judged)
    await gate.call(call, handler)
    assert seen[0] is judged
    assert (
        await outcome_of(gate, a_call(arguments={"URL": judged["url"]})) == "/tools/draw/require/args.url-eq"
    )
    with pytest.raises(PolicyError, match="/default"):
        Policy.loads('{"version": "1", "default": "deny", "default": "allow"}')


def test_19_a_message_with_a_name_twice_runs_no_tool(server: RawClient, home: Path) -> None:
    before = ran(home)
    twice = b'{"name":"alya_status","arguments":{"x":1,"x":2},"_meta":%b}' % json.dumps(envelope()).encode()
    server.send(b'{"jsonrpc":"2.0","id":"twice","method":"tools/call","params":%b}\n' % twice)
    answer = server.answer("twice")
    assert "error" in answer or answer["result"]["isError"]
    assert ran(home) == before


def test_20_a_line_of_12_mb_costs_one_call_and_not_the_connection(server: RawClient) -> None:
    """A line over 10 MB ended the relay without a word."""
    answer = called(server, name="alya_status", arguments={"x": "y" * 12_000_000})
    assert answer["result"]["isError"]
    assert answers(server)


@pytest.mark.anyio
async def test_20_a_result_that_is_too_large_is_a_failure_and_never_leaves() -> None:
    async def large(_: Mapping[str, Any]) -> Any:
        return {"text": "y" * 12_000_000}

    gate = Gate(policy({"draw": {}}))
    with pytest.raises(UnfitResult, match="12,"):
        await gate.call(
            Call(tool="draw", arguments={}, session="s"), large, clean=lambda r: sanitise(r, limit=10**6)
        )
    assert gate.usage("local")[0].errors == 1


@pytest.mark.parametrize("text", ['{"version": "1"}', '{"version": "1", "tools": {}}', "{}"])
def test_21_a_file_without_a_default_does_not_load(text: str) -> None:
    """A missing `default` meant allow."""
    with pytest.raises(PolicyError, match='"default" is missing'):
        Policy.loads(text)
