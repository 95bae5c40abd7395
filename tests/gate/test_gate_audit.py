"""The audit log: what it holds, and that no change to it goes unnoticed (DESIGN, "Audit record")."""

import json
import os
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from audit_support import Home
from gate_support import a_call, echo, log_files, outcome_of, policy, records, refusal_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alya_mcp.gate import AuditError, Gate, MemoryState, Report, tail, verify
from alya_mcp.gate.policy.rules import Redact

pytestmark = pytest.mark.anyio

FIELDS = [
    *("seq", "time", "prev", "session", "grant", "request", "tool", "schema", "keys"),
    *("arguments", "decision", "rule", "message", "mode", "policy", "hash"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def test_an_admitted_call_has_two_records_and_a_refused_one_has_one(home: Home) -> None:
    call = a_call(
        arguments={"prompt": "MY SECRET", "b": 1}, request="id-7", grant="kim", schema="abc", price=0.001
    )
    await home.gate.call(call, echo)
    await refusal_of(home.gate, a_call("wipe", request=8))
    decided, settled, refused = records(home.folder)
    assert list(decided) == FIELDS
    assert decided["keys"] == ["b", "prompt"]
    expected = {
        "seq": 1,
        "time": "2027-01-15T08:16:40.000000Z",
        "session": "s1",
        "grant": "kim",
        "request": "id-7",
        "tool": "draw",
        "schema": "abc",
        "decision": "allow",
        "rule": "",
        "message": "",
        "mode": "enforce",
        "policy": home.gate.policy.digest,
    }
    assert {key: decided[key] for key in expected} == expected
    assert (settled["decided"], settled["outcome"], settled["usd"]) == (1, "ok", 0.001)
    assert settled["prev"] == decided["hash"]
    assert (refused["seq"], refused["decision"], refused["rule"]) == (3, "deny", "/tools/wipe/action")
    assert "MY SECRET" not in log_files(home.folder)[0].read_text()


async def test_what_shadowed_rules_would_have_said_stands_after_the_mode(home: Home) -> None:
    told = home.gate.decide(a_call())
    shadow = [
        replace(told, decision=each, rule=f"/all_tools/{each}", mode="shadow") for each in ("ask", "deny")
    ]
    home.audit.decided(a_call(), replace(told, shadow=tuple(shadow)), None)
    (record,) = records(home.folder)
    assert (record["decision"], record["mode"]) == ("allow", "shadow")
    assert record["shadow"] == [
        {"decision": "ask", "rule": "/all_tools/ask"},
        {"decision": "deny", "rule": "/all_tools/deny"},
    ]
    assert list(record) == [*FIELDS[:-2], "shadow", *FIELDS[-2:]]
    assert home.verify().whole


async def test_a_call_that_waits_for_a_person_has_a_record_and_its_retry_one_of_its_own(home: Home) -> None:
    gate = Gate(policy({"draw": {"action": "require_approval"}}), home.state, home.audit, home.clock)
    for request in (1, 2):
        assert (await refusal_of(gate, a_call(request=request))).decision == "ask"
    told = [(each["seq"], each["request"], each["decision"], each["rule"]) for each in records(home.folder)]
    assert told == [(1, 1, "ask", "/tools/draw/action"), (2, 2, "ask", "/tools/draw/action")]
    report = home.verify()
    assert (report.whole, report.unsettled) == (True, 0)


@pytest.mark.parametrize(
    "rule",
    [
        {"limits": [{"counter": "sum", "window": 60, "max": 5, "amount": "args.n"}]},
        {"deny_if": [{"conditions": [{"path": "args.n", "op": "gt", "value": 5}]}]},
        {"require": [{"path": "args.n", "op": "lt", "value": 5}]},
        {"max_repeats": {"max": 1, "window": 60}},
        {"action": "require_approval"},
    ],
)
async def test_no_refusal_puts_an_arguments_value_into_the_log(home: Home, rule: dict[str, Any]) -> None:
    gate = Gate(policy({"draw": rule}), home.state, home.audit, home.clock)
    for _ in range(2):
        await outcome_of(gate, a_call(arguments={"n": 874323}))
    assert records(home.folder)[-1]["decision"] != "allow"
    assert not any(b"874323" in line for line in home.lines())


async def test_redacted_names_are_hidden_and_their_values_are_in_no_digest(home: Home) -> None:
    redact = Redact(arguments=frozenset({"token", "pin"}))
    for arguments in ({"a": 1, "token": "x", "pin": 2}, {"a": 1, "token": "y", "pin": 3}, {"a": 1}, {"a": 2}):
        call = a_call(arguments=arguments)
        digest = home.audit.arguments(arguments, redact)
        home.audit.decided(call, home.gate.decide(call), digest, redact)
    first, second, third, fourth = records(home.folder)
    assert first["keys"] == ["(redacted)", "(redacted)", "a"]
    assert third["keys"] == ["a"]
    assert first["arguments"] == second["arguments"] == third["arguments"] != fourth["arguments"]


async def test_what_a_result_was_made_from_is_kept_with_its_outcome_as_far_as_the_policy_lets_it(
    home: Home,
) -> None:
    origin: dict[str, Any] = {}
    large: dict[str, Any] = {"a": "b" * 5000}

    async def draw(_arguments: Mapping[str, Any]) -> str:
        origin.update({"prompt": "sha256:0", "pictures": [{"key": "k", "seed": 7}]})
        return "drawn"

    await home.gate.call(a_call(), draw, origin=origin)
    redacting = policy({"draw": {"redact": {"arguments": ["prompt"], "results": ["seed"]}}})
    gate = Gate(redacting, home.state, home.audit, home.clock)
    await gate.call(a_call(), draw, origin=origin)
    await home.gate.call(a_call(), echo, origin=large)
    told = [record.get("origin", "none") for record in records(home.folder) if "outcome" in record]
    hidden = {"prompt": "(redacted)", "pictures": [{"key": "k", "seed": "(redacted)"}]}
    assert told == [origin, hidden, None]
    assert home.verify().whole


async def test_files_belong_to_the_person_alone(home: Home) -> None:
    await home.calls(1)
    modes = {path.name[-5:]: stat.S_IMODE(path.stat().st_mode) for path in home.folder.iterdir()}
    assert modes == {"jsonl": 0o600}
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.folder.parent / "audit.key").stat().st_mode) == 0o600


