"""The question to the user, in words that no argument can imitate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from alya_mcp.gate.decision import shown
from alya_mcp.gate.invisible import visible
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy.rules import Approval

Who = Literal["call", "session"]

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

STANDS_FOR: Final = "What that stands for now:"
"""The line between a question's arguments and what they stand for."""

LONGEST: Final = 200_000
"""Characters of a question. A call whose arguments need more can't be put to the user, and is denied."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked.

    `message` is the whole question in words, for the user. `expires` is in seconds: how long it can be
    answered, and how long a yes holds once it is given. `binding` is a keyed digest of what the yes is good
    for: the tool, its schema, the policy, the grant, the words that are shown, and either the judged
    arguments or, with `who` `session`, the session. `arguments` are the judged ones with redacted fields
    masked, and after them what they stand for, as `about.NAME`. `session` is the one that asks.
    """

    tool: str
    rule: str
    message: str
    expires: float
    binding: str
    arguments: Mapping[str, Any]
    grant: str
    who: Who
    session: str


def message(
    tool: str, approval: Approval, arguments: Mapping[str, Any], about: Mapping[str, Any] = NOTHING
) -> str:
    """The whole question: every argument, and what they stand for, whole, each as one line of JSON."""
    lines = [
        *_why(tool, approval),
        *(f"  {_name(name)}: {_json(value)}" for name, value in arguments.items()),
        *([STANDS_FOR] if about else []),
        *(f"  {_name(name)}: {_json(value)}" for name, value in about.items()),
        _how_far(approval),
    ]
    return "\n".join(lines)


def terms(tool: str, approval: Approval) -> str:
    """What the question says whatever the arguments are."""
    return "\n".join([*_why(tool, approval), _how_far(approval)])


def _why(tool: str, approval: Approval) -> list[str]:
    lines = [f"An agent asks to call {shown(tool)} ({approval.rule})."]
    return [*lines, f"Why you are asked: {visible(approval.reason)}"] if approval.reason else lines


def _how_far(approval: Approval) -> str:
    span = f"{plain(approval.expires)} s"
    if approval.who == "session":
        return f"A yes or a no holds for every call of this tool in this session, for {span}."
    return (
        f"A yes is good for one call with exactly these arguments, within {span}; a no holds as long as that."
    )


def _name(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _json(name)


def _json(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False))
