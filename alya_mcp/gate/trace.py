"""What the gate tells a person about a call and about its limits."""

from dataclasses import dataclass

from .call import Decision


@dataclass(frozen=True, slots=True)
class Step:
    """One rule on a call's way: its id, what it asks, what it saw, and whether it held."""

    rule: str
    asks: str
    seen: str
    held: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """All rules on a call's way, in order, and the decision: the first rule that doesn't hold makes it."""

    decision: Decision
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A limit and what a session has left of it.

    `tool` is None where all tools count together. `window_s` is the span in seconds. `resets_in` is in how
    many seconds one more call becomes free; 0 when none is counted.
    """

    tool: str | None
    rule: str
    max: int
    window_s: float
    left: int
    resets_in: float
