"""The document is read strictly: everything wrong is listed at once, with its place (DESIGN section 4)."""

import copy
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_support import a_call, policy
from hypothesis import given
from hypothesis import strategies as st
from raw_client import eventually

from alya_mcp.gate import Gate, Policy, PolicyError, PolicyFile, Problem

HEAD = '{"version": "1", "default": "deny"'
GOOD = {
    "version": "1",
    "default": "deny",
    "description": "for tests",
    "hide": ["secret_tool"],
    "tools": {
        "draw": {"rate_limit": {"max": 2, "window": "minute", "scope": "session"}},
        "wipe": {"action": "deny", "reason": "never"},
        "read": {},
    },
    "all_tools": {"rate_limit": {"max": 100, "window": 0.5}},
}


def problems_of(text: str | bytes) -> list[tuple[str, int | None, int | None, str]]:
    with pytest.raises(PolicyError) as caught:
        Policy.loads(text)
    return [(p.pointer, p.line, p.column, p.message) for p in caught.value.problems]


def test_a_good_policy_loads_from_text_and_from_values_alike() -> None:
    text = json.dumps(GOOD, indent=2)
    assert Policy.loads(text).digest == Policy.parse(GOOD).digest
    assert Policy.loads(b"\xef\xbb\xbf" + text.encode()).document == GOOD


def test_the_digest_is_of_the_meaning_not_of_the_layout() -> None:
    turned = dict(reversed(GOOD.items()))
    assert Policy.parse(turned).digest == Policy.parse(GOOD).digest
    changed = {**GOOD, "description": "other"}
    assert Policy.parse(changed).digest != Policy.parse(GOOD).digest


def test_every_error_is_listed_at_once_with_line_column_and_nearest_key() -> None:
    text = """{
  "version": 1,
  "defualt": "deny",
  "tools": {
    "draw": {"ratelimit": {"max": 1, "window": 60}},
    "read": {"action": "alow", "rate_limit": {"max": 0, "window": "minutes"}},
    "a/b~c": {"acton": "deny"}
  },
  "hide": ["x", "x", 3]
}"""
    found = problems_of(text)
    assert [(pointer, line, column) for pointer, line, column, _ in found] == [
        ("", 1, 1),
        ("/version", 2, 14),
        ("/defualt", 3, 3),
        ("/tools/draw/ratelimit", 5, 14),
        ("/tools/read/action", 6, 24),
        ("/tools/read/rate_limit/max", 6, 54),
        ("/tools/read/rate_limit/window", 6, 67),
        ("/tools/a~1b~0c/acton", 7, 15),
        ("/hide/1", 9, 17),
        ("/hide/2", 9, 22),
    ]
    hints = " ".join(message for *_, message in found)
    for hint in ('"default"', '"rate_limit"', '"allow"', '"minute"', '"action"', 'say "action": "deny"'):
        assert hint in hints


@pytest.mark.parametrize(
    ("text", "pointer", "line", "column", "words"),
    [
        ("", "", 1, 1, "end of the text"),
        ("[]", "", 1, 1, "a list"),
        ("nul", "", 1, 1, '"nul"'),
        (HEAD, "", 1, 35, "comma"),
        (HEAD + ",}", "", 1, 35, "comma before"),
        (HEAD + "} x", "", 1, 37, "after the end"),
        ("{'version': 1}", "", 1, 2, "double quotes"),
        ('{"version" "1"}', "/version", 1, 12, "colon"),
        ("{\"version\": '1'}", "/version", 1, 13, "double quotes"),
        ('{"a": [1 2]}', "/a", 1, 10, "comma"),
        ('{\n// why\n"version": "1"}', "", 2, 1, "comment"),
        ('{"a": "x\ny"}', "/a", 1, 9, "control character"),
        ('{"a": "x', "/a", 1, 7, "not closed"),
        ('{"a": "\\x"}', "/a", 1, 8, "escape"),
        ('{"a": 01}', "", 1, 8, "comma"),
        ('{"a": .5}', "/a", 1, 7, '".5"'),
        ("{" * 3, "", 1, 2, "key"),
    ],
)
def test_text_that_is_no_json_names_the_place(
    text: str, pointer: str, line: int, column: int, words: str
) -> None:
    found = problems_of(text)[-1]
    assert found[:3] == (pointer, line, column)
    assert words in found[3]


