"""`alya-mcp policy check`: everything that is wrong with a policy file, before it is used."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show, show_json
from alya_mcp.text.plurals import counted

if TYPE_CHECKING:
    from alya_mcp.gate import Problem

HAS_ERRORS = 1
UNREADABLE = 2


@click.command(short_help="Find everything that is wrong with a policy file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@output_option
def check(file: Path, strict: bool, output: OutputFormat) -> int:
    """List everything that is wrong with the policy in FILE, each with line, column and JSON Pointer.

    A rule that contradicts its tool's parameters, so that it can never hold, is an error too. A rule for a
    tool that doesn't exist is an error under "default": "allow", and a warning elsewhere. A policy that can
    be used is followed by how many tools it allows, denies and so on, as `alya-mcp tools` lists them. FILE
    is JSON, or YAML where its name ends in .yaml or .yml.

    Exit codes: 0 the policy can be used, 1 it has errors, or with --strict warnings, 2 the file can't be
    read.
    """
    from alya_mcp.gate import Policy, PolicyError
    from alya_mcp.gate.policy import read_policy_file
    from alya_mcp.toolkit.listing import in_words, verdicts
    from alya_mcp.tools import tool_outlines

    try:
        data = read_policy_file(file)
    except PolicyError as error:
        say(f"Error: {error}")
        return UNREADABLE
    catalogue = tool_outlines()
    try:
        policy = Policy.loads(data, str(file), catalogue)
    except PolicyError as error:
        errors, warnings, digest = error.problems, (), None
        says = None
    else:
        says = verdicts(policy, catalogue.values())
        schemas = {tool.name: tool.schema for tool in catalogue.values()}
        errors, digest = policy.contradictions(schemas), policy.digest
        warnings = (*policy.warnings(catalogue), *policy.dodged(schemas))
    status = HAS_ERRORS if errors or (strict and warnings) else 0
    if output == "json":
        show_json(
            {
                "file": str(file),
                "ok": not status,
                "digest": digest,
                "tools": says,
                "errors": [_as_json(each) for each in errors],
                "warnings": [_as_json(each) for each in warnings],
            }
        )
        return status
    for kind, problems in (("error", errors), ("warning", warnings)):
        for each in problems:
            place = str(file) if each.line is None else f"{file}:{each.line}:{each.column}"
            show(f"{place}: {kind}: {each.pointer or '(top)'}: {each.message}")
    if errors:
        click.echo(f"{counted(len(errors), 'error')}; this policy can't be used")
    elif status:
        click.echo(f"{counted(len(warnings), 'warning')}; --strict counts them as errors")
    else:
        click.echo(f"ok, policy {(digest or '')[:12]}, tools: {in_words(says or {})}")
    return status


def _as_json(problem: "Problem") -> dict[str, object]:
    return asdict(problem)
