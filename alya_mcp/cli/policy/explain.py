"""`alya-mcp policy explain`: what a policy says of one call, rule by rule."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.arguments import Given, UnknownTool, tool_names
from alya_mcp.cli.output import OutputFormat, output_option, say, show, show_json, show_table
from alya_mcp.cli.policies import exit_code, read_policy, settings_with

if TYPE_CHECKING:
    from alya_mcp.gate import Decision, State, Step
    from alya_mcp.settings import Settings


@click.command(short_help="Trace what the policy says of one call.")
@click.argument("tool", shell_complete=tool_names)
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--args", "document", metavar="JSON", help="Arguments as one JSON object.")
@click.option("--policy", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="The policy to ask (default: the one a server would obey).")  # fmt: skip
@click.option("--live", is_flag=True, help="Count what was used so far by this grant and on this machine.")
@output_option
def explain(
    tool: str,
    words: tuple[str, ...],
    document: str | None,
    file: Path | None,
    live: bool,
    output: OutputFormat,
) -> int:
    """Show, rule by rule, what the policy would say of a call of TOOL by a new session.

    Every rule stands with what it saw: ok, deny or ask, and shadow for one that would refuse the call if
    it were enforced. Calls nothing and counts nothing. Arguments are given as to `alya-mcp call`. Without
    --live nothing was used so far, and a stop by `alya-mcp stop` isn't looked at.

    Exit codes: 0 allowed, 1 the arguments don't fit, 2 wrong usage or no such tool, 3 denied, 4 a person
    would have to approve it first.
    """
    from alya_mcp.gate import Call, FileSwitch, Gate, StateError
    from alya_mcp.tools import load_catalogue

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
        grant=_grant(settings),
        schema=known.digest,
        price=known.price,
        priced_per=known.priced_per,
        category=known.category,
        validate=known.validate,
    )
    try:
        with _state(settings, live) as state:
            switch = FileSwitch(settings.stop_file) if live else None
            trace = Gate(in_force.policy, state, switch=switch).explain(call)
    except StateError as error:
        raise click.UsageError(f"What was used so far can't be read: {error}\n-> {error.remedy}") from None
    decision = trace.decision
    if output == "json":
        steps = [asdict(step) for step in trace.steps]
        show_json({"file": str(in_force.path), **decision.as_meta(), "steps": steps})
    else:
        show_steps(trace.steps, decision)
        say(f"Policy: {in_force.source}")
    return exit_code(decision.decision, decision.rule)


def show_steps(steps: "tuple[Step, ...]", decision: "Decision") -> None:
    """Print a trace as a table, and the decision below it."""
    rows = [(_mark(step, decision), step.rule, step.asks, step.seen) for step in steps]
    show_table(rows, ("", "rule", "asks that", "saw"))
    show(": ".join(filter(None, (decision.decision, decision.message))))


def _mark(step: "Step", decision: "Decision") -> str:
    if step.held:
        return "ok"
    if step.shadow:
        return "shadow"
    return "ask" if decision.decision == "ask" and step.rule == decision.rule else "deny"


def _grant(settings: "Settings") -> str | None:
    from alya_mcp.gate import StateError
    from alya_mcp.toolkit.caller import LOCAL, calling_grant

    if settings.grant is None:
        return LOCAL
    try:
        grant = calling_grant(settings)
    except StateError as error:
        raise click.UsageError(f"The grants can't be read: {error}\n-> {error.remedy}") from None
    return None if grant is None else grant.label


@contextmanager
def _state(settings: "Settings", live: bool) -> "Generator[State | None]":
    """The state in which a server counts, if it is asked for and there is one yet.

    Raises:
        StateError: it can't be used, so a server would deny every call.
    """
    from alya_mcp.gate import SqliteState
    from alya_mcp.gate.paths import is_absent

    if not live or is_absent(settings.state_file):
        yield None
        return
    state = SqliteState(settings.state_file)
    try:
        state.ready()
        yield state
    finally:
        state.close()
