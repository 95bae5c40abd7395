"""Charges: what a call takes from limits, counted in memory for sessions and in the state otherwise.

Amounts are whole billionths, rounded up, so that a fraction is never lost and a sum is exact.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Number
from fractions import Fraction
from typing import Any, NamedTuple

from alya_mcp.gate.call import Call
from alya_mcp.gate.policy.conditions import is_number, values_at
from alya_mcp.gate.policy.rules import UNIT, Concurrency, Limit, Repeats, Scope
from alya_mcp.gate.state import Charge, Entered, Ledger, Slot, Spent


class Uncountable(Exception):
    """The argument that a limit counts is missing, or isn't a number that can be counted."""

    def __init__(self, limit: Limit, found: str) -> None:
        super().__init__(found)
        self.limit = limit
        self.found = found


class Over(NamedTuple):
    """A limit that has no room for a call, and in how many nanoseconds it will; None for never.

    `left` is what is left of it, in billionths.
    """

    limit: Limit
    wait_ns: int | None
    left: int


@dataclass(slots=True)
class Held:
    """The reservation of an admitted call: its charges with their time, and its places in flight."""

    charges: tuple[tuple[Ledger, Sequence[Limit], Sequence[Charge], int], ...] = ()
    places: tuple[tuple[Ledger, Entered], ...] = ()


class Counting:
    """Counts calls in two ledgers: `session` for one process, `shared` for all processes of the state."""

    def __init__(self, session: Ledger, shared: Ledger) -> None:
        self._session = session
        self._shared = shared

    def over(self, limits: Sequence[Limit], call: Call, arguments: Mapping[str, Any]) -> Over | None:
        """The first of `limits` without room for the call now. Counts nothing.

        Raises:
            Uncountable, StateError.
        """
        found = [
            _over(ledger, taken, charges, spent)
            for ledger, taken, charges in self._parts(limits, call, arguments)
            if (spent := ledger.first_spent(charges)) is not None
        ]
        return min(found, key=lambda over: limits.index(over.limit)) if found else None

    def reserve(
        self,
        held: Held,
        patience: float,
        limits: Sequence[Limit],
        call: Call,
        arguments: Mapping[str, Any],
    ) -> Over | None:
        """Reserve what the call needs of all `limits` in `held`, or nothing; returns the spent one.

        Raises:
            Uncountable, StateError: nothing was taken.
            StateBusy: nothing was taken, as others have been writing to the state for `patience` seconds.
        """
        if len(limits) == 1:  # the usual case, at half the cost
            charge = _charge(limits[0], call, arguments)
            if charge is None:
                return None
            ledger = self._ledger(limits[0].scope)
            if held.charges and _holds(held, ledger, charge):
                used, frees = ledger.standing(charge)
                return Over(limits[0], frees, 0) if used > charge.max else None
            moment = ledger.reserve_within((charge,), patience)
            if isinstance(moment, Spent):
                return _over(ledger, limits, (charge,), moment)
            held.charges += ((ledger, limits, (charge,), moment),)
            return None
        parts = self._parts(limits, call, arguments)
        if len(parts) > 1 and (over := self.over(limits, call, arguments)) is not None:
            return over
        taken_here = len(held.charges)
        try:
            for ledger, taken, charges in reversed(parts):  # the shared ones, which can fail, come first
                moment = ledger.reserve_within(charges, patience)
                if isinstance(moment, Spent):
                    self._give_back(held, taken_here)
                    return _over(ledger, taken, charges, moment)
                held.charges += ((ledger, taken, charges, moment),)
        except BaseException:
            self._give_back(held, taken_here)
            raise
        return None

    def repeated(
        self, repeats: Sequence[Repeats], call: Call, digest: str, *, count: bool
    ) -> list[tuple[Repeats, int | None]]:
        """Those of `repeats` whose `max` an attempt now exceeds, with the wait; `count` counts it."""
        found: list[tuple[Repeats, int | None]] = []
        for rule in repeats:
            ledger = self._ledger(rule.scope)
            counter = f"{rule.counter} {call.tool} {digest}"
            charge = Charge(counter, _subject(rule.scope, call), UNIT, rule.max * UNIT, rule.window_ns)
            spent = ledger.attempt([charge]) if count else ledger.first_spent([charge])
            if spent is not None:
                found.append((rule, spent.wait_ns))
        return found

    def full(self, rule: Concurrency, call: Call) -> bool:
        """Whether `rule` has no free place now. Takes none."""
        return self._ledger(rule.scope).first_full([_slot(rule, call)]) is not None

    def enter(self, held: Held, rule: Concurrency, call: Call) -> bool:
        """Take a place of `rule` into `held`; False when it is full."""
        ledger = self._ledger(rule.scope)
        entered = ledger.enter([_slot(rule, call)])
        if isinstance(entered, int):
            return False
        held.places += ((ledger, entered),)
        return True

    def release(self, held: Held) -> None:
        """Undo the reservation `held`: its call didn't start."""
        self._leave(held)
        self._give_back(held, 0)

    def settle(self, held: Held, ok: bool) -> None:
        """Settle the reservation `held`: free its places, and refund money unless the call succeeded."""
        self._leave(held)
        if ok:
            return
        for ledger, taken, charges, moment in held.charges:
            back = [c for limit, c in zip(taken, charges, strict=True) if limit.kind == "budget"]
            if back:
                ledger.refund(back, moment)

    def standing(self, limit: Limit, session: str, grant: str) -> tuple[int, int | None]:
        """What is left of a limit, in billionths, and in how many ns its oldest charge expires."""
        subject = _subject_of(limit.scope, session, grant)
        charge = Charge(limit.counter, subject, 0, limit.max, limit.window_ns, limit.formerly)
        used, frees = self._ledger(limit.scope).standing(charge)
        return max(0, limit.max - used), frees

    def _parts(
        self, limits: Sequence[Limit], call: Call, arguments: Mapping[str, Any]
    ) -> list[tuple[Ledger, list[Limit], list[Charge]]]:
        """The charges by ledger, the session's first; a limit of which the call takes nothing is left out."""
        here: list[Charge] = []
        shared: list[Charge] = []
        of_session: list[Limit] = []
        of_shared: list[Limit] = []
        for limit in limits:
            charge = _charge(limit, call, arguments)
            if charge is None:
                continue
            if limit.scope == "session":
                here.append(charge)
                of_session.append(limit)
            else:
                shared.append(charge)
                of_shared.append(limit)
        parts: list[tuple[Ledger, list[Limit], list[Charge]]] = []
        if here:
            parts.append((self._session, of_session, here))
        if shared:
            parts.append((self._shared, of_shared, shared))
        return parts

    def _ledger(self, scope: Scope) -> Ledger:
        return self._session if scope == "session" else self._shared

    def _leave(self, held: Held) -> None:
        places, held.places = held.places, ()
        for ledger, entered in places:
            ledger.leave(entered)

    def _give_back(self, held: Held, keep: int) -> None:
        back, held.charges = held.charges[keep:], held.charges[:keep]
        for ledger, _, charges, moment in back:
            ledger.refund(charges, moment)


