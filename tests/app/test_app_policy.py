"""Which policy is in force: one that can't be reached is not one that isn't there."""

import json
import os
from pathlib import Path

import pytest
from command_line import hide_extras, run_command, run_here
from raw_client import environment

from alya_mcp.app.policy import find_policy, open_policy, packaged_policy
from alya_mcp.settings import Settings

CLOSED = json.dumps({"version": "1", "default": "deny"})


def unreachable(folder: Path, how: str) -> Path:
    """A home with a policy of the user's that can't be reached."""
    home = folder / "home"
    if how == "home is a dangling link":
        home.symlink_to(folder / "not mounted")
        return home
    if how == "home is below a file":
        home.write_text("")
        return home / "alya"
    home.mkdir()
    policy = home / "policy.json"
    if how == "home may not be entered":
        policy.write_text(CLOSED)
        home.chmod(0)
    elif how == "link below a file":
        (home / "file").write_text("")
        policy.symlink_to(home / "file" / "policy.json")
    else:
        policy.symlink_to(policy if how == "loop" else home / "nowhere" / "policy.json")
    return home


@pytest.mark.parametrize("how", ["missing", "empty", "below a folder that is missing"])
def test_the_packaged_policy_holds_where_the_user_has_none(tmp_path: Path, how: str) -> None:
    home = tmp_path / "a" / "b" if how.startswith("below") else tmp_path / "home"
    if how == "empty":
        home.mkdir()
    settings = Settings(home=home)
    assert find_policy(settings).path == packaged_policy()
    source = open_policy(settings)
    assert source.current().is_available
    home.mkdir(parents=True, exist_ok=True)
    (home / "policy.json").symlink_to("nowhere.json")
    assert not source.current().is_available
    assert source.error is not None


@pytest.mark.parametrize(
    "how",
    [
        "dangling link",
        "loop",
        "link below a file",
        "home is a dangling link",
        "home is below a file",
        "home may not be entered",
    ],
)
def test_a_policy_that_cannot_be_reached_denies_everything_and_every_command_says_so(
    tmp_path: Path, how: str
) -> None:
    home = unreachable(tmp_path, how)
    try:
        if how == "home may not be entered" and os.access(home, os.X_OK):
            pytest.skip("this user may enter every folder")
        settings = Settings(home=home)
        assert find_policy(settings).origin == "ALYA_HOME"
        source = open_policy(settings)
        assert not source.current().is_available
        assert source.error is not None
        env = environment(home, HOME=str(tmp_path))
        assert run_here(("tools",), env, tmp_path).code == 2
        assert "Traceback" not in run_here(("approvals", "list"), env, tmp_path).err
        ended = run_command(("doctor",), env | hide_extras(tmp_path / "no-extras"), tmp_path)
        assert ended.code == 1
        policy = [line for line in ended.out.splitlines() if line.startswith("fail  policy")]
        assert len(policy) == 1
    finally:
        if home.is_dir():
            home.chmod(0o700)