async def test_the_digest_of_arguments_is_keyed_and_the_same_for_equal_arguments(tmp_path: Path) -> None:
    """policy.md section 3, row 12: guessable arguments can't be found by hashing guesses."""
    digests: list[str] = []
    for name in ("a", "b"):
        home = Home(tmp_path / name)
        await home.gate.call(a_call(arguments={"x": 1, "y": True}), echo)
        await home.gate.call(a_call(arguments={"y": True, "x": 1.0}), echo)
        await home.gate.call(a_call(arguments={"y": 1, "x": 1.0}), echo)
        found = [record["arguments"] for record in records(home.folder) if "arguments" in record]
        assert found[0] == found[1] != found[2]
        digests.append(found[0])
    assert digests[0] != digests[1]


async def test_the_decision_is_on_disk_before_the_handler_starts_and_the_outcome_before_the_answer(
    home: Home,
) -> None:
    seen: list[int] = []

    async def handler(_: object) -> None:
        seen.append(len(home.lines()))

    await home.gate.call(a_call(), handler)
    assert seen == [1]
    assert len(home.lines()) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.text(st.characters(exclude_categories=[]), max_size=300),
    st.one_of(st.none(), st.integers(), st.text(st.characters(exclude_categories=[]))),
    st.dictionaries(st.text(st.characters(exclude_categories=[])), st.none(), max_size=5),
)
def test_no_name_from_outside_breaks_or_bloats_a_record(
    home: Home, name: str, request_id: Any, arguments: dict[str, Any]
) -> None:
    before = len(home.lines()) if home.folder.exists() else 0
    call = a_call(name, arguments, session=name, request=request_id, known=False, schema=name)
    anyio.run(outcome_of, home.gate, call)
    lines = home.lines()
    assert len(lines) == before + 1
    assert lines[-1].isascii()
    json.loads(lines[-1])
    assert home.verify().whole


