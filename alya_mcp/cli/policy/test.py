"""`alya-mcp policy test`: whether a policy decides as written cases expect."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show, show_json
from alya_mcp.cli.policies import facts_of, read_policy, settings_with
from alya_mcp.cli.policy.explain import show_steps
from alya_mcp.text.plurals import counted

if TYPE_CHECKING:
    from alya_mcp.gate import Policy
    from alya_mcp.gate.simulation.cases import Difference

DIFFERENT = 1
UNREADABLE = 2


@click.command(short_help="Play cases, and show where the policy decides otherwise.")
@click.argument("cases", type=click.Path(path_type=Path))
@click.option("--policy", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="The policy to test (default: the one a server would obey).")  # fmt: skip
@click.option("--schemas", is_flag=True, help="Also check tool names and arguments, as a server does.")
@output_option
def test(cases: Path, file: Path | None, schemas: bool, output: OutputFormat) -> int:
    """Play the calls in CASES through the gate on a clock of their own, and compare each decision.

    CASES is a list of sessions, as docs/policy-tools.md shows. A session's own policy goes before the one
    that is tested. Nothing is called, and nothing is counted elsewhere. Tools' prices and categories are
    the catalogue's; other names are free and in no category.

    Exit codes: 0 all as expected, 1 some are not, 2 a file is wrong or can't be read.
    """
    import anyio

    from alya_mcp.gate.documents.document import LARGEST
    from alya_mcp.gate.simulation.cases import CasesError, differences, read_cases
    from alya_mcp.tools import NAMES

    try:
        with cases.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        sessions = read_cases(data, str(cases), NAMES)
    except OSError as error:
        say(f"Error: {cases} can't be read: {error.strerror or error}")
        return UNREADABLE
    except CasesError as error:
        say(f"Error: {error}")
        return UNREADABLE
    settings = settings_with(file)
    called = {case.tool for session in sessions for case in session.cases}

    def tested() -> "Policy":
        return read_policy(settings, called).policy

    found = anyio.run(differences, sessions, tested, facts_of(schemas=schemas))
    calls = sum(len(session.cases) for session in sessions)
    if output == "json":
        show_json(
            {
                "file": str(cases),
                "ok": not found,
                "sessions": len(sessions),
                "calls": calls,
                "differences": [_as_json(each) for each in found],
            }
        )
    else:
        for each in found:
            _show(cases, each)
        played = f"{counted(calls, 'call')} in {counted(len(sessions), 'session')}"
        click.echo(f"{len(found)} of {played} not as expected" if found else f"ok: {played} as expected")
    return DIFFERENT if found else 0


def _show(cases: Path, difference: "Difference") -> None:
    from alya_mcp.gate.numbers import plain

    case, got = difference.case, difference.got
    show(
        f"{cases}:{case.line}: {difference.session}, call {difference.number} "
        f"({case.tool} at {plain(case.at_ns / 1e9)} s): "
        f"expected {_decision(case.expect, case.rule)}, got {_decision(got.decision, got.rule)}"
    )
    show_steps(difference.trace.steps, got)
    click.echo()


def _decision(decision: str, rule: str | None) -> str:
    return decision if rule is None else f"{decision} by {rule}" if rule else f"{decision} by no rule"


def _as_json(difference: "Difference") -> dict[str, Any]:
    from dataclasses import asdict

    case, got = difference.case, difference.got
    return {
        "session": difference.session,
        "call": difference.number,
        "line": case.line,
        "at": case.at_ns / 1e9,
        "tool": case.tool,
        "expected": {"decision": case.expect, "rule": case.rule},
        "got": got.as_meta(),
        "steps": [asdict(step) for step in difference.trace.steps],
    }
