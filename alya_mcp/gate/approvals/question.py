"""What a person is asked: in words, with arguments that can't pass for the question's own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from alya_mcp.gate.decision import shown
from alya_mcp.gate.policy.rules import Approval

Who = Literal["call", "session"]

_MASKED: Final = "(redacted)"
_LONGEST_SHOWN: Final = 300
_LONGEST_KEPT: Final = 2000
_CUT: Final = "characters, cut here)"
_MOST_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked.

    `message` is the whole question in words, for the person. `expires` is in seconds: how long it can be
    answered, and how long a yes holds once it is given. `binding` is a keyed digest of what the yes is good
    for: the tool, its schema, the policy, the grant, and either the judged arguments or, with `who`
    `session`, the session. `arguments` are the judged ones with redacted fields masked.
    """

    tool: str
    rule: str
    message: str
    expires: float
    binding: str
    arguments: Mapping[str, Any]
    grant: str
    who: Who


def kept_arguments(arguments: Mapping[str, Any]) -> str:
    """What is kept of arguments for a person to read: ASCII JSON of an object, of bounded length."""
    kept: dict[str, Any] = {}
    for name, value in list(arguments.items())[:_MOST_SHOWN]:
        text = _value(value, _LONGEST_KEPT)
        kept[name[:_LONGEST_SHOWN]] = text if text.endswith(_CUT) else value
    if len(arguments) > _MOST_SHOWN:
        kept["…"] = f"{len(arguments) - _MOST_SHOWN} more arguments"
    return json.dumps(kept)


def readable(arguments: Mapping[str, Any], longest: int) -> list[str]:
    """Arguments for a person, each as one line of JSON, cut after `longest` characters."""
    return [f"{_name(name)}: {_value(value, longest)}" for name, value in arguments.items()]


def legible(text: str) -> str:
    """`text` as one line in which nothing is invisible or moves the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def message(tool: str, approval: Approval, arguments: Mapping[str, Any]) -> str:
    """The whole question."""
    lines = [f"An agent asks to call {shown(tool)} ({approval.rule})."]
    if approval.reason:
        lines.append(f"Why you are asked: {legible(approval.reason)}")
    some = dict(list(arguments.items())[:_MOST_SHOWN])
    lines += [f"  {line}" for line in readable(some, _LONGEST_SHOWN)]
    if len(some) < len(arguments):
        lines.append(f"  and {len(arguments) - len(some)} more arguments")
    span = f"{approval.expires:g} s"
    if approval.who == "session":
        lines.append(f"A yes holds for every call of this tool in this session, for {span}.")
    else:
        lines.append(f"A yes is good for one call with exactly these arguments, within {span}.")
    return "\n".join(lines)


def _name(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _value(name, _LONGEST_SHOWN)


def _value(value: Any, longest: int) -> str:
    cut = value[: longest + 1] if isinstance(value, str) else value
    text = legible(json.dumps(cut, ensure_ascii=False))
    if len(text) <= longest:
        return text
    whole = max(len(value), len(text)) if isinstance(value, str) else len(text)
    return f"{text[:longest]}… ({whole:,} {_CUT}"


def masked(value: Any, names: frozenset[str]) -> Any:
    """`value` with every member of one of `names` replaced, at any depth; `value` itself without names."""
    if not names:
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return {name: _MASKED if name in names else masked(item, names) for name, item in members}
    if isinstance(value, list | tuple):
        return [masked(item, names) for item in cast("Sequence[Any]", value)]
    return value