@pytest.mark.parametrize(
    ("rest", "pointer", "words"),
    [
        (', "default": "allow"', "/default", "second time"),
        (', "tools": {"a": {}, "a": {"action": "deny"}}', "/tools/a", "second time"),
        (', "tools": {"a": {"rate_limit": {"max": NaN, "window": 1}}}', "/tools/a/rate_limit/max", "NaN"),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": 1e999}}}',
            "/tools/a/rate_limit/window",
            "too large",
        ),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": Infinity}}}',
            "/tools/a/rate_limit/window",
            "Infinity",
        ),
        (', "description": "\\ud800"', "/description", "surrogate"),
        (', "mode": "shadw"', "/mode", '"shadow"'),
        (', "approvals": {}', "/approvals", "webhook"),
        (', "all_tools": {"action": "deny"}', "/all_tools/action", "unknown key"),
        (', "tools": {"*": {}}', "/tools/*", "all_tools"),
        (', "tools": {"": {}}', "/tools/", "empty"),
        (', "tools": []', "/tools", "a list"),
        (', "tools": {"a": null}', "/tools/a", "null"),
        (', "tools": {"a": {"reason": "no"}}', "/tools/a/reason", "action"),
        (', "hide": "*"', "/hide", "list"),
        (', "hide": [""]', "/hide/0", "empty"),
        (', "tools": {"a": {"rate_limit": {"max": 1}}}', "/tools/a/rate_limit", '"window" is missing'),
        (', "tools": {"a": {"rate_limit": {"max": true, "window": 1}}}', "/tools/a/rate_limit/max", "true"),
        (', "tools": {"a": {"rate_limit": {"max": 1.5, "window": 1}}}', "/tools/a/rate_limit/max", "1.5"),
        (', "tools": {"a": {"rate_limit": {"max": "1", "window": 1}}}', "/tools/a/rate_limit/max", "string"),
        (
            ', "tools": {"a": {"rate_limit": {"max": -1, "window": 1}}}',
            "/tools/a/rate_limit/max",
            "from 1 on",
        ),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": 0}}}',
            "/tools/a/rate_limit/window",
            "more than 0",
        ),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": -5}}}',
            "/tools/a/rate_limit/window",
            "more than 0",
        ),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": false}}}',
            "/tools/a/rate_limit/window",
            "false",
        ),
        (
            ', "tools": {"a": {"rate_limit": {"max": 1, "window": 1, "scope": "grants"}}}',
            "/tools/a/rate_limit/scope",
            '"grant"',
        ),
    ],
)
def test_a_wrong_document_names_the_place(rest: str, pointer: str, words: str) -> None:
    found = problems_of(HEAD + rest + "}")
    assert [entry[0] for entry in found] == [pointer]
    assert words in found[0][3]
    assert found[0][1] == 1
    assert (found[0][2] or 0) > len(HEAD)


def test_a_missing_default_is_an_error_that_says_which_line_to_add() -> None:
    """policy.md section 3, row 21."""
    assert problems_of('{"version": "1"}')[0][3] == '"default" is missing; add "default": "deny"'


@pytest.mark.parametrize("depth", [65, 10_000])
def test_a_deep_document_is_refused(depth: int) -> None:
    assert "64 levels" in problems_of("[" * depth)[-1][3]
    value: Any = {}
    for _ in range(depth):
        value = {"tools": value}
    with pytest.raises(PolicyError, match=r"\b64\b"):
        Policy.parse(value)


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    assert problems_of(b'{\n"version": "\xff"}') == [("", 2, 13, problems_of(b'{\n"version": "\xff"}')[0][3])]
    assert "0xff" in problems_of(b'{\n"version": "\xff"}')[0][3]
    assert "UTF-8" in problems_of(json.dumps(GOOD).encode("utf-16"))[0][3]


def test_a_document_over_one_mebibyte_is_refused(tmp_path: Path) -> None:
    assert "1,048,576" in problems_of(" " * (1024 * 1024 + 1))[0][3]
    large = tmp_path / "policy.json"
    with large.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(PolicyError, match="1,048,576"):
        Policy.load(large)


def test_values_that_are_no_json_are_refused() -> None:
    for wrong in ({1: 2}, {"description": b"x"}, {"description": float("nan")}, {"description": "\ud800"}):
        with pytest.raises(PolicyError) as caught:
            Policy.parse({"version": "1", "default": "deny", **wrong})  # pyright: ignore[reportArgumentType]
        assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.json", "No such file"),
        ("", "ends in .json"),
        ("p.yaml", "No such file"),
        ("p.txt", "ends in .json"),
    ],
)
def test_a_file_that_can_not_be_a_policy_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        Policy.load(tmp_path / name)


