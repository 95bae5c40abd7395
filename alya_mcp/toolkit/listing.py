"""The tools that a caller sees, and summaries of the policy for many tools."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from alya_mcp.gate import Gate, Policy
    from alya_mcp.gate.policy.summary import ToolVerdict

T = TypeVar("T")


class _Tool(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def category(self) -> str | None: ...


def visible(tools: Mapping[str, T], gate: "Gate", caller: str | None) -> dict[str, T]:
    """The `tools`, by name, that aren't hidden from `caller` by the policy in force."""
    if caller is None:  # an unknown caller: every call is denied, and nothing is hidden
        return dict(tools)
    policy = gate.policy
    return {name: tool for name, tool in tools.items() if not policy.hides(name)}


def verdicts(policy: "Policy", tools: Iterable[_Tool]) -> dict["ToolVerdict", int]:
    """How many of `tools` the policy allows, denies and so on; the most frequent verdict first."""
    from alya_mcp.gate.policy.summary import verdict_on

    counts: Counter[ToolVerdict] = Counter(verdict_on(policy, each.name, each.category)[0] for each in tools)
    return dict(counts.most_common())


def in_words(counts: Mapping["ToolVerdict", int]) -> str:
    """Such counts as text: `15 allow, 1 deny`."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
