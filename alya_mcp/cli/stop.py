"""`alya-mcp stop` and `resume`: the kill switch."""

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings

UNUSABLE = 2


@click.command(short_help="Deny every call until resume.")
@output_option
def stop(output: OutputFormat) -> int:
    """Deny every call of every server that keeps its state where this command does, from the next call on.

    Callers are told that the user stopped all calls; the rule is (stopped). A call that runs already goes on:
    its client can cancel it. It holds across restarts, until: alya-mcp resume.

    Exit codes: 0 every call is denied, 2 the state can't be written and calls still run.
    """
    from alya_mcp.app.stop import stop_calls

    settings = Settings.from_environment()
    try:
        since = stop_calls(settings)
    except OSError as error:
        say(f"Error: calls are NOT stopped: {tilde(settings.stop_file)} can't be written: {_plain(error)}")
        return UNUSABLE
    if output == "json":
        show_json({"stopped": True, "since": None if since is None else since.isoformat(timespec="seconds")})
    else:
        click.echo(
            f"Stopped: every call of the servers that keep their state in {tilde(settings.home)} is denied "
            "from now on. Let them run again: alya-mcp resume"
        )
    return 0


@click.command(short_help="Let calls run again after stop.")
@output_option
def resume(output: OutputFormat) -> int:
    """Let calls run again, as the policy says, after alya-mcp stop.

    Exit codes: 0 calls run, 2 the state can't be written and calls stay stopped.
    """
    from alya_mcp.app.stop import resume_calls

    settings = Settings.from_environment()
    try:
        were = resume_calls(settings)
    except OSError as error:
        say(f"Error: calls stay stopped: {tilde(settings.stop_file)} can't be removed: {_plain(error)}")
        return UNUSABLE
    if output == "json":
        show_json({"stopped": False, "changed": were})
    else:
        click.echo("Calls run again, as the policy says." if were else "Calls were not stopped.")
    return 0


def _plain(error: OSError) -> str:
    return error.strerror or str(error)
