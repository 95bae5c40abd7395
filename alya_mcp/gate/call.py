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
    """What a client's retry carries: the state as it came back, and what the user said."""

    state: str
    verdict: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `tools/call` as it came in.

    `arguments` are as received. `session` names the client connection, `request` is the JSON-RPC id.
    `grant` is the caller's label, None for a caller whose token is wrong or revoked. `schema` is a digest of
    the tool's definition, kept in the audit log. `known` is False for a name that the catalogue doesn't hold.
    `price` is what a success costs, in USD. `validate` turns the arguments into those the handler gets, or
    raises `InvalidArguments`; without it they are passed on as they are. `about` tells, for the question to
    the user, what the judged arguments stand for, such as the file behind an id; a yes is bound to that too.
    It raises `InvalidArguments` where they stand for nothing. `collects` gets the judged arguments and the
    digest of the policy that judges them. Where they collect what an earlier call of the caller began, it
    tells the digest of the policy then: the call costs nothing, and under the same policy a yes to the
    earlier call is good for it. None where they begin something of their own. `answer` is what a call brings
    back that was told to come again with a person's answer. `priced_per` names the argument that says how
    many things the call makes: the price is for each of them. `units` is that number, as the gate found it in
    the judged arguments; 0 for a call that collects, which takes nothing but its place among the calls.
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
