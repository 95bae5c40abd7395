"""The interface of a state: usage, sliding counters, calls in flight, approvals and grants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from alya_mcp.gate.approvals import ApprovalStore


class Head(NamedTuple):
    """The last record of an audit chain."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one tool was used: `calls` that ran and have ended, how, calls that were denied, and the cost.

    `errors` counts tool errors, time-outs, cancellations and crashes. `usd` is the price of the successes.
    """

    tool: str
    calls: int
    ok: int
    errors: int
    denied: int
    usd: float


class Charge(NamedTuple):
    """A charge of a call to one counter.

    `counter` names the rule that counts and `subject` whose calls it counts: a session, a grant, or all where
    it is empty. `amount` (not negative) and `max` are in billionths. Charges of a call to the same counter of
    the same subject are of the same amount, and it is taken once: each bounds another window. `formerly` is a
    name under which a state may still have the counter.
    """

    counter: str
    subject: str
    amount: int
    max: int
    window_ns: int
    formerly: str = ""


def longest(charges: Sequence[Charge]) -> Sequence[Charge]:
    """One charge for each counter: of several that with the longest window."""
    if len(charges) == 1:
        return charges
    found: dict[tuple[str, str], Charge] = {}
    for charge in charges:
        other = found.setdefault(charge[:2], charge)
        if other.window_ns < charge.window_ns:
            found[charge[:2]] = charge
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Spent:
    """The first charge that doesn't fit: its index, and in how many nanoseconds it will; None for never."""

    index: int
    wait_ns: int | None


class Slot(NamedTuple):
    """A place among at most `max` calls in flight; `counter` and `subject` as in a `Charge`."""

    counter: str
    subject: str
    max: int


class Entered(NamedTuple):
    """The places that a call holds until they are left, once."""

    slots: tuple[Slot, ...]


class Ledger(Protocol):
    """Sliding counters and calls in flight.

    A charge counts in `(now - window, now]`: in no span of `window_ns` is more than `max` reserved, and
    exactly `window_ns` later it no longer counts. An edit of `max` or `window_ns` resets nothing: a counter
    keeps what counts and at least its newest 1,024 charges for a day. Every method may raise `StateError`
    where it isn't said that it doesn't.
    """

    def first_spent(self, charges: Sequence[Charge]) -> Spent | None:
        """The first charge that wouldn't fit now. Takes nothing."""
        ...

    def reserve(self, charges: Sequence[Charge]) -> int | Spent:
        """Take all charges or none. Returns the time, for `refund`, or the first charge that doesn't fit."""
        ...

    def reserve_within(self, charges: Sequence[Charge], patience: float) -> int | Spent:
        """The same; `StateBusy`, and nothing taken, when others have been writing for `patience` seconds."""
        ...

    def refund(self, charges: Sequence[Charge], at: int) -> None:
        """Refund what was reserved at the time `at`, to the windows it was taken from. Raises nothing.

        What can't be written now is given back as soon as it can.
        """
        ...

    def attempt(self, charges: Sequence[Charge]) -> Spent | None:
        """Count every charge unconditionally. Returns the first counter that then exceeds its `max`.

        Such a counter is forgotten once nothing in it counts any more.
        """
        ...

    def standing(self, charge: Charge) -> tuple[int, int | None]:
        """The current sum, in billionths, and in how many nanoseconds its oldest charge expires."""
        ...

    def first_full(self, slots: Sequence[Slot]) -> int | None:
        """The index of the first slot with no free place. Takes nothing."""
        ...

    def enter(self, slots: Sequence[Slot]) -> Entered | int:
        """Take a place in every slot or in none; the index of the first that was full."""
        ...

    def leave(self, entered: Entered) -> None:
        """Free the places. Raises nothing; what can't be written now is freed as soon as it can."""
        ...


class State(Protocol):
    """What the gate and its audit log keep."""

    @property
    def ledger(self) -> Ledger:
        """Counters of grants and of the whole host."""
        ...

    @property
    def approvals(self) -> "ApprovalStore":
        """Questions that wait for the user."""
        ...

    @property
    def key(self) -> bytes:
        """32 random bytes kept with the state, for digests that only its owner can make; `StateError`."""
        ...

    def open(self) -> None:
        """Make the state usable now rather than at the first call; `StateError` when it can't be."""
        ...

    def ready(self) -> None:
        """Return once buffered notes can be saved; `StateError` if they can't."""
        ...

    def begin_chain(self, chain: str, head: Head) -> None:
        """Note a new audit chain; kept when this returns, else `StateError`."""
        ...

    def note_head(self, chain: str, seq: int, digest: str) -> None:
        """Note where a chain ends now."""
        ...

    def note_denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        ...

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        ...

    def heads(self) -> Mapping[str, Head]:
        """Where every chain ends; `StateError` when that can't be read."""
        ...

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """Usage of a grant since a time (seconds since 1970, rounded down to a minute), one row per tool.

        `StateError` when it can't be read.
        """
        ...

    def close(self) -> None:
        """Write what is noted and let go of the state."""
        ...
