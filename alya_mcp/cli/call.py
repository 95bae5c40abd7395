"""`alya-mcp call`: one tool call from a terminal, through the same server and gate as an agent's."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.arguments import Given, tool_names
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.cli.policies import TOOL_ERROR, exit_code, read_policy, settings_with
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from mcp_types import CallToolResult


@click.command(short_help="Call a tool through the gate and show its answer.")
@click.argument("tool", shell_complete=tool_names)
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--args", "document", metavar="JSON", help="Arguments as one JSON object, - for standard input."
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The policy to obey.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Give up after S seconds."
)
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also download what the answer links to, such as the picture.")  # fmt: skip
@output_option
def call(
    tool: str, words: tuple[str, ...], document: str | None, policy: Path | None, timeout: float | None,
    save: Path | None, output: OutputFormat,
) -> int:  # fmt: skip
    """Call TOOL through the gate, as an agent would, and show its answer.

    Starts the server, makes the call and ends the server. A value is read as what the tool takes there: a
    number where it takes one, else text; key:=JSON passes any JSON value.

    \b
    Examples:
      alya-mcp call image_gen prompt="a red circle" seed=7
      alya-mcp call alya_usage window=day --output json

    Where the policy wants a person's yes, you are asked on a terminal; elsewhere the command that gives the
    yes is shown.

    JSON output is the result as it came over the protocol (CallToolResult), also when it is an error.

    Exit codes: 0 the tool answered, 1 the tool failed or its arguments don't fit, 2 wrong usage or no such
    tool, 3 the policy denied the call, 4 a person has to approve it first, 130 stopped by Ctrl-C.
    """
    if document == "-":
        document = sys.stdin.read()
    given = Given(words, document)
    if save is not None and not save.absolute().parent.is_dir():
        raise click.UsageError(f"The folder of --save {save} doesn't exist; make it first.")
    _warn_of_broken_policy(settings_with(policy))
    result = _ask(tool, given, policy, timeout)
    if output == "json":
        show_json(result.model_dump(mode="json", by_alias=True, exclude_none=True))
    else:
        from alya_mcp.cli.present import show_result

        show_result(result)
    if result.is_error:
        return _error_code(result)
    return 0 if save is None else _save(result, save)


def _ask(tool: str, given: Given, policy: Path | None, timeout: float | None) -> "CallToolResult":
    import anyio

    from alya_mcp.cli.asking import UserAtTheTerminal
    from alya_mcp.cli.client import NoAnswer, call_tool
    from alya_mcp.cli.output import can_ask
    from alya_mcp.cli.progress import ProgressLine

    async def ask() -> "CallToolResult":
        with ProgressLine() as progress, progress.words() as words:
            person = UserAtTheTerminal(progress) if can_ask() else None
            return await call_tool(
                tool, given.read, policy=policy, seconds=timeout, progress=progress, words=words,
                person=person,
            )  # fmt: skip

    try:
        return anyio.run(ask)
    except NoAnswer as failure:
        raise click.ClickException(str(failure)) from None


def _warn_of_broken_policy(settings: Settings) -> None:
    """Say what the server tells only its log: that a wrong policy file denies every call."""
    try:
        read_policy(settings)
    except click.UsageError as error:
        say(f"Warning: {error.message}")


def _error_code(result: "CallToolResult") -> int:
    decision = (result.meta or {}).get("alya/decision")
    return TOOL_ERROR if decision is None else exit_code(decision["decision"], decision["rule"])


def _save(result: "CallToolResult", target: Path) -> int:
    from alya_mcp.cli.download import DownloadError, download

    try:
        saved = download(result, target)
    except DownloadError as error:
        say(f"Error: {error}")
        return TOOL_ERROR
    for place, size in saved:
        say(f"Saved {place} ({size:,} bytes).")
    return 0
