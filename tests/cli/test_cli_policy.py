"""`alya-mcp policy` and `alya-mcp tools`: what a policy says before anyone is called."""

import os
import sys
from pathlib import Path

import pytest
from command_line import Run, WritePolicy

BROKEN = """\
{
  "version": "1",
  "default": "alow",
  "tools": {
    "image_gen": {"rate_limit": {"max": 0, "window": "minit"}},
    "alya_status": {"rate_limits": {}}
  }
}
"""
NINE_OF_TEN = {
    "version": "1",
    "default": "deny",
    "tools": {"image_gen": {"rate_limit": {"max": 2, "window": 60}}, "alya_usage": {"action": "deny"}},
    "hide": ["alya_status"],
}


def test_check_lists_every_error_with_its_place_and_the_nearest_key(
    run: Run, write_policy: WritePolicy
) -> None:
    path = write_policy(BROKEN)
    ended = run("policy", "check", str(path))
    assert (ended.code, ended.err) == (1, "")
    *errors, summary = ended.out.splitlines()
    assert [line.partition(": error: ")[0] for line in errors] == [
        f"{path}:3:14",
        f"{path}:5:41",
        f"{path}:5:54",
        f"{path}:6:21",
    ]
    assert [line.partition(": error: ")[2].partition(":")[0] for line in errors] == [
        "/default",
        "/tools/image_gen/rate_limit/max",
        "/tools/image_gen/rate_limit/window",
        "/tools/alya_status/rate_limits",
    ]
    assert '"allow"' in errors[0]
    assert '"rate_limit"' in errors[3]
    assert summary == "4 errors; this policy can't be used"


def test_check_says_the_same_in_json(run: Run, write_policy: WritePolicy) -> None:
    ended = run("policy", "check", str(write_policy(BROKEN)), "--output", "json")
    assert ended.code == 1
    assert ended.json["ok"] is False
    assert [(each["line"], each["column"]) for each in ended.json["errors"]] == [
        (3, 14),
        (5, 41),
        (5, 54),
        (6, 21),
    ]


def test_check_warns_of_a_tool_that_does_not_exist_and_ends_with_0(
    run: Run, write_policy: WritePolicy
) -> None:
    path = write_policy({"version": "1", "default": "deny", "tools": {"imagegen": {}}, "hide": ["nothing"]})
    ended = run("policy", "check", str(path))
    assert ended.code == 0
    assert 'warning: /tools/imagegen: no tool is named "imagegen"; did you mean "image_gen"?' in ended.out
    assert 'warning: /hide/0: no tool is named "nothing"' in ended.out
    assert len(run("policy", "check", str(path), "--output", "json").json["warnings"]) == 2
    assert run("policy", "check", str(path), "--strict").code == 1
    for words in (("tools",), ("policy", "explain", "image_gen", "prompt=x")):
        said = run(*words, "--policy", str(path)).err
        assert (said.count("Warning: "), '"image_gen"' in said) == (2, True)


def test_a_rule_for_no_tool_is_an_error_where_it_would_let_the_tool_pass(
    run: Run, write_policy: WritePolicy
) -> None:
    rules = {"tools": {"polymarket-categorize": {"action": "deny"}}, "hide": ["imagegen"]}
    path = write_policy({"version": "1", "default": "allow", **rules})
    ended = run("policy", "check", str(path), "--output", "json")
    assert ended.code == 1
    assert [each["pointer"] for each in ended.json["errors"]] == ["/tools/polymarket-categorize", "/hide/0"]
    assert '"polymarket_categorize"' in ended.json["errors"][0]["message"]
    assert run("tools", "--policy", str(path)).code == 2
    called = run("call", "alya_usage", "--policy", str(path), "--output", "json")
    assert (called.code, called.json["_meta"]["alya/decision"]["rule"]) == (3, "(no policy)")


def test_check_ends_with_0_for_the_policy_that_comes_with_the_package(run: Run) -> None:
    packaged = Path(__file__).parents[2] / "policy.json"
    ended = run("policy", "check", str(packaged))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("ok, policy ")
    assert "warning" not in ended.out


