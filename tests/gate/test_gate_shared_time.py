"""No step of a clock opens a hole in what a state file counts, and none is needed to get through one."""

import subprocess
import sys
from pathlib import Path

import pytest
from gate_support import SECOND

from alya_mcp.gate.clock import boot_offset_ns
from alya_mcp.gate.state import Charge, Spent, SqliteState
from alya_mcp.gate.state.shared_time import Moment, offset_from

HOUR = 3600 * SECOND
DAY = 24 * HOUR
WALL = 1_800_000_000 * SECOND
BUDGET = [Charge("/all_tools/budget", "kim", 1, 1, DAY)]


class Machine:
    """A machine's clocks: `up` since its start, `wall` as somebody may set it."""

    def __init__(self) -> None:
        self.up = 5 * HOUR
        self.wall = WALL

    def monotonic_ns(self) -> int:
        return self.up

    def time_ns(self) -> int:
        return self.wall

    def passes(self, span: int) -> None:
        self.up += span
        self.wall += span

    def starts_again(self, after: int) -> None:
        self.up = 0
        self.wall += after


@pytest.mark.parametrize(
    ("offsets", "shift"),
    [
        ("monotonic           0         0\nboottime            0         0\n", 0),
        ("monotonic          10         0\nboottime        86400       250\n", DAY + 250),
        ("boottime -5 0\n", -5 * SECOND),
        ("", 0),
    ],
)
def test_the_shift_of_a_time_namespace_is_read_as_the_kernel_writes_it(offsets: str, shift: int) -> None:
    assert boot_offset_ns(offsets) == shift


IN_NAMESPACE = ("unshare", "--time", "--boottime", "172800", "--monotonic", "172800")
RESERVE = """
import sys
from alya_mcp.gate.clock import boot_offset_ns
from alya_mcp.gate.state import Charge, SqliteState
state = SqliteState(sys.argv[1])
print(state.ledger.reserve([Charge("/all_tools/budget", "kim", 1, 1, 86_400_000_000_000)]).__class__.__name__)
state.close()
"""


def test_a_time_namespace_opens_no_hole(tmp_path: Path) -> None:
    if sys.platform != "linux" or subprocess.run([*IN_NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("no time namespace can be made here")
    command = [sys.executable, "-c", RESERVE, str(tmp_path / "state.db")]
    told = [
        subprocess.run([*before, *command], capture_output=True, text=True, check=True).stdout.strip()
        for before in ((), IN_NAMESPACE, (), IN_NAMESPACE)
    ]
    assert told == ["int", "Spent", "Spent", "Spent"]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def wait_in_a_new_process(home: Path, machine: Machine) -> int:
    """How long until the budget has room, as a process says that opens the state now; 0 for none."""
    state = SqliteState(home / "state.db", machine)
    try:
        spent = state.ledger.first_spent(BUDGET)
    finally:
        state.close()
    return 0 if spent is None else spent.wait_ns or -1


@pytest.fixture
def home(tmp_path: Path, machine: Machine) -> Path:
    """Where the budget of a day was spent just now."""
    state = SqliteState(tmp_path / "state.db", machine)
    assert isinstance(state.ledger.reserve(BUDGET), int)
    assert isinstance(state.ledger.reserve(BUDGET), Spent)
    state.close()
    return tmp_path


@pytest.mark.parametrize("step", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
def test_a_step_of_the_wall_clock_changes_nothing(home: Path, machine: Machine, step: int) -> None:
    machine.wall += step
    assert wait_in_a_new_process(home, machine) == DAY
    machine.passes(DAY - 1)
    assert wait_in_a_new_process(home, machine) == 1
    machine.passes(1)
    assert wait_in_a_new_process(home, machine) == 0


def test_a_step_while_a_process_runs_changes_nothing(tmp_path: Path, machine: Machine) -> None:
    state = SqliteState(tmp_path / "state.db", machine)
    state.ledger.reserve(BUDGET)
    machine.wall += 400 * DAY
    machine.passes(HOUR)
    assert state.ledger.reserve(BUDGET) == Spent(0, DAY - HOUR)
    machine.wall -= 800 * DAY
    machine.passes(DAY - HOUR)
    assert isinstance(state.ledger.reserve(BUDGET), int)
    state.close()


def test_while_the_machine_is_off_time_passes(home: Path, machine: Machine) -> None:
    machine.starts_again(after=8 * HOUR)
    assert wait_in_a_new_process(home, machine) == 16 * HOUR
    machine.passes(16 * HOUR)
    assert wait_in_a_new_process(home, machine) == 0


def test_a_wall_clock_set_back_while_the_machine_is_off_opens_nothing(home: Path, machine: Machine) -> None:
    machine.starts_again(after=-400 * DAY)
    assert wait_in_a_new_process(home, machine) == DAY
    machine.passes(DAY)
    assert wait_in_a_new_process(home, machine) == 0


def test_a_step_before_the_last_use_does_not_count_when_the_machine_starts_again(
    tmp_path: Path, machine: Machine
) -> None:
    state = SqliteState(tmp_path / "state.db", machine)
    state.ledger.reserve(BUDGET)
    machine.wall += 400 * DAY
    machine.passes(HOUR)
    state.ledger.reserve(BUDGET)
    state.close()
    machine.starts_again(after=HOUR)
    assert wait_in_a_new_process(tmp_path, machine) == DAY - 2 * HOUR


def test_processes_agree_on_the_time_whenever_they_began(tmp_path: Path, machine: Machine) -> None:
    first = SqliteState(tmp_path / "state.db", machine)
    first.ledger.reserve(BUDGET)
    machine.passes(HOUR)
    machine.wall -= DAY
    second = SqliteState(tmp_path / "state.db", machine)
    machine.passes(HOUR)
    assert first.ledger.first_spent(BUDGET) == second.ledger.first_spent(BUDGET) == Spent(0, DAY - 2 * HOUR)
    first.close()
    second.close()


def test_another_boot_is_told_from_a_long_time_up() -> None:
    """A machine that is off for a day, then up for longer than it was before."""
    kept = Moment("first", HOUR, WALL, 1000 * DAY)
    now, wall = 2 * HOUR, WALL + DAY
    assert now + offset_from(kept, "first", now, wall) == 1000 * DAY + HOUR
    assert now + offset_from(kept, "second", now, wall) == 1001 * DAY
