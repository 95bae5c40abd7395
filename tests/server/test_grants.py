"""Callers with a grant: let in, told apart, refused once it is revoked, under a policy of their own."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from raw_client import RawClient, Servers, eventually
from scene import ALLOW_ALL, audit_records, write_policy

from alya_mcp.app.policy import find_policy, open_policy, packaged_policy
from alya_mcp.gate import StateError
from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import open_grants

DENY_STATUS: dict[str, Any] = {**ALLOW_ALL, "tools": {"alya_status": {"action": "deny"}}}


def make(home: Path, label: str, policy: Path | None = None) -> str:
    """A new grant's token."""
    with open_grants(Settings(home=home)) as grants:
        return grants.create(label, None if policy is None else str(policy))[1]


def rule(client: RawClient, tool: str = "alya_status") -> str | None:
    """The rule that refuses a call; None when it is answered."""
    result = client.call(tool)["result"]
    return result["_meta"]["alya/decision"]["rule"] if result.get("isError") else None


def test_a_running_server_refuses_its_caller_from_the_moment_the_grant_is_rotated_or_revoked(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, {**ALLOW_ALL, "hide": ["alya_usage"]})
    token = make(alya_home, "ci")
    client = start_server(extra={"ALYA_GRANT": token})
    client.initialize()
    assert rule(client) is None
    with open_grants(Settings(home=alya_home)) as grants:
        fresh = grants.rotate("ci")[1]
        assert rule(client) == "(no policy)"
        assert rule(client, "alya_usage") == "(no policy)"
        other = start_server(extra={"ALYA_GRANT": fresh})
        other.initialize()
        assert rule(other) is None
        grants.revoke("ci")
        assert rule(other) == "(no policy)"
    for each in (client, other):
        each.close_stdin()
        assert each.exit_code() == 0
    statuses = [record for record in audit_records(alya_home) if record["tool"] == "alya_status"]
    assert [record["grant"] for record in statuses if record.get("decision") == "allow"] == ["ci", "ci"]
    everything = json.dumps([client.messages, other.messages, client.stderr(), other.stderr()])
    kept = b"".join(path.read_bytes() for path in alya_home.rglob("*") if path.is_file())
    for secret in (token, fresh):
        assert secret not in everything
        assert secret.encode() not in kept


def test_a_grants_own_policy_is_reloaded_and_denies_everything_while_it_is_wrong(
    start_server: Servers, alya_home: Path, tmp_path: Path
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    own = tmp_path / "own.json"
    own.write_text("{")
    client = start_server(extra={"ALYA_GRANT": make(alya_home, "ci", own)})
    client.initialize()
    assert rule(client) == "(no policy)"
    own.unlink()
    assert rule(client) == "(no policy)"
    own.write_text(json.dumps(DENY_STATUS))
    eventually(lambda: rule(client) == "/tools/alya_status/action", "the mended policy")
    own.write_text(json.dumps(ALLOW_ALL))
    eventually(lambda: rule(client) is None, "the edited policy")


def test_the_policys_places_are_looked_at_in_their_order(tmp_path: Path) -> None:
    home, own, named = tmp_path / "home", tmp_path / "own.json", tmp_path / "named.json"
    home.mkdir()
    with_own = Settings(home=home, grant=make(home, "ci", own))
    without = Settings(home=home, grant=make(home, "other"))
    both = Settings(home=home, grant=with_own.grant, policy=named)
    wrong = Settings(home=home, grant="alya_wrong")
    assert find_policy(both).path == named
    assert find_policy(with_own).path == own
    assert [find_policy(each).path for each in (without, wrong)] == [packaged_policy()] * 2
    common = home / "policy.json"
    common.write_text(json.dumps(ALLOW_ALL))
    assert find_policy(both).path == named
    assert find_policy(with_own).path == own
    assert [find_policy(each).path for each in (without, wrong)] == [common] * 2
    with open_grants(with_own) as grants:
        grants.revoke("ci")
    assert find_policy(with_own).path == common


def test_a_grant_that_becomes_known_obeys_its_own_policy_and_not_the_common_one(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps(DENY_STATUS))
    (tmp_path / "policy.json").write_text(json.dumps(ALLOW_ALL))
    token = make(tmp_path, "ci", own)
    state, elsewhere = tmp_path / "state.sqlite", tmp_path / "backup"
    state.rename(elsewhere)
    policy = open_policy(Settings(home=tmp_path, grant=token))
    assert not policy.current().is_available
    assert policy.error is None
    elsewhere.rename(state)
    eventually(lambda: "alya_status" in policy.current().compiled, "the grant's own policy")


def test_while_grants_cannot_be_read_nothing_is_allowed_and_afterwards_it_is(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(json.dumps(ALLOW_ALL))
    token = make(tmp_path, "ci")
    state = tmp_path / "state.sqlite"
    good = state.read_bytes()
    state.write_text("no database " * 100)
    settings = Settings(home=tmp_path, grant=token)
    with pytest.raises(StateError):
        find_policy(settings)
    policy = open_policy(settings)
    assert policy.current().default == "deny"
    assert policy.error is not None
    assert str(tmp_path) not in str(policy.error)
    state.write_bytes(good)
    eventually(lambda: policy.current().default == "allow", "the common policy")
    assert policy.error is None


def test_a_caller_whom_nobody_knows_is_not_looked_up_at_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "ci")
    connect, opened = sqlite3.connect, list[Path]()

    def counting(path: Path, **how: Any) -> sqlite3.Connection:
        opened.append(path)
        return connect(path, **how)

    monkeypatch.setattr(sqlite3, "connect", counting)
    policy = open_policy(Settings(home=tmp_path, grant="alya_wrong"), look_every=3600)
    assert {policy.current().default for _ in range(20)} == {"deny"}
    assert opened == [tmp_path / "state.sqlite"]
