"""The reference page, the JSON Schema for editors and the loader say the same of every document."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from policy_documents import EXAMPLES, GOOD, NOT_IN_THE_SCHEMA, PAGE, ROOT, WRONG

from alya_mcp.gate import Policy, PolicyError
from alya_mcp.gate.call import CATEGORIES
from alya_mcp.gate.policy.keys import KEYS, REQUIRED

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def errors_of(value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(value)]


def test_the_schema_is_one_and_knows_the_keys_of_the_loader() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    shapes = {"policy": SCHEMA, **SCHEMA["$defs"]}
    assert {what: set(shapes[what]["properties"]) for what in KEYS} == {k: set(v) for k, v in KEYS.items()}
    assert {what: set(shapes[what].get("required", ())) for what in KEYS} == {
        what: set(REQUIRED.get(what, ())) for what in KEYS
    }
    assert all(shapes[what]["additionalProperties"] is False for what in KEYS)
    assert SCHEMA["properties"]["categories"]["propertyNames"]["enum"] == list(CATEGORIES)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_page_loads_and_fits_the_schema(kind: str, text: str) -> None:
    assert errors_of(Policy.loads(text, f"policy.{kind}").document) == []


def test_the_page_speaks_of_every_key() -> None:
    named = {key for keys in KEYS.values() for key in keys}
    assert {
        key for key in named if f"`{key}`" not in PAGE and f'"{key}"' not in PAGE and f".{key}`" not in PAGE
    } == set()


@pytest.mark.parametrize("name", ["policy.json", *sorted(GOOD)])
def test_a_good_document_loads_and_fits_the_schema(name: str) -> None:
    value = GOOD.get(name) or json.loads((ROOT / name).read_text(encoding="utf-8"))
    assert Policy.parse(value).document == value
    assert Policy.loads(json.dumps(value)).digest == Policy.parse(value).digest
    assert errors_of(value) == []


@pytest.mark.parametrize(("pointer", "words", "value"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_document_names_its_place_and_does_not_fit_the_schema(
    pointer: str, words: str, value: dict[str, Any]
) -> None:
    for load in (Policy.parse, lambda value: Policy.loads(json.dumps(value, indent=1))):
        with pytest.raises(PolicyError) as caught:
            load(value)
        (problem,) = caught.value.problems
        assert problem.pointer == pointer
        assert words in problem.message
    assert (problem.line or 0) > 1
    assert words in NOT_IN_THE_SCHEMA or errors_of(value)