def _holds(held: Held, ledger: Ledger, charge: Charge) -> bool:
    """Whether another limit of the same counter has counted the call already."""
    return any(
        by is ledger and charge[:2] in {each[:2] for each in charges} for by, _, charges, _ in held.charges
    )


def _over(ledger: Ledger, taken: Sequence[Limit], charges: Sequence[Charge], spent: Spent) -> Over:
    charge = charges[spent.index]
    used, _ = ledger.standing(charge)
    return Over(taken[spent.index], spent.wait_ns, max(0, charge.max - used))


def _charge(limit: Limit, call: Call, arguments: Mapping[str, Any]) -> Charge | None:
    """What a call takes from a limit's counter; None if nothing, or if it can't exceed the limit."""
    amount = UNIT if limit.amount == "call" else _amount(limit, call, arguments)
    if not amount or (amount <= limit.max and not limit.window_ns):
        return None
    subject = _subject(limit.scope, call)
    return Charge(limit.counter, subject, amount, limit.max, limit.window_ns, limit.formerly)


def _subject(scope: Scope, call: Call) -> str:
    return _subject_of(scope, call.session, call.grant or "")


def _subject_of(scope: Scope, session: str, grant: str) -> str:
    return session if scope == "session" else grant if scope == "grant" else ""


def _slot(rule: Concurrency, call: Call) -> Slot:
    return Slot(rule.counter, _subject(rule.scope, call), rule.max)


def _amount(limit: Limit, call: Call, arguments: Mapping[str, Any]) -> int:
    """What a call takes of a limit on money or an argument, in billionths."""
    if limit.amount == "price":
        return billionths(call.price)
    if not call.units:  # what it collects was counted when it was begun
        return 0
    found = tuple(values_at(arguments, limit.amount))
    if len(found) != 1:
        raise Uncountable(limit, "is given twice" if found else "is missing")
    (value,) = found
    if not is_number(value):
        raise Uncountable(limit, f"is {_kind(value)}, not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Uncountable(limit, "is not a finite number")
    if value < 0:
        raise Uncountable(limit, "is below 0")
    return billionths(value)


def billionths(value: float) -> int:
    """A number as whole billionths, rounded up; a float counts as the decimal number it is written as."""
    if isinstance(value, int):
        return value * UNIT
    return math.ceil(Fraction(Number(repr(value))) * UNIT)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list | tuple) else "an object"
