"""Whatever a policy file holds, it is refused with its place or loaded, and quickly (policy.md section 3)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_support import policy
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_documents import EXAMPLES, GOOD, ROOT, WRONG, document
from test_policy_yaml import HUGE

from alya_mcp.gate import Policy, PolicyError
from alya_mcp.gate.documents.document import Unreadable
from alya_mcp.gate.documents.json import PlacedReader, read_json
from alya_mcp.gate.policy.keys import KEYS

HEAD = '{"version": "1", "default": "deny", "tools": {'


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50_000_000)


def written(data: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data.encode())


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.json": (written(""), "line 1, column 1"),
    "empty.yaml": (written(""), "line 1, column 1"),
    "folder.json": (Path.mkdir, "folder"),
    "folder.yml": (Path.mkdir, "folder"),
    "large.json": (sparse, "1,048,576"),
    "large.yaml": (sparse, "1,048,576"),
    "deep.json": (written("[" * 10_000), "64 levels"),
    "deeper.json": (written('{"tools":' * 10_000), "64 levels"),
    "deep.yaml": (written("- " * 10_000), "64 levels"),
    "bomb.yaml": (written(HUGE["a bomb of aliases"][0]), "10,000 values"),
    "many.json": (written(HEAD + ",".join(f'"t{n}":{{}}' for n in range(60_000)) + "}}"), "50,000 values"),
    "wrong.json": (
        written(HEAD + ",".join(f'"t{n}":{{"x":1}}' for n in range(20_000)) + "}}"),
        "over 1,000 errors",
    ),
    "twice.json": (written(HEAD + '"a": {}, "a": {"action": "deny"}}}'), "line 1, column 56: /tools/a"),
    "twice.yml": (written("version: '1'\ndefault: deny\nversion: '1'"), "line 3, column 1: /version"),
    "latin.json": (written(b'{\n "version": "\xe9"}'), "line 2, column 14: (top): byte 0xe9 is not UTF-8"),
    "latin.yaml": (written(b"version: \xe9"), "line 1, column 10"),
    "utf16.yaml": (written("version: '1'".encode("utf-16")), "UTF-8"),
    "nul.json": (written("\x00"), "line 1, column 1"),
    "pattern.json": (
        written(HEAD + '"t": {"require": [{"path": "args.a", "op": "regex", "value": "(?<=a)b"}]}}}'),
        '/tools/t/require/0/value: is the string "(?<=a)b"; invalid regex',
    ),
    "python.yaml": (written("version: !!python/object/apply:os.system [true]"), "takes none"),
    "lone.json": (written(HEAD + r'"\ud800": {"\n": 1}}}'), "surrogate"),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_is_no_policy_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    make, words = FILES[name]
    make(tmp_path / name)
    with pytest.raises(PolicyError) as caught:
        Policy.load(tmp_path / name)
    text = str(caught.value)
    assert words in text
    assert text.replace("\n", "").isprintable()
    assert len(caught.value.problems) <= 1001


def test_a_rule_for_a_tool_that_nobody_has_is_a_warning_with_its_place() -> None:
    loaded = Policy.loads('version: "1"\ndefault: deny\ntools:\n  image_gne: {timeout: 5}\n', "p.yaml")
    (found,) = loaded.warnings(["image_gen"])
    assert (found.pointer, found.line, found.column) == ("/tools/image_gne", 4, 3)
    assert 'did you mean "image_gen"?' in found.message


@pytest.mark.parametrize("key", ["defualt", "Default", "DEFAULT", "tool", "limits", "$Schema"])
def test_a_key_that_is_misspelt_or_in_other_case_never_loads(key: str) -> None:
    """policy.md section 3, rows 9 and 19."""
    with pytest.raises(PolicyError, match="unknown key"):
        Policy.parse({**document(), key: "deny"})


def test_the_document_is_a_copy_that_nobody_can_change() -> None:
    tools: dict[str, Any] = {"t": {"require": [{"path": "args.a", "op": "in", "value": [1]}]}}
    loaded = policy(tools)
    digest = loaded.digest
    tools["t"]["require"][0]["value"].append(2)
    assert loaded.document["tools"]["t"]["require"][0]["value"] == [1]
    assert not loaded.rules("t").tests[0].conditions[0].holds({"a": 2})
    assert Policy.parse(loaded.document).digest == digest


TEXTS = [json.dumps(value, indent=1) for value in (*GOOD.values(), *(value for *_, value in WRONG))]
PIECES = [
    "",
    "{",
    "}",
    '"',
    ",",
    ":",
    "[",
    "]",
    "0",
    "1e999",
    "9" * 401,
    "NaN",
    "\\",
    "\\ud800",
    "nul",
    " ",
    "\ufeff",
]


@given(st.data())
@settings(max_examples=150)
def test_both_readers_of_json_accept_the_same_and_see_the_same(data: st.DataObject) -> None:
    """The fast one names no place, so what it refuses is read again; what it accepts must be right."""
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + data.draw(st.integers(0, 3)) :]
    reader = PlacedReader(text)
    strict: Any = None
    try:
        strict = reader.document().plain()
    except Unreadable as refusal:
        expected = refusal.problems
    else:
        expected = None
    if expected is not None:
        with pytest.raises(Unreadable) as caught:
            read_json(text)
        assert caught.value.problems == expected
        return
    found = read_json(text)
    assert found.problems == tuple(reader.problems)
    assert found.problems or found.value == strict


NAMES = st.sampled_from(sorted({*(key for keys in KEYS.values() for key in keys), "t", "*", "Read", "maxx"}))
SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        2.5,
        10**400,
        "",
        "1",
        "deny",
        "shadow",
        "minute",
        "args.a",
        "state.t.c",
        "eq",
        "9/day",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)


def planted(data: st.DataObject, value: Any) -> Any:
    """A value in the place of one in a good document."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 5)) == 0:
        return data.draw(VALUES)
    if isinstance(value, list):
        return [planted(data, value[0]), *value[1:]]
    chosen = data.draw(st.sampled_from(sorted(value)))
    return {**value, chosen: planted(data, value[chosen])}


@given(st.data())
@settings(max_examples=150)
def test_any_values_are_a_policy_or_a_policy_error_in_every_form(data: st.DataObject) -> None:
    value = planted(data, data.draw(st.sampled_from(sorted(GOOD.values(), key=str))))
    results: list[Any] = []
    for name in (None, "p.json", "p.yaml"):
        try:
            loaded = Policy.parse(value) if name is None else Policy.loads(json.dumps(value), name)
            results.append(loaded.digest)
        except PolicyError as refusal:
            results.append(sorted(problem.pointer for problem in refusal.problems))
    assert results[0] == results[1] == results[2]


def test_the_fuzzer_finds_nothing_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from fuzz_policy import corpus, fuzz  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    assert len(corpus()) == len(EXAMPLES) + 1  # pyright: ignore[reportUnknownArgumentType]
    assert sum(fuzz(1.0, 7).values()) > 0  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
