"""A call, as the gate sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

Validate = Callable[[Mapping[str, Any]], Mapping[str, Any]]
About = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Collects = Callable[[Mapping[str, Any], str], str | None]
Said = Literal["accept", "decline", "cancel"]
Category = Literal["Read", "Write", "Execute", "Destructive", "Financial"]

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
"""Every category that a tool can be in and a policy can have rules for."""


class Answer(NamedTuple):
    """The answer in a client's retry: the sealed state, and what the user said."""

    state: str
    verdict: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `tools/call`, as received.

    `arguments` are as received. `session` names the client connection, `request` is the JSON-RPC id.
    `grant` is the caller's label, None for a caller whose token is wrong or revoked. `schema` is a digest of
    the tool's definition, kept in the audit log. `known` is False for a name that the catalogue doesn't hold.
    `price` is what a success costs, in USD. `validate` turns the arguments into those the handler gets, or
    raises `InvalidArguments`; without it they are passed on as they are. `about` returns what the judged
    arguments refer to, such as the file behind an id: the question to the user shows it, and a yes is bound
    to it. It raises `InvalidArguments` if they refer to nothing. `collects` takes the judged arguments and
    the digest of the policy that judges them. If they collect the result of an earlier call of the caller, it
    returns the digest of that call's policy: the call costs nothing, and under the same policy a yes to the
    earlier call covers it. It returns None if they start something new. `answer` is the user's answer in a
    retry. `priced_per` names the argument that says how many things the call makes: the price is for each.
    `units` is that number in the judged arguments; 0 for a call that collects, which only counts as a call.
    """

    tool: str
    arguments: Mapping[str, Any]
    session: str
    request: str | int | None = None
    grant: str | None = "local"
    schema: str | None = None
    known: bool = True
    price: float = 0.0
    priced_per: str | None = None
    units: int = 1
    category: str | None = None
    validate: Validate | None = None
    about: About | None = None
    collects: Collects | None = None
    answer: Answer | None = None