def test_a_folder_and_a_pipe_are_no_policy_and_nothing_waits(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("folder.json", "pipe.json"):
        with pytest.raises(PolicyError, match=r"folder or device|Is a directory"):
            Policy.load(tmp_path / name)
    with pytest.raises(PolicyError, match="no file can have this name"):
        Policy.load(tmp_path / "a\0.json")


def test_a_name_that_no_tool_has_is_a_warning_with_the_nearest_name() -> None:
    loaded = Policy.loads(
        '{"version": "1", "default": "deny", "hide": ["*", "wipe"],\n "tools": {"image_gn": {}}}'
    )
    found = loaded.warnings(["image_gen", "alya_status"])
    assert [(p.pointer, p.line, p.column) for p in found] == [("/hide/1", 1, 51), ("/tools/image_gn", 2, 12)]
    assert 'did you mean "image_gen"' in found[1].message
    assert loaded.warnings(["image_gn", "wipe"]) == ()


def test_a_star_hides_everything_and_a_name_only_itself() -> None:
    assert policy(hide=["*"]).hides("anything")
    assert policy(hide=["a"]).hides("a")
    assert not policy(hide=["a"]).hides("b")


@pytest.mark.parametrize("name", ["a.b", "a/b", "a~b", "~1", "a b", "\xfc", "rate_limit", "x" * 128])
def test_any_legal_name_can_be_limited(name: str) -> None:
    """policy.md section 3, row 16: a dot in a name must not break a rule or its id."""
    pointer = "/tools/" + name.replace("~", "~0").replace("/", "~1")
    loaded = policy({name: {"rate_limit": {"max": 1, "window": 1}}})
    assert loaded.compiled[name].limits[0].rule == f"{pointer}/rate_limit"
    denied = policy({name: {"action": "deny"}})
    assert Gate(denied).decide(a_call(name)).rule == f"{pointer}/action"


@pytest.mark.parametrize(
    ("window", "ns"), [(1, 10**9), (0.5, 5 * 10**8), (0.001, 10**6), ("hour", 36 * 10**11)]
)
def test_a_window_is_in_seconds_or_a_word(window: Any, ns: int) -> None:
    assert policy({"a": {"rate_limit": {"max": 1, "window": window}}}).limits[0].window_ns == ns


@given(st.binary(max_size=200))
def test_random_bytes_are_a_policy_or_a_policy_error(data: bytes) -> None:
    policy_or_problems(lambda: Policy.loads(data))


@given(st.data())
def test_a_mutated_document_is_a_policy_or_a_policy_error(data: st.DataObject) -> None:
    text = bytearray(json.dumps(GOOD, indent=1).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(
            st.sampled_from([b"", b"{", b"}", b'"', b",", b":", b"[", b"]", b"0", b"\xff", b"NaN", b"\\"])
        )
        text[at : at + data.draw(st.integers(0, 3))] = piece
    policy_or_problems(lambda: Policy.loads(bytes(text)))


MEMBERS = st.sampled_from(
    [*GOOD, *GOOD["tools"], "action", "reason", "rate_limit", "max", "window", "scope", "mode", "*"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["1", "deny", "allow", "minute", "session", "grant", "", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(MEMBERS, VALUES, max_size=5), st.booleans())
def test_any_values_are_a_policy_or_a_policy_error(value: dict[str, Any], head: bool) -> None:
    if head:
        value = {**value, "version": "1", "default": "deny"}
    loaded = policy_or_problems(lambda: Policy.parse(value))
    if loaded is not None:
        assert Policy.loads(json.dumps(value)).digest == loaded.digest


def policy_or_problems(load: Callable[[], Policy]) -> Policy | None:
    """What `load` loads; None after a `PolicyError` that says something. Anything else fails the test."""
    problems: tuple[Problem, ...] = ()
    try:
        return load()
    except PolicyError as error:
        problems = error.problems
    assert problems
    assert all(problem.message for problem in problems)
    return None


def write(path: Path, document: Any) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(document))
    draft.replace(path)


def test_a_file_is_read_again_when_written_into_or_replaced(tmp_path: Path) -> None:
    """policy.md section 3, row 18."""
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(GOOD))
    source = PolicyFile(path)
    first = source.current()
    other = copy.deepcopy(GOOD)
    other["description"] = "by replace"
    write(path, other)
    source.refresh()
    assert source.current().description == "by replace"
    other["description"] = "by a write"
    path.write_text(json.dumps(other))
    source.refresh()
    assert source.current().description == "by a write"
    write(path, GOOD)
    source.refresh()
    assert source.current().digest == first.digest


def test_a_change_in_the_same_tick_and_of_the_same_size_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**GOOD, "description": "A"}))
    source = PolicyFile(path)
    before = path.stat()
    with path.open("r+") as file:
        file.write(json.dumps({**GOOD, "description": "B"}))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    source.refresh()
    assert source.current().description == "B"


