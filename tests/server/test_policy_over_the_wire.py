"""The policy as a client meets it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from raw_client import MODERN, SERVER, RawClient, Servers, environment, eventually
from scene import ALLOW_ALL, audit_records, write_policy

from alya_mcp.app.presets import starting_policy
from alya_mcp.gate import Policy
from alya_mcp.tools import load_catalogue

PRESETS: tuple[Any, ...] = ("strict", "balanced", "open")

TWO_A_MINUTE: dict[str, Any] = {
    "version": "1",
    "default": "deny",
    "tools": {"alya_status": {"rate_limit": {"max": 2, "window": 60}}},
}


def decision(answer: dict[str, Any]) -> dict[str, Any]:
    result = answer["result"]
    assert result.get("isError") is True, result
    assert set(result["_meta"]["alya/decision"]) == {"decision", "rule", "message", "retryAfter", "policy"}
    assert result["content"][0]["text"].startswith(result["_meta"]["alya/decision"]["message"])
    return result["_meta"]["alya/decision"]


def policy_part(client: RawClient) -> dict[str, Any]:
    parts = client.call("alya_status")["result"]["structuredContent"]["parts"]
    return next(part for part in parts if part["part"] == "policy")


def verify(home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVER, "audit", "verify"], env=environment(home), capture_output=True, text=True, check=False
    )


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_two_calls_pass_and_the_third_is_told_the_rule_and_the_wait(
    connect: Any, alya_home: Path, mode: str
) -> None:
    write_policy(alya_home, TWO_A_MINUTE)
    async with connect(mode) as client:
        for _ in range(2):
            assert not (await client.call_tool("alya_status", {})).is_error
        refused = await client.call_tool("alya_status", {})
        assert refused.is_error
        told = refused.meta["alya/decision"]
        assert told["decision"] == "deny"
        assert told["rule"] == "/tools/alya_status/rate_limit"
        assert 0 < told["retryAfter"] <= 60
        assert len(told["policy"]) == 64
        assert refused.content[0].text == told["message"]
        assert "2 calls per 60 s" in told["message"]


def test_each_refusal_names_its_rule_and_only_what_ran_counts(start_server: Servers, alya_home: Path) -> None:
    denied = {"action": "deny", "reason": "Ask Kim first."}
    write_policy(alya_home, {**TWO_A_MINUTE, "tools": {**TWO_A_MINUTE["tools"], "image_gen": denied}})
    with start_server() as client:
        client.initialize()
        told = decision(client.call("alya_usage"))
        assert (told["decision"], told["rule"], told["retryAfter"]) == ("deny", "(default deny)", None)
        told = decision(client.call("image_gen", {"prompt": "x"}))
        assert told["rule"] == "/tools/image_gen/action"
        assert "Ask Kim first." in told["message"]
        for _ in range(5):
            assert "nonsense" in client.call("alya_status", {"nonsense": 1})["result"]["content"][0]["text"]
        for _ in range(2):
            assert not client.call("alya_status")["result"].get("isError")
        assert decision(client.call("alya_status"))["rule"] == "/tools/alya_status/rate_limit"


def test_the_log_tells_equal_arguments_by_what_was_judged(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, ALLOW_ALL)
    with start_server() as client:
        client.initialize()
        for arguments in ({}, {"window": None, "tool": None}, {"window": "session"}, {"window": "day"}):
            assert not client.call("alya_usage", arguments)["result"].get("isError")
    digests = [each["arguments"] for each in audit_records(alya_home) if "decision" in each]
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_without_a_policy_file_the_packaged_one_is_obeyed(start_server: Servers) -> None:
    with start_server() as client:
        client.initialize()
        assert not client.call("alya_status")["result"].get("isError")


def test_a_host_that_starts_a_server_for_each_call_is_limited_too(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, starting_policy("strict", load_catalogue().values()))
    rules: list[str | None] = []
    for _ in range(4):
        with start_server() as client:
            client.initialize()
            result = client.call("alya_status")["result"]
            rules.append(result["_meta"]["alya/decision"]["rule"] if result.get("isError") else None)
    assert rules == [None, None, None, "/all_tools/max_repeats"]


@pytest.mark.parametrize("document", [
    json.loads((Path(__file__).parents[2] / "policy.json").read_text()),
    *(starting_policy(preset, load_catalogue().values()) for preset in PRESETS),
])  # fmt: skip
def test_no_limit_that_we_ship_ends_with_a_session(document: dict[str, Any]) -> None:
    rules = [*document.get("tools", {}).values(), *document.get("categories", {}).values()]
    for rule in [*rules, document["all_tools"]]:
        limits = [rule[name] for name in ("rate_limit", "max_repeats", "max_concurrent") if name in rule]
        assert [limit for limit in limits if limit.get("scope") != "grant"] == []


def test_a_policy_of_the_current_folder_is_never_obeyed(start_server: Servers, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "policy.json").write_text(json.dumps({"version": "1", "default": "deny"}))
    boot = ("/bin/sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder), *SERVER)
    with start_server(command=boot) as client:
        client.initialize()
        assert not client.call("alya_status")["result"].get("isError")


def test_the_option_goes_before_the_variable_and_that_before_the_home(
    start_server: Servers, alya_home: Path, tmp_path: Path
) -> None:
    write_policy(alya_home, {"version": "1", "default": "deny"})
    allowing = tmp_path / "allow.json"
    allowing.write_text(json.dumps(ALLOW_ALL))
    denying = tmp_path / "deny.json"
    denying.write_text(json.dumps({"version": "1", "default": "deny"}))
    with start_server(extra={"ALYA_POLICY": str(allowing)}) as client:
        client.initialize()
        assert not client.call("alya_status")["result"].get("isError")
    with start_server("serve", "--policy", str(denying), extra={"ALYA_POLICY": str(allowing)}) as client:
        client.initialize()
        assert decision(client.call("alya_status"))["rule"] == "(default deny)"


def test_a_changed_policy_file_is_obeyed_while_the_session_runs(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, TWO_A_MINUTE)
    with start_server() as client:
        client.initialize()
        for _ in range(2):
            assert Policy.parse(TWO_A_MINUTE).digest[:12] in policy_part(client)["detail"]
        write_policy(alya_home, {"version": "1", "default": "deny"})
        eventually(lambda: decision(client.call("alya_status"))["rule"] == "(default deny)", "the new policy")
        # What was used stays used: the counter survives the reload.
        write_policy(alya_home, TWO_A_MINUTE)
        eventually(
            lambda: decision(client.call("alya_status"))["rule"] == "/tools/alya_status/rate_limit",
            "the old policy again",
        )  # fmt: skip
        write_policy(alya_home, ALLOW_ALL)
        eventually(lambda: not client.call("alya_status")["result"].get("isError"), "the allowing policy")
        assert Policy.parse(ALLOW_ALL).digest[:12] in policy_part(client)["detail"]


def test_an_invalid_new_policy_keeps_the_old_one_and_is_said(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, TWO_A_MINUTE)
    with start_server() as client:
        client.initialize()
        assert decision(client.call("alya_usage"))["rule"] == "(default deny)"
        write_policy(alya_home, '{"version": "1", "default": "allow", "tolls": {}}')

        def refusal() -> str:
            answer = client.call("alya_usage")
            assert decision(answer)["rule"] == "(default deny)"
            return answer["result"]["content"][0]["text"]

        eventually(lambda: "alya-mcp doctor" in refusal(), "a word of the error in a refusal")
        policy = policy_part(client)
        assert policy["state"] == "failing"
        assert "tolls" not in refusal() + policy["detail"], "what the file says is the user's"
        assert client.stderr().count("not in force") == 1
        assert "tolls" in client.stderr()
        write_policy(alya_home, ALLOW_ALL)
        eventually(lambda: not client.call("alya_usage")["result"].get("isError"), "the mended policy")
        assert "in force again" in client.stderr()


@pytest.mark.parametrize("document", ["", '{"version": "1"}'], ids=["empty", "no default"])
def test_an_invalid_policy_at_the_start_denies_every_call_with_the_reason(
    start_server: Servers, alya_home: Path, document: str
) -> None:
    write_policy(alya_home, document)
    with start_server() as client:
        client.initialize()
        told = decision(client.call("alya_usage"))
        assert (told["decision"], told["rule"]) == ("deny", "(no policy)")
        assert str(alya_home) not in told["message"]
        assert "policy.json" in client.stderr()
        write_policy(alya_home, ALLOW_ALL)
        eventually(lambda: not client.call("alya_usage")["result"].get("isError"), "the mended policy")


def test_a_policy_that_was_asked_for_and_is_not_there_denies_every_call(
    start_server: Servers, tmp_path: Path
) -> None:
    with start_server(extra={"ALYA_POLICY": str(tmp_path / "nowhere.json")}) as client:
        client.initialize()
        assert decision(client.call("alya_usage"))["decision"] == "deny"
        assert "nowhere.json" in client.stderr()


def test_a_grant_token_that_nobody_issued_denies_every_call(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, ALLOW_ALL)
    with start_server(extra={"ALYA_GRANT": "alya_unknown_token"}) as client:
        client.initialize()
        assert decision(client.call("alya_usage"))["rule"] == "(no policy)"
        assert "alya_unknown_token" not in json.dumps(client.messages)
        assert client.call("nothing")["error"]["message"] == "Unknown tool: nothing"


def test_calls_leave_a_log_that_verifies(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, TWO_A_MINUTE)
    with start_server() as client:
        client.initialize()
        client.request("tools/call", {"name": "alya_status", "arguments": {}}, request_id="the-first")
        client.call("alya_usage")
        client.call("nothing")
        client.close_stdin()
        assert client.exit_code() == 0
    records = audit_records(alya_home)
    first = [record for record in records if record.get("request") == "the-first"]
    assert [(each.get("decision"), each.get("outcome")) for each in first] == [("allow", None), (None, "ok")]
    assert first[1]["decided"] == first[0]["seq"]
    assert {"seq", "time", "prev", "hash", "session", "grant", "tool", "schema", "keys", "arguments"} <= set(
        first[0]
    )
    assert [record["rule"] for record in records if record.get("decision") == "deny"] == [
        "(default deny)", "(unknown tool)",
    ]  # fmt: skip
    verified = verify(alya_home)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_changed_byte_of_the_log_is_found_and_named(start_server: Servers, alya_home: Path) -> None:
    with start_server() as client:
        client.initialize()
        for _ in range(3):
            client.call("alya_status")
        client.close_stdin()
        assert client.exit_code() == 0
    file = next((alya_home / "audit").glob("*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    assert b"alya_status" in lines[2]
    lines[2] = lines[2].replace(b"alya_status", b"alya_statut", 1)
    file.write_bytes(b"".join(lines))
    verified = verify(alya_home)
    assert verified.returncode == 1
    assert file.name in verified.stdout + verified.stderr
    assert "3" in verified.stdout + verified.stderr


def test_a_log_that_cannot_be_written_denies_every_call(start_server: Servers, alya_home: Path) -> None:
    (alya_home / "audit").write_text("a file where the folder should be")
    with start_server() as client:
        client.initialize()
        assert decision(client.call("alya_status"))["rule"] == "(audit)"
        assert "error" not in client.request("tools/list")
