"""`alya-mcp tools`: what the catalogue holds and what the policy says of each tool."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.bounds import lines
from alya_mcp.cli.output import Output, output_option, say, show_json, show_table
from alya_mcp.cli.policies import read_policy, settings_with

if TYPE_CHECKING:
    from alya_mcp.gate import Policy
    from alya_mcp.toolkit.tool import Tool

_HEADINGS = ("tool", "category", "risk", "price", "policy", "limits")


@click.command(short_help="List the tools and what the policy says of each.")
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="The policy to show.")
@output_option
def tools(policy: Path | None, output: Output) -> int:
    """List every tool: category, risk, price in USD per call, and what the policy says of it.

    The policy says allow, deny, ask (a person has to say yes), shadow (allowed, and logged as if it weren't)
    or hidden. A tool that is hidden is listed here and nowhere else: to a client it doesn't exist. Limits
    that count all tools together stand below.
    """
    from alya_mcp.tools import load_catalogue

    in_force = read_policy(settings_with(policy))
    catalogue = load_catalogue()
    if output == "json":
        listed = [_as_json(tool, in_force.policy) for tool in catalogue.values()]
        show_json({"file": str(in_force.path), "digest": in_force.policy.digest, "tools": listed})
        return 0
    show_tools(catalogue.values(), in_force.policy)
    say(f"Policy: {in_force.source}")
    return 0


def show_tools(tools: "Iterable[Tool]", policy: "Policy") -> None:
    """Print a table of `tools` and what `policy` says of each."""
    every: dict[str, str] = {}
    rows: list[tuple[str, ...]] = []
    for tool in tools:
        summary = policy.summary(tool.name, tool.category)
        found = list(lines(summary))
        every |= {each.of.rule: each.words for each in found if each.of.every_tool}
        metered = policy.price(tool.name, tool.price)
        price = f"{metered:g} USD" if metered else "free"
        own = ", ".join(each.words for each in found if not each.of.every_tool)
        rows.append((tool.name, tool.category, tool.risk, price, summary.verdict, own))
    if every:
        rows.append(("(all tools)", "", "", "", "", ", ".join(every.values())))
    show_table(rows, _HEADINGS)


def _as_json(tool: "Tool", policy: "Policy") -> dict[str, object]:
    summary = policy.summary(tool.name, tool.category)
    return {
        "name": tool.name,
        "title": tool.title,
        "category": tool.category,
        "risk": tool.risk,
        "priceUsd": policy.price(tool.name, tool.price),
        "policy": summary.verdict,
        "rule": summary.rule,
        "limits": [each.as_json() for each in lines(summary)],
    }