async def test_a_name_of_a_megabyte_makes_a_short_record(home: Home) -> None:
    huge = "\ud800\x00\u202e" * 350_000
    arguments = {f"{huge}{n}": n for n in range(3)} | {f"k{n}": n for n in range(5000)}
    await outcome_of(home.gate, a_call(huge, arguments, session=huge, request=huge, known=False, schema=huge))
    await outcome_of(home.gate, a_call(request=10**5000))
    assert max(map(len, home.lines())) < 30_000
    assert records(home.folder)[0]["keys"][-1] == "(and 4939 more)"
    assert home.verify().whole


async def test_an_untouched_log_is_whole(home: Home) -> None:
    assert home.verify().whole
    await home.calls(5)
    report = home.verify()
    assert report.whole
    assert (report.records, report.chains, report.files, report.unsettled) == (10, 1, 1, 0)


async def test_any_changed_byte_is_found_and_named(home: Home) -> None:
    await home.calls(3)
    original = home.lines()
    for number, line in enumerate(original):
        for at in range(0, len(line) - 1, 7):
            damaged = bytearray(line)
            damaged[at] ^= 1
            home.rewrite([*original[:number], bytes(damaged), *original[number + 1 :]])
            report = home.verify()
            assert not report.whole
            first = report.broken[0]
            assert (first.file, first.line, first.what) == (
                log_files(home.folder)[0].name,
                number + 1,
                "changed",
            )
    home.rewrite(original)
    assert home.verify().whole


def cut_last(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def delete_third(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def delete_first(lines: list[bytes]) -> list[bytes]:
    return lines[1:]


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def repeat(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[2], *lines[3:]]


def empty(_: list[bytes]) -> list[bytes]:
    return []


def garbage(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\xff{}\n", *lines[2:]]


def delete_two_and_change(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"{}\n", *lines[5:]]


def half_last(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1][:50]]


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (cut_last, [("cut off", None, None)]),
        (half_last, [("cut off", None, None)]),
        (empty, [("cut off", None, None)]),
        (delete_third, [("removed", 3, 4)]),
        (delete_first, [("removed", 1, 2)]),
        (swap, [("reordered", 4, 3)]),
        (repeat, [("inserted", 4, 3)]),
        (garbage, [("changed", 3, 3)]),
        (delete_two_and_change, [("changed", 3, 3), ("removed", 4, 6)]),
    ],
)
async def test_tampering_is_found_and_named(
    home: Home, tamper: Callable[[list[bytes]], list[bytes]], found: list[tuple[str, int | None, int | None]]
) -> None:
    await home.calls(4)
    home.rewrite(tamper(home.lines()))
    assert [(broken.what, broken.line, broken.seq) for broken in home.verify().broken] == found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_no_change_of_a_byte_a_line_their_order_or_their_number_goes_unnoticed(
    home: Home, data: st.DataObject
) -> None:
    """policy.md section 3, row 12."""
    if not home.folder.exists():
        anyio.run(home.calls, 3)
        anyio.run(refusal_of, home.gate, a_call("wipe"))
    path = log_files(home.folder)[0]
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(whole) - 1))
    one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
    flipped = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    swapped = [*lines]
    swapped[one], swapped[other] = lines[other], lines[one]
    damaged = data.draw(
        st.sampled_from(
            [
                whole[:at] + flipped + whole[at + 1 :],
                whole[:at] + whole[at + 1 :],
                whole[:at],
                b"".join(lines[:one] + lines[one + 1 :]),
                b"".join(swapped),
                b"".join([*lines[:one], lines[other], *lines[one:]]),
            ]
        )
    )
    try:
        path.write_bytes(damaged)
        assert not home.verify().whole
    finally:
        path.write_bytes(whole)
    assert home.verify().whole


async def test_a_deleted_file_is_found(home: Home) -> None:
    await home.calls(1)
    log_files(home.folder)[0].unlink()
    (broken,) = home.verify().broken
    assert (broken.what, home.audit.chain in broken.file) == ("removed", True)
    assert broken.detail.startswith("all 2 records")


