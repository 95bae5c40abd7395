"""Conditions that can never hold, whatever arguments a tool's input schema lets through."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from alya_mcp.gate.documents.document import Document, Problem, quoted
from alya_mcp.gate.policy.conditions import ORDER, same
from alya_mcp.gate.policy.entry import PlacedCondition, PolicyEntry
from alya_mcp.gate.policy.tests import PolicyCondition

Schema = Mapping[str, Any]

_ANY: Final[Schema] = {}
_DEEPEST: Final = 32


def contradictions(
    entries: Iterable[PolicyEntry], document: Document, schemas: Mapping[str, Schema]
) -> Iterator[Problem]:
    """Each condition of the tools' `entries` that their input schemas contradict, with its place."""
    for entry in entries:
        schema = schemas.get(entry.tool or "")
        if schema is None:
            continue
        for asked in entry.asked:
            if wrong := _wrong(asked, schema):
                effect = "is the same for every call that fits the tool's input schema"
                if asked.must_hold:
                    effect = "never holds, so that every call is refused"
                message = f"{effect}: {wrong}"
                yield Problem(asked.pointer, message, *document.place(asked.pointer))
        for counted in entry.amounts:
            if wrong := _wrong(counted, schema):
                message = f"can't be counted, so that every call is refused: {wrong}"
                yield Problem(counted.pointer, message, *document.place(counted.pointer))


def _wrong(asked: PlacedCondition, schema: Schema) -> str | None:
    """Why no argument can satisfy a condition; None when one may."""
    test = asked.test
    found = list(_at(schema, schema, test.path.split(".")[1:], _DEEPEST))
    if test.op == "exists" and not test.value:
        return None
    if not found:
        return f"the tool's input schema has no {quoted(test.path)}"
    if any(_may_hold(test, each) for each in found):
        return None
    kinds = sorted({kind for each in found for kind in _types(each) or ()})
    what = " or ".join(kinds) if kinds else "one of the values in its schema"
    return f"{quoted(test.path)} is {what} in the tool's input schema"


def _at(schema: Schema, root: Schema, names: Sequence[str], depth: int) -> Iterator[Schema]:
    """The schemas that a value at a path may have to fit; none where no value can be there."""
    if not depth:
        yield _ANY
        return
    for each in _resolved(schema, root, depth):
        if not names:
            yield each
            continue
        types = _types(each)
        if types is not None and "object" not in types:
            continue
        properties = cast("Mapping[str, Schema]", each.get("properties") or {})
        named = [end for end in range(1, len(names) + 1) if ".".join(names[:end]) in properties]
        for end in named:
            yield from _at(properties[".".join(names[:end])], root, names[end:], depth - 1)
        if not named and each.get("additionalProperties", True) is not False:
            yield _ANY


def _resolved(schema: Schema, root: Schema, depth: int) -> Iterator[Schema]:
    """A schema without `$ref` and choices; what isn't understood fits everything."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target: Any = root
        for name in reference.removeprefix("#").split("/")[1:]:
            target = cast("Mapping[str, Any]", target).get(name) if isinstance(target, Mapping) else None
        if depth and reference.startswith("#") and isinstance(target, Mapping):
            yield from _resolved(cast("Schema", target), root, depth - 1)
        else:
            yield _ANY
        return
    choices: list[Schema] = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if "allOf" in schema or not depth:
        yield _ANY
    elif choices:
        for choice in choices:
            yield from _resolved(choice, root, depth - 1)
    else:
        yield schema


def _types(schema: Schema) -> Sequence[str] | None:
    """The types that a schema names; None when it names none."""
    types = schema.get("type")
    if isinstance(types, str):
        return (types,)
    return cast("list[str]", types) if isinstance(types, list) else None


def _may_hold(test: PolicyCondition, schema: Schema) -> bool:
    op, types = test.op, _types(schema)
    if op in {"eq", "in"}:
        wanted: list[Any] = [test.value] if op == "eq" else test.value
        return any(_fits(value, schema, types) for value in wanted)
    if types is None or op in {"neq", "not_in", "exists"}:
        return types is None or any(each != "null" for each in types)
    if op in ORDER:
        return "number" in types or "integer" in types
    return "string" in types or (op == "contains" and "array" in types)


def _fits(value: Any, schema: Schema, types: Sequence[str] | None) -> bool:
    if "const" in schema and not same(schema["const"], value):
        return False
    if "enum" in schema and not any(same(choice, value) for choice in schema["enum"]):
        return False
    return types is None or any(_is_a(each, value) for each in types)


def _is_a(name: str, value: Any) -> bool:
    if isinstance(value, bool) or name == "boolean":
        return isinstance(value, bool) and name == "boolean"
    if name in {"number", "integer"}:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole or (isinstance(value, float) and name == "number")
    kinds: dict[str, type] = {"string": str, "array": list, "object": dict}
    return name in kinds and isinstance(value, kinds[name])
