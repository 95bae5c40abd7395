"""One contract for every ledger, against a slow, obvious model: a list of every charge that was taken."""

import itertools
from collections.abc import Iterator, Sequence

import pytest
from gate_support import SECOND, HandClock
from hypothesis import given, settings
from hypothesis import strategies as st

from alya_mcp.gate.state import (
    Charge,
    Entered,
    Ledger,
    MemoryLedger,
    MemoryState,
    Slot,
    Spent,
    SqliteState,
    State,
)

UNIT = 1_000_000_000
DAY = 86_400 * SECOND
NAMES = (f"example {number}" for number in itertools.count())


def charge(
    most: int = 1, window: int = 100, amount: int = 1, counter: str = "/r", subject: str = "kim"
) -> Charge:
    return Charge(counter, subject, amount * UNIT, most * UNIT, window)


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def state(
    request: pytest.FixtureRequest, clock: HandClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[State]:
    """One for all tests: each counts for a subject of its own."""
    made: State = (
        MemoryState(clock)
        if request.param == "memory"
        else SqliteState(tmp_path_factory.mktemp("home") / "state.db", clock)
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def ledger(state: State) -> Ledger:
    return state.ledger


@pytest.fixture
def subject() -> str:
    return next(NAMES)


class Model:
    """Every charge that was taken, by counter; counted anew each time."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[int, int]]] = {}

    def used(self, charge: Charge, now: int) -> int:
        return sum(amount for at, amount in self.taken.get(charge.counter, []) if at > now - charge.window_ns)

    def fits(self, charge: Charge, now: int) -> bool:
        return not charge.amount or self.used(charge, now) + charge.amount <= charge.max

    def spent(self, charges: Sequence[Charge], now: int) -> Spent | None:
        for index, asked in enumerate(charges):
            if not self.fits(asked, now):
                return Spent(index, self.wait(asked, now))
        return None

    def wait(self, charge: Charge, now: int) -> int | None:
        if charge.amount > charge.max:
            return None
        ends = sorted({at + charge.window_ns for at, _ in self.taken[charge.counter]})
        return next(end - now for end in ends if end > now and self.fits(charge, end))

    def take(self, charges: Sequence[Charge], now: int) -> None:
        for counter, amount in {asked.counter: asked.amount for asked in charges}.items():
            self.taken.setdefault(counter, []).append((now, amount))

    def give_back(self, charges: Sequence[Charge], at: int) -> None:
        for counter, amount in {asked.counter: asked.amount for asked in charges}.items():
            self.taken[counter].remove((at, amount))

    def attempt(self, charges: Sequence[Charge], now: int) -> Spent | None:
        self.take(charges, now)
        for index, asked in enumerate(charges):
            if self.used(asked, now) > asked.max:
                return Spent(index, self.wait(asked, now))
        return None

    def standing(self, charge: Charge, now: int) -> tuple[int, int | None]:
        ends = [
            at + charge.window_ns - now
            for at, amount in self.taken.get(charge.counter, [])
            if at > now - charge.window_ns and amount
        ]
        return self.used(charge, now), min(ends, default=None)


CHARGES = st.lists(
    st.tuples(
        st.sampled_from(["/a", "/b"]), st.integers(0, 3), st.integers(1, 6), st.sampled_from([1, 10, 25, 100])
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda asked: (asked[0], asked[3]),
)
STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["reserve", "reserve", "attempt", "refund"]), CHARGES),
    max_size=25,
)

Steps = list[tuple[int, str, list[tuple[str, int, int, int]]]]


def check_against_the_model(ledger: Ledger, clock: HandClock, steps: Steps) -> None:
    subject = next(NAMES)
    model = Model()
    held: list[tuple[list[Charge], int, int]] = []
    for forward, what, asked in steps:
        clock.now += forward
        takes = {counter: amount for counter, amount, _, _ in asked}
        charges = [
            Charge(counter, subject, takes[counter], most, window) for counter, _, most, window in asked
        ]
        assert ledger.first_spent(charges) == model.spent(charges, clock.now)
        if what == "attempt":
            # One window to a counter of attempts: what no longer counts in it may be forgotten at any sweep.
            charges = [
                counted._replace(amount=1, counter=f"{counted.counter} {counted.window_ns}")
                for counted in charges
            ]
            assert ledger.attempt(charges) == model.attempt(charges, clock.now)
        elif what == "refund" and held:
            reserved, at, model_at = held.pop()
            ledger.refund(reserved, at)
            model.give_back(reserved, model_at)
        else:
            expected = model.spent(charges, clock.now)
            taken = ledger.reserve(charges)
            if expected is None:
                assert isinstance(taken, int)
                model.take(charges, clock.now)
                held.append((charges, taken, clock.now))
            else:
                assert taken == expected
        for counted in charges:
            assert ledger.standing(counted) == model.standing(counted, clock.now)


@given(STEPS)
@settings(max_examples=80)
def test_a_ledger_counts_as_the_obvious_model(ledger: Ledger, clock: HandClock, steps: Steps) -> None:
    check_against_the_model(ledger, clock, steps)


@pytest.mark.slow
@given(STEPS)
@settings(max_examples=2_000)
def test_a_ledger_counts_as_the_obvious_model_however_long_one_looks(
    ledger: Ledger, clock: HandClock, steps: Steps
) -> None:
    check_against_the_model(ledger, clock, steps)


@given(st.integers(1, 5), st.lists(st.integers(0, 40), min_size=1, max_size=60))
@settings(max_examples=40)
def test_in_no_span_of_a_window_is_more_than_max_reserved(
    ledger: Ledger, clock: HandClock, most: int, steps: list[int]
) -> None:
    """policy.md section 3, row 11: not 2 times the limit across a boundary."""
    asked = [charge(most, subject=next(NAMES))]
    passed: list[int] = []
    for step in steps:
        clock.now += step
        if not isinstance(ledger.reserve(asked), Spent):
            passed.append(clock.now)
    for at in passed:
        assert sum(at <= other < at + 100 for other in passed) <= most


def test_the_first_charge_that_does_not_fit_is_named_and_none_is_taken(ledger: Ledger, subject: str) -> None:
    small, large = charge(2, counter="/small", subject=subject), charge(9, counter="/large", subject=subject)
    assert isinstance(ledger.reserve([large, small]), int)
    assert ledger.reserve([large, small._replace(amount=2 * UNIT)]) == Spent(1, 100)
    assert ledger.reserve([large, small._replace(amount=3 * UNIT)]) == Spent(1, None)
    assert ledger.first_spent([small._replace(amount=2 * UNIT), large]) == Spent(0, 100)
    assert ledger.standing(large) == (UNIT, 100)
    assert ledger.standing(small) == (UNIT, 100)


def test_each_subject_has_a_counter_of_its_own(ledger: Ledger, subject: str) -> None:
    assert isinstance(ledger.reserve([charge(subject=subject)]), int)
    assert ledger.first_spent([charge(subject=subject)]) is not None
    assert ledger.first_spent([charge(subject=f"{subject} b")]) is None


def test_what_costs_nothing_passes_a_spent_limit(ledger: Ledger, subject: str) -> None:
    ledger.reserve([charge(3, amount=3, subject=subject)])
    assert isinstance(ledger.reserve([charge(1, amount=0, subject=subject)]), int)
    assert ledger.standing(charge(subject=subject)) == (3 * UNIT, 100)


def test_a_refund_goes_to_the_window_it_was_taken_from(
    ledger: Ledger, clock: HandClock, subject: str
) -> None:
    """policy.md section 3, row 6: also after another window began, and after the rule was edited."""
    asked = charge(3, window=100, amount=2, subject=subject)
    first = ledger.reserve([asked])
    assert isinstance(first, int)
    clock.now += 100
    second = ledger.reserve([asked])
    assert isinstance(second, int)
    ledger.refund([asked._replace(max=UNIT, window_ns=5)], first)
    assert ledger.standing(asked) == (2 * UNIT, 100)
    assert ledger.standing(asked._replace(window_ns=1000)) == (2 * UNIT, 1000)
    ledger.refund([asked], second)
    assert ledger.standing(asked) == (0, None)


def test_two_reservations_of_one_moment_are_refunded_one_by_one(ledger: Ledger, subject: str) -> None:
    asked = charge(9, subject=subject)
    moments = [ledger.reserve([asked]) for _ in range(3)]
    for left, at in zip((2, 1, 0), moments, strict=True):
        assert isinstance(at, int)
        ledger.refund([asked], at)
        assert ledger.standing(asked)[0] == left * UNIT


def test_an_edit_of_max_or_window_resets_nothing(ledger: Ledger, clock: HandClock, subject: str) -> None:
    asked = charge(3, window=10, subject=subject)
    for _ in range(3):
        assert isinstance(ledger.reserve([asked]), int)
    clock.now += 50
    assert ledger.first_spent([asked]) is None
    assert ledger.first_spent([asked._replace(window_ns=100)]) == Spent(0, 50)
    assert ledger.reserve([asked._replace(window_ns=100)]) == Spent(0, 50)
    assert isinstance(ledger.reserve([asked]), int)
    assert ledger.standing(asked._replace(window_ns=100))[0] == 4 * UNIT
    assert ledger.first_spent([asked._replace(window_ns=100, max=5 * UNIT)]) is None
    assert ledger.standing(asked)[0] == UNIT


def test_the_largest_amounts_and_spans_are_counted_exactly(
    ledger: Ledger, clock: HandClock, subject: str
) -> None:
    most = 9 * 10**9
    asked = charge(most, window=10, amount=most, subject=subject)
    for _ in range(3):
        assert isinstance(ledger.reserve([asked]), int)
        clock.now += 10
    longest = asked._replace(amount=1, window_ns=most * UNIT)
    assert ledger.standing(longest) == (3 * most * UNIT, longest.window_ns - 30)
    assert ledger.reserve([longest]) == Spent(0, longest.window_ns - 10)
    assert isinstance(ledger.reserve([longest._replace(counter="/another")]), int)


def test_attempts_count_also_when_denied(ledger: Ledger, clock: HandClock, subject: str) -> None:
    tried = charge(2, subject=subject)
    assert ledger.attempt([tried]) is None
    clock.now += 10
    assert ledger.attempt([tried]) is None
    for _ in range(20):
        clock.now += 10
        assert ledger.attempt([tried]) is not None
    spent = ledger.attempt([tried])
    assert spent == Spent(0, 100)
    clock.now += 99
    assert ledger.first_spent([tried]) == Spent(0, 1)
    clock.now += 1
    assert ledger.attempt([tried]) is None


def test_every_counter_of_an_attempt_counts_though_the_first_is_over(ledger: Ledger, subject: str) -> None:
    tried = [charge(1, subject=subject, counter="/one"), charge(9, subject=subject, counter="/many")]
    assert ledger.attempt(tried) is None
    assert ledger.attempt(tried) == Spent(0, 100)
    assert ledger.standing(tried[1]) == (2 * UNIT, 100)


def test_attempts_without_end_take_bounded_room_and_stay_denied(
    ledger: Ledger, clock: HandClock, subject: str
) -> None:
    tried = charge(5, window=DAY, subject=subject)
    for _ in range(5000):
        clock.now += 1
        ledger.attempt([tried])
    used, _ = ledger.standing(tried)
    assert 1024 * UNIT <= used <= 2048 * UNIT
    assert ledger.attempt([tried]) == Spent(0, DAY - 3)


def test_places_are_taken_all_or_none_and_are_free_again(ledger: Ledger, subject: str) -> None:
    one, two = Slot("/one", subject, 1), Slot("/two", subject, 2)
    first, second = ledger.enter([two]), ledger.enter([one, two])
    assert isinstance(first, Entered)
    assert isinstance(second, Entered)
    assert ledger.enter([one._replace(max=2), two]) == 1
    assert ledger.first_full([one._replace(max=2), two]) == 1
    ledger.leave(first)
    assert ledger.enter([two, one]) == 1
    third = ledger.enter([one._replace(max=2), two])
    assert isinstance(third, Entered)
    ledger.leave(second)
    ledger.leave(third)
    assert ledger.first_full([one, two]) is None
    again = ledger.enter([one])
    assert isinstance(again, Entered)
    ledger.leave(again)


def test_nothing_asked_is_nothing_taken(ledger: Ledger) -> None:
    assert ledger.first_spent([]) is None
    assert ledger.attempt([]) is None
    assert ledger.first_full([]) is None


def test_a_states_key_is_its_own_and_stays(state: State) -> None:
    assert len(state.key) == 32
    assert state.key == state.key
    assert state.key != MemoryState().key


def test_in_memory_counters_whose_time_is_over_are_forgotten_and_those_that_count_are_kept() -> None:
    clock = HandClock()
    ledger = MemoryLedger(clock)
    ledger.reserve([charge(window=10, subject="first")])
    ledger.attempt([charge(window=10, subject="first", counter="/tried")])
    clock.now += 2 * DAY
    for number in range(3000):
        clock.now += 1
        ledger.attempt([charge(window=1500, subject=f"s{number}", counter="/tried")])
        ledger.reserve([charge(window=10, subject=f"s{number}")])
    kept = set(ledger._counters)  # pyright: ignore[reportPrivateUsage]
    assert not any(subject == "first" for _, subject in kept)
    assert sum(counter == "/tried" for counter, _ in kept) < 3000
    assert sum(counter == "/r" for counter, _ in kept) == 3000
    assert ledger.first_spent([charge(window=DAY, subject="s0")]) is not None
    assert ledger.first_spent([charge(window=1500, subject="s2000", counter="/tried")]) is not None


def test_a_busy_counter_in_memory_keeps_what_it_needs_and_no_more() -> None:
    clock = HandClock()
    ledger = MemoryLedger(clock)
    asked = charge(5000, window=5000)
    for _ in range(20_000):
        clock.now += 1
        assert isinstance(ledger.reserve([asked]), int)
    assert ledger.standing(asked)[0] == 5000 * UNIT
    (counter,) = ledger._counters.values()  # pyright: ignore[reportPrivateUsage]
    assert len(counter.times) <= 5000 + 1024
