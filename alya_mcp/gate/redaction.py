"""Placeholders for the values that a policy redacts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

REDACTED: Final = "(redacted)"


def masked(value: Any, names: Collection[str]) -> Any:
    """`value` with every member of one of `names` replaced, at any depth; `value` itself without names."""
    if not names:
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return {name: REDACTED if name in names else masked(item, names) for name, item in members}
    if isinstance(value, list | tuple):
        return [masked(item, names) for item in cast("Sequence[Any]", value)]
    return value


def masked_at(path: str, value: Any, names: Collection[str]) -> Any:
    """`masked` for a value at `path`, as `args.card.pin`: nothing of it if a step has one of `names`."""
    return REDACTED if any(step in names for step in path.split(".")[1:]) else masked(value, names)


def loggable(arguments: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """The arguments that may stand in a digest: no value of one of `names`, at any depth."""
    if not names:
        return arguments
    return {name: masked(value, names) for name, value in arguments.items() if name not in names}
