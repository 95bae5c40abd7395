"""YAML documents give the same values and places as JSON, and none of YAML's surprises."""

import json
from typing import Any

import pytest
import yaml as library
from policy_documents import GOOD, document

from alya_mcp.gate import Policy, PolicyError
from alya_mcp.gate.documents.document import Unreadable
from alya_mcp.gate.documents.yaml import read_yaml

HEAD = 'version: "1"\ndefault: deny\n'


@pytest.fixture(params=["libyaml", "pure"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML comes without libyaml, its own parser reads the same."""
    if request.param == "pure":
        monkeypatch.setattr(library, "__with_libyaml__", False)


both_parsers = pytest.mark.usefixtures("_parser")


def problems_of(text: str) -> list[tuple[str, int | None, int | None, str]]:
    with pytest.raises(PolicyError) as caught:
        Policy.loads(text, "policy.yaml")
    return [(each.pointer, each.line, each.column, each.message) for each in caught.value.problems]


@both_parsers
@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_document_means_the_same_in_yaml_and_json(name: str) -> None:
    text = library.safe_dump(GOOD[name], allow_unicode=True)
    assert Policy.loads(text, "x.YML").digest == Policy.parse(GOOD[name]).digest
    assert Policy.loads(json.dumps(GOOD[name]), "x.yaml").digest == Policy.parse(GOOD[name]).digest


@both_parsers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("012", "012"),
        ("2026-01-02", "2026-01-02"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0b1", "0b1"),
        ("+", "+"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ("!x", None),
        ("true", True),
        ("FALSE", False),
        ("0x1F", 31),
        ("0o17", 15),
        ("-1", -1),
        ("+12", 12),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("~", None),
        ("", None),
        ("<<", "<<"),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_plain_words_are_read_by_the_core_schema(text: str, value: object) -> None:
    found = read_yaml(f"a: {text}")
    if text == "!x":
        assert [problem.pointer for problem in found.problems] == ["/a"]
        return
    assert found.problems == ()
    assert found.value == {"a": value}
    assert type(found.value["a"]) is type(value)


@both_parsers
def test_errors_are_listed_at_once_with_line_and_column() -> None:
    found = problems_of(
        "version: 1\n"
        "defualt: deny\n"
        "tools:\n"
        "  draw:\n"
        "    ratelimit: {max: 1, window: 60}\n"
        "    acton: deny\n"
        "  'é':   # ü\r\n"
        "    rate_limit: {max: 0, window: minit}\n"
        "  draw: {}\n"
        "  1: {}\n"
        "  x: !!python/name:os.system {}\n"
        "hide: [.nan]\n"
    )
    assert [(pointer, line, column) for pointer, line, column, _ in found] == [
        ("", 1, 1),
        ("/version", 1, 10),
        ("/defualt", 2, 1),
        ("/tools/draw/ratelimit", 5, 5),
        ("/tools/draw/acton", 6, 5),
        ("/tools/é/rate_limit/max", 8, 23),
        ("/tools/é/rate_limit/window", 8, 34),
        ("/tools/draw", 9, 3),
        ("/tools", 10, 3),
        ("/tools/x", 11, 6),
        ("/hide/0", 12, 8),
    ]


@both_parsers
@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "empty"),
        ("# nothing\n", 1, 1, "empty"),
        ("a: [1, 2", 1, 9, "no YAML"),
        ("a: b: c", 1, 5, "no YAML"),
        ("a: 1\n\tb: 2", 2, 1, "no YAML"),
        ("a: \x01", 1, 4, "character"),
        ("a: 1 # x\u0085b: 2", 1, 9, r"\u0085"),
        ("a: 1 # x\u2028b: 2", 1, 9, r"\u2028"),
        ("a: 'x\u2029'", 1, 6, "double quotes"),
        ("a: *b", 1, 4, '"b" stands for nothing'),
        ("a: &b [*b]", 1, 8, '"b" stands for nothing'),
        ("--- a\n--- b", 2, 1, "second document"),
        ("a: " + "9" * 401, 1, 4, "over 400 digits"),
        ("a: 1e999", 1, 4, "too large"),
        ("? [a]\n: b", 1, 3, "the key is a list"),
        ("null: b", 1, 1, "put it in quotes"),
        ("%YAML 1.1\n---\na: b", 3 - 2, 1, "1.2"),
    ],
)
def test_what_is_no_policy_in_yaml_names_the_place(text: str, line: int, column: int, words: str) -> None:
    found = problems_of(text)
    assert any(each[1:3] == (line, column) and words in each[3] for each in found), found


@both_parsers
def test_aliases_stand_for_what_they_name() -> None:
    text = (
        HEAD + "tools: {a: &a {rate_limit: &r {max: 1, window: 5}}, b: *a, c: {rate_limit: *r, timeout: 3}}"
    )
    limit = {"rate_limit": {"max": 1, "window": 5}}
    expected = document({"a": limit, "b": limit, "c": {**limit, "timeout": 3}})
    assert Policy.loads(text, "x.yaml").document == expected


def bomb() -> str:
    lines = ["a0: &a0 [" + ", ".join("x" * 9) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 30)]
    return "\n".join(lines)


HUGE: dict[str, tuple[str, str]] = {
    "a bomb of aliases": (bomb(), "10,000 values"),
    "many aliases": ("a: &a 1\nb: [" + "*a, " * 20_000 + "]", "10,000 values"),
    "deep flow": ("[" * 10_000, ""),
    "deep mappings": ("{a: " * 10_000, ""),
    "deep blocks": ("- " * 10_000, "64 levels"),
    "deep keys": ("? " * 10_000, "64 levels"),
    "deep by aliases": (
        "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n"
        + "\n".join(f"a{n}: &a{n} [[[[[[[[[[*a{n - 1}]]]]]]]]]]" for n in range(1, 9)),
        "64 levels",
    ),
    "many values": ("[" + "a," * 60_000 + "]", "50,000 values"),
    "many anchors": ("- &a x\n" * 60_000, "50,000 values"),
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_a_document_that_explodes_is_refused(name: str) -> None:
    text, words = HUGE[name]
    with pytest.raises(Unreadable) as caught:
        read_yaml(text)
    assert words in str(caught.value)


def test_the_parser_that_is_used_never_builds_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(*_: Any) -> None:
        raise AssertionError("something was constructed")

    monkeypatch.setattr(library.BaseLoader, "construct_document", built)
    monkeypatch.setattr(library.CBaseLoader, "construct_document", built)
    assert Policy.loads(HEAD, "x.yaml").default == "deny"
