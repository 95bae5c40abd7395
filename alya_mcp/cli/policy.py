"""`alya-mcp policy`: checks a policy before it is used, and explains what one says of a call."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.arguments import Given, UnknownTool
from alya_mcp.cli.output import Output, output_option, printable, say, show_json, show_table
from alya_mcp.cli.policies import exit_code, read_policy, settings_with

if TYPE_CHECKING:
    from alya_mcp.gate import Problem

HAS_ERRORS = 1
UNREADABLE = 2


@click.group(short_help="Check a policy, or explain what it says of a call.")
def policy() -> None:
    """Check a policy file, or explain what the policy says of a call."""


@policy.command(short_help="Find everything that is wrong with a policy file.")
@click.argument("file", type=click.Path(path_type=Path))
@output_option
def check(file: Path, output: Output) -> int:
    """List everything that is wrong with the policy in FILE, each with line, column and JSON Pointer.

    A rule for a tool that doesn't exist is a warning.

    Exit codes: 0 the policy can be used, 1 it has errors, 2 the file can't be read.
    """
    from alya_mcp.catalogue import load_catalogue
    from alya_mcp.gate import Policy, PolicyError
    from alya_mcp.gate.policy import read_policy_file

    try:
        data = read_policy_file(file)
    except PolicyError as error:
        say(f"Error: {error}")
        return UNREADABLE
    try:
        policy = Policy.loads(data, str(file))
    except PolicyError as error:
        errors, warnings, digest = error.problems, (), None
    else:
        errors, warnings, digest = (), policy.warnings(load_catalogue()), policy.digest
    if output == "json":
        show_json(
            {
                "file": str(file),
                "ok": not errors,
                "digest": digest,
                "errors": [_as_json(each) for each in errors],
                "warnings": [_as_json(each) for each in warnings],
            }
        )
        return HAS_ERRORS if errors else 0
    for kind, problems in (("error", errors), ("warning", warnings)):
        for each in problems:
            place = str(file) if each.line is None else f"{file}:{each.line}:{each.column}"
            click.echo(printable(f"{place}: {kind}: {each.pointer or '(top)'}: {each.message}"))
    if errors:
        click.echo(f"{len(errors)} {'error' if len(errors) == 1 else 'errors'}; this policy can't be used")
    else:
        click.echo(f"ok, policy {(digest or '')[:12]}")
    return HAS_ERRORS if errors else 0


@policy.command(short_help="Trace what the policy says of one call.")
@click.argument("tool")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--args", "document", metavar="JSON", help="Arguments as one JSON object.")
@click.option("--policy", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="The policy to ask (default: the one a server would obey).")  # fmt: skip
@output_option
def explain(
    tool: str, words: tuple[str, ...], document: str | None, file: Path | None, output: Output
) -> int:
    """Show, rule by rule, what the policy would say of a call of TOOL by a new session.

    Calls nothing and counts nothing. Arguments are given as to `alya-mcp call`.

    Exit codes: 0 allowed, 1 the arguments don't fit, 2 wrong usage or no such tool, 3 denied, 4 a person
    would have to approve it first.
    """
    from alya_mcp.catalogue import load_catalogue
    from alya_mcp.gate import Call, Gate

    given = Given(words, document)
    settings = settings_with(file)
    in_force = read_policy(settings)
    catalogue = load_catalogue()
    known = catalogue.get(tool)
    if known is None:
        raise UnknownTool(tool, catalogue)
    call = Call(
        tool=tool,
        arguments=given.read(known.schema),
        session="explain",
        grant="local" if settings.grant is None else None,
        schema=known.digest,
        price=known.price,
        category=known.category,
        validate=known.validate,
    )
    trace = Gate(in_force.policy).explain(call)
    decision = trace.decision
    if output == "json":
        steps = [asdict(step) for step in trace.steps]
        show_json({"file": str(in_force.path), **decision.as_meta(), "steps": steps})
    else:
        steps = [("ok" if step.held else "deny", step.rule, step.asks, step.seen) for step in trace.steps]
        show_table(steps, ("", "rule", "asks that", "saw"))
        click.echo(": ".join(filter(None, (decision.decision, printable(decision.message)))))
        say(f"Policy: {in_force.source}")
    return exit_code(decision.decision, decision.rule)


def _as_json(problem: "Problem") -> dict[str, object]:
    return asdict(problem)
