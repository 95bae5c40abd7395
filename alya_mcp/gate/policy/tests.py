"""Compiled tests of a call's arguments: one comparison, or several together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PolicyCondition:
    """One comparison over the arguments: `path` as the document writes it, for example `args.size`.

    `shown` is the value for messages: without what the policy redacts.
    """

    path: str
    op: str
    value: Any
    shown: Any
    holds: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Test:
    """Conditions on a call.

    With `must_hold` the call is refused unless all hold (`require`, Intercept's `evaluate`). Otherwise it is
    refused when all hold (`deny_if`, Intercept's `deny`); no condition at all always does.
    """

    rule: str
    conditions: tuple[PolicyCondition, ...]
    must_hold: bool
    message: str
    shadow: bool

    @property
    def always_refuses(self) -> bool:
        """Whether it refuses every call, whatever the arguments."""
        return not self.conditions and not self.must_hold

    def refuses(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call with these arguments is refused."""
        for condition in self.conditions:  # a generator would cost as much again as most conditions
            if not condition.holds(arguments):
                return self.must_hold
        return not self.must_hold
