"""JSON Schemas of a tool's models, and the check that they describe and bound everything."""

from collections.abc import Iterator
from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema

from alya_mcp.toolkit.models import Input, Output

Schema = dict[str, Any]


def input_schema(model: type[Input]) -> Schema:
    """JSON Schema of the arguments; an optional one is described by its type without null."""
    schema = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_UntitledSchema)
    for part in objects(schema):
        part.pop("title", None)
        part.pop("description", None)
        for each in part["properties"].values():
            if each.get("default", ...) is None:
                _drop_null(each)
    return schema


def output_schema(model: type[Output]) -> Schema:
    """JSON Schema of the structured answer."""
    return model.model_json_schema(by_alias=True, mode="serialization", schema_generator=_UntitledSchema)


def objects(schema: Schema) -> Iterator[Schema]:
    """The object schemas in `schema`: itself and its definitions."""
    for each in (schema, *cast("dict[str, Schema]", schema.get("$defs", {})).values()):
        if "properties" in each:
            yield each


def gaps(schema: Schema, *, bounded: bool) -> list[str]:
    """The properties without a description or, if `bounded`, without a bound; one message each."""
    problems: list[str] = []
    for owner in objects(schema):
        for name, part in cast("dict[str, Schema]", owner["properties"]).items():
            if not part.get("description"):
                problems.append(f"{name} has no description")
            if bounded:
                problems += [f"{name} has no bound ({need})" for need in _missing_bounds(part)]
    return problems


class _UntitledSchema(GenerateJsonSchema):
    """JSON Schema without titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def _drop_null(part: Schema) -> None:
    """Reduce `anyOf` a type and null to that type: leaving a parameter out means null.

    Hosts turn such a choice into an untyped parameter, or into text.
    """
    del part["default"]
    choices = [each for each in cast("list[Schema]", part.get("anyOf", [])) if each.get("type") != "null"]
    if len(choices) == 1:
        del part["anyOf"]
        part |= {**choices[0], **part}


_BOUNDS = {"string": ("maxLength",), "array": ("maxItems",), "integer": ("minimum", "maximum"),
           "number": ("minimum", "maximum")}  # fmt: skip


def _missing_bounds(part: Schema) -> Iterator[str]:
    for choice in cast("list[Schema]", part.get("anyOf", [part])):
        if "enum" in choice or "const" in choice or "$ref" in choice:
            continue
        yield from (need for need in _BOUNDS.get(choice.get("type", ""), ()) if need not in choice)
        if "items" in choice:
            yield from (f"{need} of its items" for need in _missing_bounds(choice["items"]))
