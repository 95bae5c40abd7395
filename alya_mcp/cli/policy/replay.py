"""`alya-mcp policy replay`: which past decisions another policy would change."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show, show_json, show_table
from alya_mcp.cli.policies import facts_of, read_policy, settings_with
from alya_mcp.cli.times import of_record
from alya_mcp.text.plurals import counted

if TYPE_CHECKING:
    from alya_mcp.gate.simulation.replay import ChangedDecision, Replayed

CHANGED = 1
UNREADABLE = 2
_HEADINGS = ("time", "session", "tool", "was", "would be", "by")


@click.command(short_help="Show which past decisions another policy would change.")
@click.argument("audit", type=click.Path(path_type=Path))
@click.option("--policy", "file", type=click.Path(path_type=Path), metavar="FILE", required=True,
              help="The policy to judge by.")  # fmt: skip
@output_option
def replay(audit: Path, file: Path, output: OutputFormat) -> int:
    """Judge the calls in AUDIT, an audit folder or file, by another policy, and show what it would change.

    Calls are counted at the times and with the outcomes of the log. The log holds no argument's value, so
    what hangs on a rule that needs one can't be judged: such calls are counted by rule, never guessed, and
    count as let through. docs/policy-tools.md says what else is assumed. Nothing is called or recorded.

    Exit codes: 0 no decision would change, 1 some would, 2 the log or the policy can't be read.
    """
    import anyio

    from alya_mcp.gate import AuditError
    from alya_mcp.gate.simulation import records
    from alya_mcp.gate.simulation import replay as past

    in_force = read_policy(settings_with(file))
    try:
        found = anyio.run(past.replay, records.read_records(audit), in_force.policy, facts_of())
    except AuditError as error:
        say(f"Error: {error}")
        return UNREADABLE
    if output == "json":
        show_json(_as_json(found))
    else:
        _show(found)
        say(f"Policy: {in_force.source}")
    return CHANGED if found.changes else 0


def _show(found: "Replayed") -> None:
    if found.changes:
        show_table([_row(each) for each in found.changes], _HEADINGS)
        click.echo()
    unjudged = sum(found.unjudged.values())
    show(
        f"{counted(found.calls, 'call')}: {found.same:,} decided as before, "
        f"{len(found.changes):,} otherwise, {unjudged:,} can't be judged"
    )
    for rules, count in found.unjudged.items():
        say(f"what the log doesn't hold decides {counted(count, 'call')}: {', '.join(rules)}")
    for rule, count in found.shadow.items():
        say(f"{count:,} would be refused by {rule} if it were enforced")
    if found.unchecked:
        unchecked = counted(found.unchecked, "call")
        say(f"refused before the arguments were checked, which count as fitting: {unchecked}")
    if found.skipped:
        say(f"left out, as they tell of no decision by a policy: {counted(found.skipped, 'record')}")


def _row(change: "ChangedDecision") -> tuple[str, ...]:
    record, now = change.record, change.now
    return (
        of_record(record["time"]),
        str(record["session"])[:8],
        str(record["tool"]),
        str(record["decision"]),
        now.decision,
        now.rule or str(record["rule"]),
    )


def _as_json(found: "Replayed") -> dict[str, Any]:
    return {
        "calls": found.calls,
        "same": found.same,
        "skipped": found.skipped,
        "uncheckedArguments": found.unchecked,
        "changes": [
            {
                **{name: each.record.get(name) for name in ("time", "seq", "session", "grant", "tool")},
                "was": {"decision": each.record["decision"], "rule": each.record["rule"]},
                "now": each.now.as_meta(),
            }
            for each in found.changes
        ],
        "unjudged": [{"rules": list(rules), "calls": count} for rules, count in found.unjudged.items()],
        "shadow": [{"rule": rule, "calls": count} for rule, count in found.shadow.items()],
    }