async def test_a_rewrite_of_the_whole_file_without_the_key_is_found(home: Home, tmp_path: Path) -> None:
    await home.calls(2)
    forger = Home(tmp_path / "forger")
    await forger.calls(2)
    home.rewrite(forger.lines())
    assert {broken.what for broken in home.verify().broken} == {"changed"}


async def test_records_of_another_chain_are_found(tmp_path: Path) -> None:
    one, other = Home(tmp_path), Home(tmp_path)
    await one.calls(2)
    await other.calls(2)
    both = log_files(one.folder)
    first, second = both[0].read_bytes(), both[1].read_bytes()
    both[0].write_bytes(second)
    both[1].write_bytes(first)
    assert [broken.what for broken in verify(one.folder, None).broken] == ["inserted", "inserted"]


async def test_a_chain_that_the_state_does_not_know_is_named(home: Home) -> None:
    await home.calls(1)
    assert [broken.what for broken in verify(home.folder, MemoryState()).broken] == ["unknown chain"]
    report = verify(home.folder, None)
    assert (report.whole, report.unproven) == (True, [home.audit.chain])


async def test_a_torn_last_line_is_reported_and_is_no_error(home: Home) -> None:
    await home.calls(2)
    with log_files(home.folder)[0].open("ab") as file:
        file.write(b'{"seq":5,"time":"2027')
    report = home.verify()
    assert report.whole
    assert report.torn == [log_files(home.folder)[0].name]


async def test_a_call_that_still_runs_is_counted_as_unsettled(home: Home) -> None:
    seen: list[int] = []

    async def handler(_: object) -> None:
        seen.append(home.verify().unsettled)

    await home.gate.call(a_call(), handler)
    assert seen == [1]
    assert home.verify().unsettled == 0


async def test_a_new_day_and_a_full_file_begin_a_file_in_the_same_chain(tmp_path: Path) -> None:
    home = Home(tmp_path, largest_file=2000)
    await home.calls(3)
    home.clock.forward(86_400)
    await home.calls(1)
    files = log_files(home.folder)
    assert len(files) == 3
    assert all(path.stat().st_size < 3000 for path in files)
    assert home.verify().whole
    before = [json.loads(path.read_text().splitlines()[-1])["hash"] for path in files[:-1]]
    assert [json.loads(path.read_text().splitlines()[0])["prev"] for path in files[1:]] == before
    files[1].unlink()
    (broken,) = home.verify().broken
    assert broken.what == "removed"


async def test_a_file_that_was_moved_away_is_not_written_on(home: Home) -> None:
    await home.calls(1)
    log_files(home.folder)[0].rename(home.folder / "moved")
    home.clock.forward(1)
    await home.calls(1)
    assert [record["seq"] for record in records(home.folder)] == [3, 4]
    assert [broken.what for broken in home.verify().broken] == ["removed"]


async def test_verify_may_run_while_a_server_writes(home: Home) -> None:
    stop = threading.Event()
    reports: list[Report] = []

    def read() -> None:
        while not stop.is_set():
            reports.append(home.verify())

    await home.calls(1)
    reader = threading.Thread(target=read)
    reader.start()
    while not reports:
        await home.calls(20)
    stop.set()
    reader.join()
    assert all(report.whole for report in reports)


async def test_what_is_begun_while_the_state_is_read_is_no_damage(tmp_path: Path) -> None:
    home = Home(tmp_path, largest_file=1000)
    await home.calls(1)

    class Busy(MemoryState):
        def heads(self) -> Mapping[str, Any]:
            def goes_on() -> None:
                anyio.run(home.calls, 5)
                anyio.run(Home(tmp_path).calls, 1)

            found = home.state.heads()
            thread = threading.Thread(target=goes_on)
            thread.start()
            thread.join()
            return found

    report = verify(home.folder, Busy())
    assert (report.broken, report.chains, report.records) == ([], 1, 12)


