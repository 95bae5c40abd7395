"""How words on the command line become a tool's arguments."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.cli.arguments import Given
from alya_mcp.cli.output import printable
from alya_mcp.cli.policies import exit_code

SCHEMA = {
    "properties": {
        "text": {"type": "string"},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
        "list": {"type": "array"},
        "object": {"type": "object"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "choice": {"enum": ["day", "7"], "type": "string"},
    }
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=7", "7"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ("text=null", "null"),
        ("text=naïve 🦉", "naïve 🦉"),
        ("whole=7", 7),
        ("whole=-7", -7),
        ("whole=7.0", 7.0),
        ("whole=7.5", "7.5"),
        ("whole=seven", "seven"),
        ("whole=true", "true"),
        ("number=7.5", 7.5),
        ("number=1e3", 1000.0),
        ("number=NaN", "NaN"),
        ("number=Infinity", "Infinity"),
        ("number=1e999", "1e999"),
        ("list=" + "[" * 100_000, "[" * 100_000),
        ("flag=true", True),
        ("flag=False", False),
        ("flag=1", "1"),
        ('list=["a", 1]', ["a", 1]),
        ("list=a", "a"),
        ('object={"a": 1}', {"a": 1}),
        ("maybe=7", 7),
        ("maybe=null", None),
        ("either=7", 7),
        ("either=x", "x"),
        ("choice=7", "7"),
        ("unknown=7", "7"),
        ("text:=7", 7),
        ('whole:="7"', "7"),
        ("text:=null", None),
    ],
)
def test_a_value_is_read_as_what_the_schema_takes_there(word: str, value: object) -> None:
    read = Given([word], None).read(SCHEMA)
    name = word.partition("=")[0].removesuffix(":")
    assert read == {name: value}
    assert type(read[name]) is type(value)


def test_pairs_and_a_document_are_put_together() -> None:
    given = Given(["whole=7", "list:=[1]"], '{"text": "x", "number": 1}')
    assert given.read(SCHEMA) == {"text": "x", "number": 1, "list": [1], "whole": 7}


@given(st.text())
def test_any_text_reaches_a_text_parameter_unchanged(text: str) -> None:
    assert Given([f"text={text}"], None).read(SCHEMA) == {"text": text}


@given(st.text())
def test_any_word_is_an_argument_or_wrong_usage(word: str) -> None:
    name, equals, _ = word.partition("=")
    name = name.removesuffix(":")
    try:
        read = Given([word], None).read(SCHEMA)
    except click.UsageError:
        assert not name or not equals or ":=" in word
    else:
        assert list(read) == [name]


@given(st.text())
def test_nothing_printable_commands_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(character < " " and character not in "\n\t" for character in shown)
    assert "\x7f" not in shown
    assert "\x9b" not in shown
    shown.encode("utf-8")


def test_a_decision_ends_a_command_as_the_design_says() -> None:
    assert exit_code("allow", "") == 0
    assert exit_code("deny", "/tools/x/action") == 3
    assert exit_code("ask", "/tools/x/action") == 4
    assert exit_code("deny", "(invalid arguments)") == 1
