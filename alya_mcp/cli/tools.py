"""`alya-mcp tools`: the catalogue, or one tool with its parameters, and what the policy says of each."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.arguments import UnknownTool, tool_names
from alya_mcp.cli.output import OutputFormat, output_option, say, show, show_json, show_table
from alya_mcp.cli.policies import read_policy, settings_with
from alya_mcp.toolkit.bounds import lines

if TYPE_CHECKING:
    from alya_mcp.gate import Policy
    from alya_mcp.toolkit.tool import Tool
    from alya_mcp.tools import ToolOutline

_HEADINGS = ("tool", "category", "risk", "price", "policy", "limits")


@click.command(short_help="List the tools and what the policy says of each.")
@click.argument("name", required=False, shell_complete=tool_names)
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="The policy to show.")
@output_option
def tools(name: str | None, policy: Path | None, output: OutputFormat) -> int:
    """List every tool: category, risk, price in USD per call, and what the policy says of it.

    The policy says allow, deny, ask (a person has to say yes), shadow (allowed, and logged as if it weren't)
    or hidden. A tool that is hidden is listed here and nowhere else: to a client it doesn't exist. Limits
    that count all tools together stand below.

    With NAME, show that tool: what it does, what the policy says of it, and each parameter with its type,
    bounds, default and description.
    """
    from alya_mcp.tools import NAMES, load_catalogue, tool_outlines

    in_force = read_policy(settings_with(policy))
    if name is not None and name not in NAMES:
        raise UnknownTool(name, NAMES)
    file = {"file": str(in_force.path), "digest": in_force.policy.digest}
    if name is None:
        outlines = tool_outlines().values()
        if output == "json":
            show_json({**file, "tools": [_as_json(tool, in_force.policy) for tool in outlines]})
            return 0
        show_tools(outlines, in_force.policy)
    else:
        tool = load_catalogue()[name]
        if output == "json":
            own = {"description": tool.description, "parameters": tool.schema}
            show_json({**file, **_as_json(tool, in_force.policy), **own})
            return 0
        _show_tool(tool, in_force.policy)
    say(f"Policy: {in_force.source}")
    return 0


def _show_tool(tool: "Tool", policy: "Policy") -> None:
    from alya_mcp.cli.parameters import HEADINGS, parameters

    summary = policy.summary(tool.name, tool.category)
    each = "a call" if tool.priced_per is None else f"times `{tool.priced_per}`"
    verdict = summary.verdict + (f": {summary.reason}" if summary.reason else "")
    rows = [
        ("tool", f"{tool.name}: {tool.title}"),
        ("category", tool.category),
        ("risk", tool.risk),
        ("price", _price(tool, policy) + (f" {each}: a meter for budgets, not a bill" if tool.price else "")),
        ("policy", f"{verdict} ({summary.rule})" if summary.rule else verdict),
    ]
    for number, each in enumerate(lines(summary)):
        of_all = ", all tools together" if each.of.every_tool else ""
        rows.append(("" if number else "limits", f"{each.words}{of_all}"))
    show_table(rows)
    show(f"\n{tool.description}\n")
    takes = list(parameters(tool.schema))
    if takes:
        show_table(takes, HEADINGS)
    else:
        show("No parameters.")


def show_tools(tools: "Iterable[Tool | ToolOutline]", policy: "Policy") -> None:
    """Print a table of `tools` and what `policy` says of each."""
    every: dict[str, str] = {}
    rows: list[tuple[str, ...]] = []
    for tool in tools:
        summary = policy.summary(tool.name, tool.category)
        found = list(lines(summary))
        every |= {each.of.rule: each.words for each in found if each.of.every_tool}
        own = ", ".join(each.words for each in found if not each.of.every_tool)
        rows.append((tool.name, tool.category, tool.risk, _price(tool, policy), summary.verdict, own))
    if every:
        rows.append(("(all tools)", "", "", "", "", ", ".join(every.values())))
    show_table(rows, _HEADINGS)


def _price(tool: "Tool | ToolOutline", policy: "Policy") -> str:
    from alya_mcp.gate.numbers import usd

    metered = policy.price(tool.name, tool.price)
    return usd(metered) if metered else "free"


def _as_json(tool: "Tool | ToolOutline", policy: "Policy") -> dict[str, object]:
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