def test_an_invalid_new_file_keeps_the_old_policy_and_says_why_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    write(path, GOOD)
    source = PolicyFile(path)
    good = source.current()
    for wrong in ("", "{", '{"version": "1", "defualt": "deny"}'):
        path.write_text(wrong)
        source.refresh()
        assert source.current() is good
        assert source.error is not None
    write(path, GOOD)
    source.refresh()
    assert source.error is None
    assert source.current().digest == good.digest


@pytest.mark.parametrize("how", ["removed", "a folder", "a dangling link", "a loop", "below a file"])
def test_a_file_that_cannot_be_read_denies_everything_until_it_can(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    path = folder / "policy.json"
    write(path, {**GOOD, "default": "allow", "hide": ["secret"]})
    source = PolicyFile(path)
    gate = Gate(source)
    good = source.current()
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how in {"a dangling link", "a loop"}:
        path.symlink_to("policy.json" if how == "a loop" else "nowhere.json")
    elif how == "below a file":
        folder.rmdir()
        folder.write_text("")
    for lost in (source, PolicyFile(path, initial=good)):
        lost.refresh()
        assert lost.error is not None
        told = [Gate(lost).decide(a_call(tool)).rule for tool in ("image_gen", "other", "secret")]
        assert told == ["(no policy)", "(no policy)", "(hidden)"]
    with pytest.raises(PolicyError):
        PolicyFile(path)
    if how == "below a file":
        folder.unlink()
        folder.mkdir()
    elif how != "removed":
        path.rmdir() if how == "a folder" else path.unlink()
    write(path, {**GOOD, "default": "allow", "hide": ["secret"]})
    source.refresh()
    assert source.error is None
    assert gate.decide(a_call("other")).decision == "allow"


YAML = """version: "1"
default: allow
tools:
  draw: {rate_limit: {max: 100, window: 60}}
  # a comment
"""


@pytest.mark.parametrize(
    ("name", "ending", "taken"),
    [("policy.yaml", "", False), ("policy.yml", "...", True), ("policy.yaml", "...\r\n\n", True)],
)
def test_a_yaml_text_that_may_be_half_written_is_taken_once_it_stands(
    tmp_path: Path, name: str, ending: str, taken: bool
) -> None:
    """Any beginning of a YAML document may be valid, and allow more than all of it."""
    path = tmp_path / name
    path.write_text('version: "1"\ndefault: deny\n')
    os.utime(path, (1_000_000_000, 1_000_000_000))
    source = PolicyFile(path)
    path.write_text(YAML + ending)
    eventually(lambda: not taken or source.current().default == "allow", "the marked text")
    begun = time.monotonic()
    while time.monotonic() - begun < 0.5:
        path.write_text(path.read_text() + ("" if ending else "  # more\n"))
        assert source.current().default == ("allow" if taken else "deny")
        time.sleep(0.02)
    eventually(lambda: source.current().default == "allow", "the whole text")


def test_a_text_that_is_being_written_at_the_start_is_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(YAML)
    writing = threading.Event()

    def write_on() -> None:
        while not writing.wait(0.02):
            with path.open("a") as file:
                file.write("  # more\n")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        source = PolicyFile(path, initial=Policy.unavailable())
        assert Gate(source).decide(a_call("draw")).rule == "(no policy)"
        assert source.error is not None
        with pytest.raises(PolicyError):
            PolicyFile(path)
    finally:
        writing.set()
        writer.join()
    eventually(lambda: Gate(source).decide(a_call("draw")).decision == "allow", "the whole text")
    assert source.error is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "policy.json"
    write(path, GOOD)
    source = PolicyFile(path)
    write(path, {**GOOD, "tools": {}})
    os.utime(path, (1_000_000_000, 1_000_000_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        source.refresh()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "can't read the file" in str(source.error)
    assert not source.current().is_available
    source.refresh()
    assert source.error is None
    assert source.current().document["tools"] == {}


@pytest.mark.parametrize("wrong", ["", "{", '{"version": "1"}'])
def test_a_wrong_file_at_the_start_is_an_error_or_leaves_the_given_policy(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(wrong)
    with pytest.raises(PolicyError):
        PolicyFile(path)
    closed = policy()
    source = PolicyFile(path, initial=closed)
    assert source.current() is closed
    assert source.error is not None
    write(path, GOOD)
    source.refresh()
    assert source.current().digest == Policy.parse(GOOD).digest
    assert source.error is None
