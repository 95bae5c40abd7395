"""`alya-mcp tools`: what the catalogue holds and what the policy says of each tool."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.output import Output, output_option, say, show_json, show_table
from alya_mcp.cli.policies import read_policy, settings_with, verdict

if TYPE_CHECKING:
    from alya_mcp.catalogue import Tool
    from alya_mcp.gate import Policy
    from alya_mcp.gate.rules import Limit

_HEADINGS = ("tool", "category", "risk", "price", "policy", "limits")


@click.command(short_help="List the tools and what the policy says of each.")
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="The policy to show.")
@output_option
def tools(policy: Path | None, output: Output) -> int:
    """List every tool: category, risk, price in USD per call, and what the policy says of it.

    A tool that the policy hides is listed here and nowhere else: to a client it doesn't exist.
    """
    from alya_mcp.catalogue import load_catalogue

    in_force = read_policy(settings_with(policy))
    catalogue = load_catalogue()
    if output == "json":
        listed = [_as_json(tool, in_force.policy) for tool in catalogue.values()]
        show_json({"file": str(in_force.path), "digest": in_force.policy.digest, "tools": listed})
        return 0
    show_table([_as_row(tool, in_force.policy) for tool in catalogue.values()], _HEADINGS)
    say(f"Policy: {in_force.source}")
    return 0


def _as_json(tool: "Tool", policy: "Policy") -> dict[str, object]:
    return {
        "name": tool.name,
        "title": tool.title,
        "category": tool.category,
        "risk": tool.risk,
        "priceUsd": tool.price,
        "policy": verdict(policy, tool.name),
        "limits": [
            {"rule": limit.rule, "max": _most(limit), "window": limit.window}
            for limit in policy.rules(tool.name, tool.category).limits
        ],
    }


def _as_row(tool: "Tool", policy: "Policy") -> tuple[str, ...]:
    rules = policy.rules(tool.name, tool.category)
    limits = ", ".join(f"{_most(limit):g} per {limit.window:g} s" for limit in rules.limits)
    price = f"{tool.price:g} USD" if tool.price else "free"
    return tool.name, tool.category, tool.risk, price, verdict(policy, tool.name), limits


def _most(limit: "Limit") -> float:
    """A limit's `max` in calls, US dollars or what its argument counts; an int where it is whole."""
    from alya_mcp.gate.rules import UNIT

    return limit.max // UNIT if limit.max % UNIT == 0 else limit.max / UNIT
