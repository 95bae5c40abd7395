"""What `@tool` refuses, how arguments are judged, and what the catalogue holds."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, StringConstraints, ValidationError

from alya_mcp.gate import Call, Gate, InvalidArguments, Policy, Refused
from alya_mcp.toolkit import loose
from alya_mcp.toolkit.models import Input, NoArguments, Output
from alya_mcp.toolkit.reply import Reply
from alya_mcp.toolkit.tool import CatalogueError, Context, Tool, tool
from alya_mcp.tools import CATALOGUE, Catalogue, load_catalogue

Short = Annotated[str, StringConstraints(max_length=10)]
SAYS: dict[str, Any] = {
    "title": "A title", "category": "Read", "risk": "Low", "read_only": True, "destructive": False,
    "idempotent": True, "open_world": False,
}  # fmt: skip


class Answer(Output):
    word: str = Field(description="A word.")


class Arguments(Input):
    text: Short = Field(description="Some text.")
    count: int = Field(1, ge=1, le=5, description="How often.")
    share: float = Field(0.5, ge=0, le=1, description="How much.")
    kind: Literal["a", "b"] = Field("a", description="Which.")
    words: Annotated[list[Short], Field(max_length=3)] = Field([], description="Some words.")
    maybe: Annotated[int, Field(ge=0, le=9)] | None = Field(None, description="A digit or nothing.")
    long_name: bool = Field(False, description="Whether.")


def make(**change: Any) -> Tool:
    """A tool that lacks nothing, but for what `change` does to its function."""

    async def fine_tool(arguments: Arguments, context: Context) -> Answer:
        """Do nothing at all, for forty characters and more of description."""
        return Answer(word=arguments.text)

    for name, value in change.items():
        if name in {"arguments", "return"}:
            fine_tool.__annotations__[name] = value
        else:
            setattr(fine_tool, name, value)
    return tool(**SAYS)(fine_tool)


def test_a_tool_that_lacks_nothing_is_accepted() -> None:
    made = make()
    assert (made.name, made.title, made.category, made.price) == ("fine_tool", "A title", "Read", 0.001)
    assert made.annotations == {
        "readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False,
    }  # fmt: skip


@pytest.mark.parametrize("missing", list(SAYS))
def test_a_tool_must_say_everything(missing: str) -> None:
    says = {name: value for name, value in SAYS.items() if name != missing}
    with pytest.raises(TypeError, match=missing):
        tool(**says)


class NoDescription(Input):
    text: Short


class Unbounded(Input):
    text: str = Field(description="Some text.")
    words: list[Short] = Field(description="Some words.")
    number: float = Field(ge=0, description="A number.")
    maybe: int | None = Field(description="A number or nothing.")


class UnboundedItems(Input):
    words: Annotated[list[str], Field(max_length=3)] = Field(description="Words of any length.")


class Inner(Input):
    text: str = Field(description="Any length.")


class Nested(Input):
    inner: Inner = Field(description="Another object.")


class AnswerWithoutDescription(Output):
    word: str


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"__doc__": None}, "docstring"),
        ({"__doc__": "Too short."}, "docstring"),
        ({"__doc__": "x" * 2049}, "docstring"),
        ({"__name__": "FineTool"}, "name"),
        ({"__name__": "fine-tool"}, "name"),
        ({"__name__": "t" * 65}, "name"),
        ({"arguments": dict}, "arguments"),
        ({"return": dict}, "return"),
        ({"return": None}, "return"),
        ({"arguments": NoDescription}, "text has no description"),
        ({"arguments": Unbounded}, "text has no bound"),
        ({"arguments": Unbounded}, "words has no bound"),
        ({"arguments": Unbounded}, "number has no bound"),
        ({"arguments": Unbounded}, "maybe has no bound"),
        ({"arguments": UnboundedItems}, r"words has no bound \(maxLength of its items\)"),
        ({"arguments": Nested}, "text has no bound"),
        ({"return": AnswerWithoutDescription}, "word has no description"),
    ],
)
def test_a_tool_that_leaves_something_open_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CatalogueError, match=words) as raised:
        make(**change)
    assert str(raised.value).startswith("tool ")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(CatalogueError) as raised:
        make(arguments=Unbounded)
    assert all(name in str(raised.value) for name in ("text", "words", "number", "maybe"))


def test_an_empty_title_is_refused() -> None:
    async def fine_tool(arguments: NoArguments, context: Context) -> Answer:
        """Do nothing at all, for forty characters and more of description."""
        return Answer(word="")

    with pytest.raises(CatalogueError, match="title"):
        tool(**{**SAYS, "title": ""})(fine_tool)


def test_an_answer_with_attachments_is_accepted() -> None:
    async def fine_tool(arguments: NoArguments, context: Context) -> Reply[Answer]:
        """Do nothing at all, for forty characters and more of description."""
        return Reply(data=Answer(word=""))

    assert tool(**SAYS)(fine_tool).output_schema["properties"]["word"]["type"] == "string"


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(CatalogueError, match="fine_tool"):
        Catalogue([make(), make()])


def test_defaults_are_filled_in_before_the_gate_judges() -> None:
    assert make().validate({"text": "x"}) == {
        "text": "x", "count": 1, "share": 0.5, "kind": "a", "words": [], "maybe": None, "longName": False,
    }  # fmt: skip


@pytest.mark.parametrize("given_count", [3, 3.0])
def test_a_number_without_a_fraction_is_an_integer_as_json_schema_says(given_count: float) -> None:
    count = make().validate({"text": "x", "count": given_count})["count"]
    assert count == 3
    assert isinstance(count, int)


def test_an_integer_is_a_number() -> None:
    assert make().validate({"text": "x", "share": 1})["share"] == 1


@pytest.mark.parametrize(
    ("loosely", "meant"),
    [
        ({"count": None, "share": None, "kind": None, "words": None, "maybe": None, "longName": None}, {}),
        ({"count": "3"}, {"count": 3}),
        ({"count": "3.0"}, {"count": 3}),
        ({"share": "2.5e-1"}, {"share": 0.25}),
        ({"share": "1"}, {"share": 1}),
        ({"maybe": "9"}, {"maybe": 9}),
        ({"longName": "true"}, {"longName": True}),
        ({"words": '["a", "b"]'}, {"words": ["a", "b"]}),
    ],
)
def test_null_and_text_of_loosely_typed_hosts_are_read_as_what_they_mean(
    loosely: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert make().validate({"text": "5", **loosely}) == make().validate({"text": "5", **meant})


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {"count": text}
            for text in ("", " 3", "03", "+3", "3_0", "3.5", "1e999", "٣", "true", "null", "[3]")
        ),
        *({"longName": text} for text in ("True", "yes", "1", "")),
        *({"words": text} for text in ("a", '["a"', '{"a": 1}', "[NaN]", '["a"] ["b"]', "[" * 100_000)),
        {"text": None},
        {"text": 5},
        {"other": None},
    ],
    ids=repr,
)
def test_what_would_lose_something_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        make().validate({"text": "x", **wrong})


class Optional(Input):
    note: Annotated[str, StringConstraints(min_length=1, max_length=9)] | None = Field(
        None, description="Text or nothing."
    )
    free: Short | None = Field(None, description="Text that may be empty.")
    either: Annotated[int, Field(ge=0, le=9)] | bool | None = Field(None, description="A digit or whether.")


def test_an_optional_parameter_is_described_as_what_it_holds_when_it_is_there() -> None:
    """smolagents, mcp-use and LangChain JS lose the type of a choice with null."""
    made = make(arguments=Optional)
    described = made.schema["properties"]
    assert described["note"] == {
        "type": "string", "minLength": 1, "maxLength": 9, "description": "Text or nothing.",
    }  # fmt: skip
    assert len(described["either"]["anyOf"]) == 3
    assert "required" not in made.schema
    given = {"note": "", "free": "", "either": None}
    assert made.validate(given) == made.validate({"free": ""})


def test_a_loop_cap_counts_what_was_meant() -> None:
    policy = {"version": "1", "default": "allow", "all_tools": {"max_repeats": {"max": 2, "window": 60}}}
    gate = Gate(Policy.parse(policy))
    loop = [{"count": 5}, {"count": "5"}, {"count": 5.0}, {"count": "5", "maybe": None}]
    rules = [anyio.run(_outcome, gate, {"text": "x", **arguments}) for arguments in loop]
    assert rules == [None, None, "/all_tools/max_repeats", "/all_tools/max_repeats"]


def test_the_handler_gets_the_model_of_what_was_judged() -> None:
    seen: list[Arguments] = []

    async def seeing(arguments: Arguments, context: Context) -> Answer:
        """Remember the arguments, for forty characters and more of description."""
        seen.append(arguments)
        return Answer(word=arguments.text)

    made = tool(**SAYS)(seeing)
    models: list[Input] = []

    def validate(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        judged = made.validate(arguments)
        models.append(judged.model)
        return judged

    context: Any = None
    call = Call(tool=made.name, arguments={"text": "x", "count": "5"}, session="s", validate=validate)
    condition = {"path": "args.count", "op": "eq", "value": 5}
    policy = {"version": "1", "default": "deny", "tools": {made.name: {"require": [condition]}}}
    anyio.run(Gate(Policy.parse(policy)).call, call, lambda arguments: made.run(arguments, context))
    assert seen == [Arguments(text="x", count=5)]
    assert seen[0] is models[0]


async def _outcome(gate: Gate, arguments: dict[str, Any]) -> str | None:
    """The rule that refuses a call of the tool, None when it passes."""
    call = Call(tool=FINE.name, arguments=arguments, session="s", validate=FINE.validate)
    try:
        await gate.call(call, lambda _: anyio.lowlevel.checkpoint())
    except Refused as refused:
        return refused.decision.rule
    return None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, ["text is required", "string of 0 to 10 characters"]),
        ({"text": None}, ["text is null", "string"]),
        ({"text": "x" * 11}, ["text is", "0 to 10 characters"]),
        ({"text": "x", "count": 0}, ["count is 0", "integer from 1 to 5"]),
        ({"text": "x", "count": "7"}, ["count is 7", "integer from 1 to 5"]),
        ({"text": "x", "count": True}, ["count is true", "integer from 1 to 5"]),
        ({"text": "x", "count": 2.5}, ["count is 2.5", "integer from 1 to 5"]),
        ({"text": "x", "share": 1.5}, ["share is 1.5", "number from 0"]),
        ({"text": "x", "share": True}, ["share is true", "number"]),
        ({"text": "x", "share": float("nan")}, ["share is NaN", "number"]),
        ({"text": "x", "share": float("inf")}, ["share is Infinity", "number"]),
        ({"text": "x", "kind": "c"}, ['kind is "c"', "one of a, b"]),
        ({"text": "x", "words": "x"}, ['words is "x"', "array of 0 to 3 items"]),
        ({"text": "x", "words": ["x"] * 4}, ["words", "array of 0 to 3 items"]),
        ({"text": "x", "words": ["x", 7]}, ["words.1 is 7", "it takes string of 0 to 10 characters"]),
        ({"text": "x", "maybe": 10}, ["maybe is 10", "it takes integer from 0 to 9"]),
        ({"text": "x", "longName": 1}, ["longName is 1", "boolean"]),
        ({"text": "x", "long_name": True}, ["long_name", "longName"]),
        (
            {"text": "x", "other": 1},
            ["other", "fine_tool", "takes: text, count, share, kind, words, maybe, longName"],
        ),
        ({"count": 9, "kind": 1, "zzz": 0}, ["text is required", "count is 9", "kind is 1", "zzz"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_got_and_what_it_takes(
    arguments: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InvalidArguments) as raised:
        make().validate(arguments)
    assert [word for word in words if word not in str(raised.value)] == [], str(raised.value)


def test_a_wrong_argument_can_be_named_without_any_value() -> None:
    with pytest.raises(InvalidArguments) as raised:
        make().validate({"text": 4711, "kind": "4711", "words": ["x", 4711], "count": 4711})
    assert "4711" in str(raised.value)
    assert "4711" not in raised.value.unquoted
    assert [name for name in ("text", "kind", "words.1", "count") if name not in raised.value.unquoted] == []


def test_a_message_stays_short_whatever_comes_in() -> None:
    with pytest.raises(InvalidArguments) as raised:
        make().validate(
            {"text": "x" * 1_000_000, "n" * 1_000_000: 1, **{f"extra{n}": n for n in range(1000)}}
        )
    assert len(str(raised.value)) < 4000


def test_a_message_holds_no_lone_surrogate() -> None:
    with pytest.raises(InvalidArguments) as raised:
        make().validate({"text": 7, "\ud800": "\ud800", "kind": "\udfff"})
    str(raised.value).encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["text", "count", "share", "kind", "words", "maybe", "longName", "other"])
FINE = make()
VALIDATOR = Draft202012Validator(FINE.schema)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_NAMES, _JSON))
def test_validation_agrees_with_the_schema_that_clients_see(arguments: dict[str, Any]) -> None:
    fits = VALIDATOR.is_valid(loose.read(arguments, FINE.schema)) and not any(
        isinstance(value, float) and (value != value or abs(value) == float("inf"))
        for value in arguments.values()
    )
    try:
        judged = FINE.validate(arguments)
    except InvalidArguments:
        assert not fits
    else:
        assert fits
        assert VALIDATOR.is_valid(judged)
        assert FINE.validate(judged) == judged
        assert judged.model == Arguments.model_validate(dict(judged))


def test_the_digest_changes_with_what_clients_are_told() -> None:
    assert make().digest == make().digest
    assert make(__doc__="Do something else, for forty characters and more.").digest != make().digest


def test_an_answer_of_infinity_is_refused_where_it_is_made() -> None:
    class Number(Output):
        number: float

    with pytest.raises(ValidationError):
        Number(number=float("inf"))


def test_the_catalogue_holds_each_tool_under_the_name_that_its_place_says() -> None:
    assert list(load_catalogue()) == [place.rpartition(":")[2] for place in CATALOGUE]


@pytest.mark.parametrize("each", list(load_catalogue().values()), ids=lambda each: each.name)
def test_every_tool_of_the_catalogue_describes_itself(each: Tool) -> None:
    for schema in (each.schema, each.output_schema):
        Draft202012Validator.check_schema(schema)
        assert json.loads(json.dumps(schema)) == schema
    assert len(each.digest) == 64
    assert each.price >= 0
