"""`alya-mcp approvals`: the user's yes or no to calls that wait for one."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import (
    OutputFormat,
    output_option,
    printable,
    say,
    say_unusable,
    show_json,
    show_table,
)
from alya_mcp.cli.times import moment
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.gate.approvals import ApprovalStore, KeptQuestion, Status, YesOrNo

CANT_ANSWER = 1
UNREADABLE = 2


@click.group(short_help="Say yes or no to calls that wait for a person.")
def approvals() -> None:
    """Answer calls whose policy wants a person's yes, where the client didn't get one.

    These are the calls whose client can't ask or where nobody answered it, and those that were declined
    there: a no is kept as long as a yes would hold, and a yes takes it back.

    A yes is good for one call with exactly the arguments that are shown, by the same caller and under the
    same policy; it holds as long as the policy says (600 s by default). Then the agent has to make the call
    again.
    """


@approvals.command("list", short_help="Show what waits for an answer.")
@click.option("--all", "everything", is_flag=True, help="Also what was used or has expired since yesterday.")
@output_option
def list_(everything: bool, output: OutputFormat) -> int:
    """Show the questions that wait for an answer, and the answers that still hold; the newest last.

    Exit codes: 0, or 2 when they can't be read.
    """
    with _store() as store:
        rows = [row for row in store.all() if everything or row[1] not in {"used", "expired"}]
    if output == "json":
        show_json([_as_json(*row) for row in rows])
    elif rows:
        show_table(
            [
                (
                    asked.id,
                    status,
                    asked.tool,
                    asked.grant,
                    moment(asked.created_ns),
                    moment(asked.expires_ns),
                )
                for asked, status in rows
            ],
            ("id", "status", "tool", "caller", "asked", "expires"),
        )
    else:
        say("Nothing waits for an answer.")
    return 0


@approvals.command(short_help="Show one question with its arguments.")
@click.argument("approval", metavar="ID")
@output_option
def show(approval: str, output: OutputFormat) -> int:
    """Show the question ID: who wants to call what, with which arguments, and how it stands.

    Exit codes: 0, 1 there is no such question, 2 the questions can't be read.
    """
    with _store() as store:
        asked, status = store.find(approval)
    _show(asked, status, output)
    return 0


@approvals.command(short_help="Let the call be made once.")
@click.argument("approval", metavar="ID")
@output_option
def approve(approval: str, output: OutputFormat) -> int:
    """Say yes to the question ID. The agent then has to make the call again, exactly as before.

    Exit codes: 0, 1 there is no such question or it can't be answered any more, 2 the questions can't be
    read or written.
    """
    return _answer(approval, "yes", output)


@approvals.command(short_help="Refuse the call.")
@click.argument("approval", metavar="ID")
@output_option
def deny(approval: str, output: OutputFormat) -> int:
    """Say no to the question ID; also takes back a yes that no call has used yet.

    Exit codes: 0, 1 there is no such question or it can't be answered any more, 2 the questions can't be
    read or written.
    """
    return _answer(approval, "no", output)


def _answer(approval: str, answer: "YesOrNo", output: OutputFormat) -> int:
    with _store() as store:
        asked, status = store.answer(approval, answer)
    if output == "json":
        show_json(_as_json(asked, status))
    else:
        what = f"{asked.tool} for {asked.grant}, until {moment(asked.expires_ns)}"
        click.echo(printable(f"{status} {asked.id}: {what}"))
    return 0


@contextmanager
def _store() -> Generator["ApprovalStore"]:
    """The questions of this machine.

    Raises:
        click.exceptions.Exit: after the reason is said: no such question, or they can't be used.
    """
    from alya_mcp.gate import SqliteState, StateError
    from alya_mcp.gate.approvals import Unanswerable

    state = SqliteState(Settings.from_environment().state_file)
    try:
        yield state.approvals
    except Unanswerable as error:
        say(f"Error: {error}")
        raise click.exceptions.Exit(CANT_ANSWER) from None
    except StateError as error:
        say_unusable(error)
        raise click.exceptions.Exit(UNREADABLE) from None
    finally:
        state.close()


def _show(asked: "KeptQuestion", status: "Status", output: OutputFormat) -> None:
    if output == "json":
        show_json(_as_json(asked, status))
        return
    show_table(
        [
            ("status", status),
            ("tool", asked.tool),
            ("caller", asked.grant),
            ("rule", asked.rule),
            ("asked", moment(asked.created_ns)),
            ("expires", moment(asked.expires_ns)),
            *([("answered by", asked.way)] if asked.way else []),
        ]
    )
    click.echo(printable(asked.message))


def _as_json(asked: "KeptQuestion", status: "Status") -> dict[str, Any]:
    return {
        "id": asked.id,
        "status": status,
        "tool": asked.tool,
        "caller": asked.grant,
        "rule": asked.rule,
        "who": asked.who,
        "message": asked.message,
        "arguments": json.loads(asked.arguments),
        "asked": moment(asked.created_ns),
        "expires": moment(asked.expires_ns),
        "answeredBy": asked.way,
    }
