"""Tokens: of a thousand tampered, replayed and late answers none passes."""

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_support import HandClock, a_call, echo, policy

from alya_mcp.gate import ApprovalNeeded, Gate, SqliteState
from alya_mcp.gate.approvals import KeptQuestion
from alya_mcp.notify.tokens import LENGTH, redeem, token

pytestmark = pytest.mark.anyio

LETTERS = string.ascii_letters + string.digits + "-_=+/ \n\0é"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def state(tmp_path: Path, clock: HandClock) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "state.sqlite", clock)
    yield state
    state.close()


async def asked(
    state: SqliteState, clock: HandClock, prompt: str = "a fox", tool: str = "draw"
) -> KeptQuestion:
    rules = {name: {"action": "require_approval"} for name in ("draw", "wipe")}
    with pytest.raises(ApprovalNeeded) as needed:
        await Gate(policy(rules), state, clock=clock).call(a_call(tool, {"prompt": prompt}), echo)
    return state.approvals.find(needed.value.id or "")[0]


def answers(state: SqliteState) -> list[str | None]:
    return [each.answer for each, _ in state.approvals.all()]


async def test_a_token_answers_its_question_once(state: SqliteState, clock: HandClock) -> None:
    one = await asked(state, clock)
    yes, no = token(state, one, "ntfy", "yes"), token(state, one, "ntfy", "no")
    assert len(yes) == LENGTH
    assert len(yes.encode()) <= 64
    assert redeem(state, "ntfy", no) is not None
    for again in (no, yes, no):
        assert redeem(state, "ntfy", again) is None
    assert answers(state) == ["no"]


async def test_no_changed_swapped_replayed_or_late_token_answers_anything(
    state: SqliteState, clock: HandClock, tmp_path: Path
) -> None:
    rng = random.Random(18)
    first, second = await asked(state, clock), await asked(state, clock, "a hen")
    third = await asked(state, clock, tool="wipe")
    good = [token(state, each, "telegram", "yes") for each in (first, second, third)]
    tampered: list[str] = []
    for _ in range(700):
        text = rng.choice(good)
        at = rng.randrange(len(text))
        tampered.append(
            rng.choice(
                (
                    text[:at] + rng.choice(LETTERS.replace(text[at], "")) + text[at + 1 :],
                    text[:at] + text[at + 1 :],
                    text[:at] + rng.choice(LETTERS) + text[at:],
                    text[:at] + text[at:].swapcase() if text[at:].swapcase() != text[at:] else text[::-1],
                    good[0][: 9 + at % 5] + good[1][9 + at % 5 :],
                )
            )
        )
    tampered += (
        [f" {each}" for each in good] + [f"{each}\n" for each in good] + [each.upper() for each in good]
    )
    tampered += [
        "",
        "y",
        "yes",
        "approve",
        "y" * LENGTH,
        good[0] * 2,
        good[0][0] + good[1][1:9] + good[0][9:],
    ]
    tampered += ["n" + each[1:] for each in good]  # the digest of a yes for a no
    tampered += [token(state, each, "ntfy", "yes") for each in (first, second, third)]  # another way's
    other = SqliteState(tmp_path / "other.sqlite", clock)
    tampered += [token(other, each, "telegram", "yes") for each in (first, second, third)]  # another state's
    other.close()
    for each in tampered:
        if each not in good:
            assert redeem(state, "telegram", each) is None, each
    assert answers(state) == [None, None, None]
    assert redeem(state, "telegram", good[0]) is not None
    for _ in range(300):
        assert redeem(state, "telegram", good[0]) is None
    clock.forward(601)
    assert redeem(state, "telegram", good[1]) is None
    assert len(tampered) + 301 > 1000
    anew = await asked(
        state, clock, "a hen"
    )  # the same call, asked again: the old token is another question's
    assert anew.binding == second.binding
    assert redeem(state, "telegram", good[1]) is None