@pytest.mark.parametrize("name", ["missing.json", "folder.json"])
def test_check_ends_with_2_when_the_file_cannot_be_read(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    ended = run("policy", "check", name)
    assert (ended.code, ended.out) == (2, "")
    assert name in ended.err


def test_explain_traces_an_allowed_call(run: Run, write_policy: WritePolicy) -> None:
    ended = run(
        "policy", "explain", "image_gen", "prompt=x", "steps=2", "--policy", str(write_policy(NINE_OF_TEN)),
        "--output", "json",
    )  # fmt: skip
    assert ended.code == 0
    assert (ended.json["decision"], ended.json["rule"]) == ("allow", "")
    rules = [step["rule"] for step in ended.json["steps"]]
    assert rules[-1] == "/tools/image_gen/rate_limit"
    assert all(step["held"] for step in ended.json["steps"])


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        (("alya_usage",), 3, "/tools/alya_usage/action"),
        (("alya_status",), 3, "(hidden)"),
        (("image_gen", "prompt=x", "steps=99"), 1, "(invalid arguments)"),
    ],
)
def test_explain_ends_as_a_call_would_and_names_the_rule(
    run: Run, write_policy: WritePolicy, words: tuple[str, ...], code: int, rule: str
) -> None:
    path = str(write_policy(NINE_OF_TEN))
    ended = run("policy", "explain", *words, "--policy", path)
    assert ended.code == code
    assert any(line.split()[0] == "deny" and rule in line for line in ended.out.splitlines())
    assert run("policy", "explain", *words, "--policy", path, "--output", "json").json["rule"] == rule


def test_explain_of_an_unknown_tool_ends_with_2_and_the_nearest_name(run: Run) -> None:
    ended = run("policy", "explain", "imagegen")
    assert (ended.code, ended.out) == (2, "")
    assert "Did you mean 'image_gen'?" in ended.err


def test_explain_records_and_creates_nothing(run: Run, alya_home: Path) -> None:
    assert run("policy", "explain", "alya_status").code == 0
    assert list(alya_home.iterdir()) == []


def test_explain_shows_every_call_denied_under_a_token_that_nobody_was_given(run: Run) -> None:
    ended = run("policy", "explain", "alya_status", "--output", "json", ALYA_GRANT="some-secret-token")
    assert (ended.code, ended.json["rule"]) == (3, "(no policy)")
    assert "some-secret-token" not in ended.out


def test_tools_shows_what_the_policy_says_of_each(run: Run, write_policy: WritePolicy) -> None:
    ended = run("tools", "--policy", str(write_policy(NINE_OF_TEN)))
    assert ended.code == 0
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "0.001 USD" in rows["image_gen"]
    assert "2 calls per minute" in rows["image_gen"]
    assert "allow" in rows["image_gen"]
    assert "deny" in rows["alya_usage"]
    assert "hidden" in rows["alya_status"]
    assert str(write_policy(NINE_OF_TEN)) in ended.err


def test_tools_in_json_holds_the_whole_catalogue_in_its_order(run: Run) -> None:
    from alya_mcp.tools import load_catalogue

    ended = run("tools", "--output", "json")
    assert (ended.code, ended.err) == (0, "")
    assert [tool["name"] for tool in ended.json["tools"]] == list(load_catalogue())
    image = ended.json["tools"][0]
    assert (image["category"], image["risk"], image["priceUsd"]) == ("Read", "Low", 0.001)
    limits = {limit["rule"]: (limit["max"], limit["window"]) for limit in image["limits"]}
    assert limits["/tools/image_gen/rate_limit"] == (10, 60)


def test_the_policy_in_force_is_the_first_that_is_found(
    run: Run, write_policy: WritePolicy, alya_home: Path
) -> None:
    def file(**variables: str) -> str:
        return run("tools", "--output", "json", **variables).json["file"]

    assert file() == str(Path(__file__).parents[2] / "policy.json")
    own = alya_home / "policy.json"
    own.write_text('{"version": "1", "default": "deny"}')
    assert file() == str(own)
    named = str(write_policy(NINE_OF_TEN))
    assert file(ALYA_POLICY=named) == named
    given = str(write_policy(NINE_OF_TEN, "given.json"))
    ended = run("tools", "--policy", given, "--output", "json", ALYA_POLICY=named)
    assert ended.json["file"] == given


def test_a_policy_that_cannot_be_used_ends_tools_and_explain_with_2(
    run: Run, write_policy: WritePolicy
) -> None:
    path = str(write_policy(BROKEN))
    for words in (("tools",), ("policy", "explain", "alya_status")):
        ended = run(*words, "--policy", path)
        assert (ended.code, ended.out) == (2, "")
        assert "line 3, column 14" in ended.err


def test_a_policy_in_the_folder_of_a_user_who_does_not_exist_is_a_file_that_cannot_be_read(run: Run) -> None:
    ended = run("policy", "explain", "alya_status", "--policy", "~nobody-of-that-name/policy.json")
    assert ended.code == 2
    assert "~nobody-of-that-name/policy.json: can't read the file" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="a user there has a home folder always")
def test_a_user_without_a_home_folder_names_another_one_for_the_state(
    run: Run, cli_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del cli_env["HOME"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 4_000_000_000)
        with_state = run("tools")
        del cli_env["ALYA_HOME"]
        without = run("tools")
    assert with_state.code == 0
    assert "Policy: " in with_state.err
    assert without.code == 2
    assert (
        without.err == "Error: ALYA_HOME is unset, and there is no home folder; it takes an absolute path\n"
    )
