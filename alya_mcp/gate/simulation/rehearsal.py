"""For calls that are simulated: facts about a tool, and a clock that is set by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alya_mcp.gate.call import Validate
from alya_mcp.gate.policy.rules import SECOND

_EPOCH: Final = 1_000_000_000 * SECOND
"""Any moment will do; windows that reach back from the first call must begin after 0."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a catalogue knows of a tool.

    `price` is what a success costs, in USD; None if unknown. It is for each of the things that the
    argument `priced_per` asks for, where that is given. Without `validate` arguments are taken as they are.
    """

    known: bool = True
    price: float | None = None
    category: str | None = None
    validate: Validate | None = None
    priced_per: str | None = None


FactsOf = Callable[[str], Facts]


class SetClock:
    """Both clocks of the gate, standing where they were set; never earlier than before."""

    def __init__(self) -> None:
        self._now = _EPOCH

    def set(self, since_ns: int) -> None:
        """Go to `since_ns` nanoseconds after the clock's beginning, unless that is past already."""
        self._now = max(self._now, _EPOCH + since_ns)

    def monotonic_ns(self) -> int:
        """The time it was set to."""
        return self._now

    time_ns = monotonic_ns
