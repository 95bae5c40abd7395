"""`alya-mcp grants`: identities made, replaced and ended; what servers make of them is tested there."""

import stat
from pathlib import Path

from command_line import Run, WritePolicy

from alya_mcp.gate import SqliteState
from alya_mcp.gate.grants import Grants


def test_a_grant_is_made_rotated_and_revoked_and_its_token_is_shown_once(run: Run, alya_home: Path) -> None:
    made = run("grants", "create", "ci", "--output", "json").json
    assert made.keys() == {"id", "label", "token"}
    rotated = run("grants", "rotate", "ci")
    assert rotated.out.startswith("alya_")
    assert len(rotated.out.splitlines()) == 1
    assert "shown this once" in rotated.err
    state = SqliteState(alya_home / "state.sqlite")
    grants = Grants(state.grants)
    assert grants.caller(made["token"]) is None
    assert grants.caller(rotated.out.strip()) is not None
    assert run("grants", "revoke", made["id"]).out == f"revoked ci ({made['id']})\n"
    assert grants.caller(rotated.out.strip()) is None
    state.close()
    (listed,) = run("grants", "list", "--output", "json").json
    assert (listed["label"], listed["revoked"], listed["policy"]) == ("ci", True, None)
    kept = b"".join(path.read_bytes() for path in alya_home.iterdir())
    assert made["token"].encode() not in kept
    assert rotated.out.strip().encode() not in kept
    assert stat.S_IMODE((alya_home / "state.sqlite").stat().st_mode) == 0o600


def test_a_grants_own_policy_is_kept_by_its_full_path_and_shown_by_explain(
    run: Run, write_policy: WritePolicy, tmp_path: Path
) -> None:
    own = write_policy({"version": "1", "default": "deny"}, "own.json")
    token = run("grants", "create", "ci", "--policy", own.name, "--output", "json").json["token"]
    explained = run("policy", "explain", "alya_status", ALYA_GRANT=token)
    assert explained.code == 3
    assert f"{tmp_path / 'own.json'} (the grant's own)" in explained.err


def test_labels_are_given_once_and_nonsense_is_refused_in_words(run: Run, write_policy: WritePolicy) -> None:
    wrong = write_policy({"version": "1"}, "wrong.json")
    run("grants", "create", "ci")
    for words, code, message in (
        (("create", "CI"), 1, "a grant 'ci' exists; rotate it for a new token, or take another label"),
        (("create", "x", "--policy", wrong.name), 2, "default"),
        (("create", "x", "--policy", "nowhere.json"), 2, "nowhere.json"),
        (("rotate", "nobody"), 1, "there is no grant 'nobody'"),
    ):
        ended = run("grants", *words)
        assert (ended.code, ended.out) == (code, ""), words
        assert message in ended.err


def test_a_state_that_cannot_be_used_ends_with_2_and_is_kept(run: Run, alya_home: Path) -> None:
    (alya_home / "state.sqlite").write_text("no database " * 100)
    for words in (("grants", "list"), ("grants", "create", "ci"), ("approvals", "approve", "abcdefgh")):
        ended = run(*words)
        assert (ended.code, ended.out) == (2, "")
        assert "state.sqlite" in ended.err
        assert "move state.sqlite* away" in ended.err
    assert (alya_home / "state.sqlite").read_text().startswith("no database")
