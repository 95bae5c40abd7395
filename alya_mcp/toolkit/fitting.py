"""Cuts lists so that an answer stays below the size limit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from alya_mcp.toolkit.models import Output

LARGEST_ANSWER: Final = 100_000
"""Limit for an answer's JSON in bytes; hosts give all of it to the model, some of them twice."""
_BESIDE: Final = 10_000
"""The part of it that is reserved for what isn't a record."""


def fitting(records: Sequence[Output]) -> int:
    """How many of `records`, from the start, fit into one answer; at least one.

    For tools with pages, whose next page has to begin where this one ends.
    """
    left = LARGEST_ANSWER - _BESIDE
    for count, record in enumerate(records):
        left -= _size(record.model_dump(mode="json", by_alias=True))
        if left < 0:
            return max(count, 1)
    return len(records)


def fitted(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """`data` with its longest lists cut to fit, and in `notShown` how many items were cut from each."""
    over = _size(data) - LARGEST_ANSWER
    if over <= 0:
        return data
    over += 1000  # notShown itself
    lists = {name: cast("list[Any]", each) for name, each in data.items() if isinstance(each, list)}
    sizes = {name: [_size(item) for item in items] for name, items in lists.items()}
    not_shown: dict[str, int] = {}
    while over > 0 and (cuttable := [name for name, each in sizes.items() if len(each) > 1]):
        name = max(cuttable, key=lambda each: sum(sizes[each]))
        over -= sizes[name].pop()
        not_shown[name] = not_shown.get(name, 0) + 1
    if not not_shown:
        return data
    cut = {name: lists[name][: len(sizes[name])] for name in not_shown}
    return {**data, **cut, "notShown": not_shown}


def _size(value: object) -> int:
    """Bytes of a value's JSON, and of the comma behind it."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 1