@pytest.mark.parametrize("size", [0, 31, 33])
async def test_a_damaged_key_denies_and_is_kept(tmp_path: Path, size: int) -> None:
    key = tmp_path / "audit.key"
    key.write_bytes(bytes(size))
    home = Home(tmp_path)
    refusal = await refusal_of(home.gate, a_call())
    assert refusal.rule == "(audit)"
    assert str(tmp_path) not in refusal.message
    assert f"{size} bytes" in str(home.gate.trouble)
    assert key.stat().st_size == size


async def test_a_log_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(AuditError, match="can't be read"):
        verify(tmp_path / "audit")
    with pytest.raises(AuditError, match="can't be read"):
        list(tail(tmp_path / "audit"))
    assert verify(tmp_path / "none").whole
    assert list(tail(tmp_path / "none")) == []


async def test_a_missing_key_is_an_error_for_verify(home: Home) -> None:
    await home.calls(1)
    (home.folder.parent / "audit.key").unlink()
    with pytest.raises(AuditError, match=r"audit\.key"):
        home.verify()


async def test_a_log_that_can_not_be_written_denies_and_the_handler_never_runs(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    home = Home(tmp_path)
    ran: list[object] = []

    async def handler(arguments: object) -> None:
        ran.append(arguments)

    for call in (a_call(), a_call("wipe"), a_call(known=False)):
        assert (await refusal_of(home.gate, call)).rule == "(audit)"
    assert ran == []
    assert home.gate.trouble is not None
    (tmp_path / "audit").unlink()
    assert await outcome_of(home.gate, a_call()) == "ok"
    assert home.gate.trouble is None


async def test_a_call_that_the_log_refused_is_not_counted(tmp_path: Path) -> None:
    home = Home(tmp_path)
    gate = Gate(
        policy({"draw": {"rate_limit": {"max": 1, "window": 60}}}), home.state, home.audit, home.clock
    )
    (tmp_path / "audit").write_text("in the way")
    assert await outcome_of(gate, a_call()) == "(audit)"
    (tmp_path / "audit").unlink()
    assert await outcome_of(gate, a_call()) == "ok"


async def test_a_result_whose_outcome_can_not_be_recorded_is_withheld(home: Home) -> None:
    async def handler(_: object) -> str:
        home.audit.close()
        home.folder.rename(home.folder.with_name("away"))
        return "result"

    with pytest.raises(Exception, match="withheld") as caught:
        await home.gate.call(a_call(), handler)
    assert caught.value.decision.rule == "(audit)"  # pyright: ignore[reportAttributeAccessIssue]


def test_after_a_fork_the_parents_chain_is_not_written_on(home: Home) -> None:
    anyio.run(home.calls, 1)
    child = os.fork()
    if not child:
        code = 1
        try:
            home.audit.decided(a_call(), home.gate.policy.allowed, None)
        except AuditError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert home.verify().whole


async def test_tail_shows_the_newest_records_of_all_chains(tmp_path: Path) -> None:
    one = Home(tmp_path)
    other = Home(tmp_path)
    for request in range(50):
        for home in (one, other):
            one.clock.forward(0.25)
            other.clock.now = one.clock.now
            await home.gate.call(a_call(request=request, session=home.audit.chain), echo)
    newest = list(tail(one.folder, 5))
    assert [(record["request"], record["session"]) for record in newest] == [
        (48, other.audit.chain),
        (49, one.audit.chain),
        (49, one.audit.chain),
        (49, other.audit.chain),
        (49, other.audit.chain),
    ]
    assert len(list(tail(one.folder, 1000))) == 200
    assert list(tail(one.folder, 0)) == []


async def test_tail_follows_what_is_written_and_files_that_are_begun(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.calls(1)
    stream = tail(home.folder, 1, follow=True)
    assert next(stream)["outcome"] == "ok"
    await home.calls(1)
    assert [next(stream)["seq"] for _ in range(2)] == [3, 4]
    home.clock.forward(86_400)
    await home.calls(1)
    assert [next(stream)["seq"] for _ in range(2)] == [5, 6]
    stream.close()
