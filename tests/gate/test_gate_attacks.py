"""Every attack of `attacks.py` is stopped as it says, and `docs/attacks.md` shows what came of it.

python tests/gate/test_gate_attacks.py    writes the page anew
"""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from attacks import ATTACKS, Attack, Step
from gate_support import HandClock

from alya_mcp.gate import Call, Decision, Gate, MemoryState, Policy, Refused, ToolError, hidden, sanitise
from alya_mcp.gate.refused import ApprovalNeeded

PAGE = Path(__file__).parents[2] / "docs" / "attacks.md"
HIDDEN = hidden(secrets=["wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"], private=["/home/kim"])
INTRODUCTION = """# Attacks

What is known to go wrong between agents and tools, the policy that stops it, and what then came of each
call. The cases follow [PolicyLayer's attack database](https://policylayer.com/attacks) and other
catalogues, told in our own words. Every table below was written by `tests/gate/test_gate_attacks.py`,
which plays the calls through the real gate; the test fails when the page no longer says what happens.
`allow` means that the tool's handler ran.

What a policy can't stop is said with each case. In general: a policy judges calls, one by one, by tool,
arguments, caller and what was counted. It doesn't understand text, it doesn't follow data from call to
call, and it isn't a sandbox for the code of a tool.
"""


async def transcript(attack: Attack, steps: "tuple[Step, ...] | Any") -> list[tuple[Step, Decision, Any]]:
    """Play one session; each step with what the gate said and what left."""
    assert attack.policy is not None
    clock = HandClock()
    state = MemoryState(clock)
    gate = Gate(Policy.parse(attack.policy), state, clock=clock)
    begun = clock.now
    lines: list[tuple[Step, Decision, Any]] = []
    for step in steps:
        clock.now = begun
        clock.forward(step.at)
        lines.append(await played(gate, state, step))
    return lines


async def played(gate: Gate, state: MemoryState, step: Step) -> tuple[Step, Decision, Any]:
    async def handler(_: Mapping[str, Any]) -> Any:
        if step.outcome == "error":
            raise ToolError("the tool failed")
        return step.given

    async def ask(_: Any) -> Any:
        return "accept" if step.person == "yes" else "decline"

    stranger = step.grant is not None and step.grant.startswith("(")
    call = Call(
        tool=step.tool,
        arguments=step.arguments,
        session="s",
        grant=None if stranger else step.grant or "local",
        price=step.price,
        schema=step.schema,
    )
    person: dict[str, Any] = {} if step.person is None else {"ask": ask}
    try:
        left = await gate.call(
            call, handler, clean=lambda each: sanitise(each, hide=HIDDEN, limit=10_000), **person
        )
    except ToolError:
        return step, gate.policy.allowed, None
    except Refused as refusal:
        if step.approved and isinstance(refusal, ApprovalNeeded) and refusal.id is not None:
            state.approvals.answer(refusal.id, "yes")
        return step, refusal.decision, None
    return step, gate.policy.allowed, left


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def row(step: Step, decision: Decision, left: Any) -> str:
    caller = f" as {step.grant}" if step.grant else ""
    definition = f", definition {step.schema}" if step.schema else ""
    price = f", {step.price:g} USD" if step.price else ""
    told = f"**{decision.decision}**"
    if decision.rule:
        told += f" `{decision.rule}`"
    if decision.retry_after is not None:
        told += f", again in {decision.retry_after:g} s"
    if decision.decision == "allow" and step.outcome == "error":
        told += ", and the tool fails"
    if step.person is not None:
        told += f" (a person said {step.person})"
    if step.approved:
        told += "; then a person approves it"
    if left is not None:
        told += f": `{json.dumps(step.given)}` leaves as `{json.dumps(left)}`"
    arguments = json.dumps(step.arguments, ensure_ascii=step.tool.isascii())
    return (
        f"| {step.at:g} | `{cell(step.tool)}` `{cell(arguments)}`{caller}{definition}{price} | {cell(told)} |"
    )


def prose(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


async def section(attack: Attack) -> str:
    parts = [f"## {attack.title}", f"`{attack.slug}` ([source]({attack.source}))", prose(attack.happens)]
    parts.append(prose(f"**What stops it.** {attack.stops}"))
    if attack.policy is not None:
        parts.append(f"```json\n{json.dumps(attack.policy, indent=2)}\n```")
    for steps in attack.sessions:
        lines = [row(*line) for line in await transcript(attack, steps)]
        parts.append("\n".join(["| s | call | decision |", "|---:|---|---|", *lines]))
    parts.append(prose(f"**What stays open.** {attack.leaves_open}"))
    return "\n\n".join(parts)


async def page() -> str:
    sections = [await section(attack) for attack in ATTACKS]
    return "\n".join([INTRODUCTION, *(f"{each}\n" for each in sections)])


@pytest.mark.anyio
@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.policy], ids=lambda attack: attack.slug)
async def test_the_policy_stops_the_attack_and_lets_through_what_it_should(attack: Attack) -> None:
    for steps in attack.sessions:
        for step, decision, left in await transcript(attack, steps):
            assert (decision.decision, decision.rule) == (step.expect, step.rule), step
            assert left == step.leaves, step


def test_every_case_is_named_once_and_says_what_stays_open() -> None:
    assert len({attack.slug for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.leaves_open and attack.stops for attack in ATTACKS)
    assert all(bool(attack.policy) == bool(attack.sessions) for attack in ATTACKS)


@pytest.mark.anyio
async def test_a_refusal_gives_the_agent_no_hint_to_go_on() -> None:
    """ATR-2026-00209."""
    (attack,) = [each for each in ATTACKS if each.slug == "ATR-2026-00209"]
    for _, decision, _ in await transcript(attack, attack.sessions[0]):
        assert set(decision.as_meta()) == {"decision", "rule", "message", "retryAfter", "policy"}


@pytest.mark.anyio
async def test_the_page_shows_what_happens() -> None:
    assert PAGE.read_text(encoding="utf-8") == await page(), f"out of date; run python {Path(__file__).name}"


if __name__ == "__main__":
    PAGE.write_text(anyio.run(page), encoding="utf-8")
