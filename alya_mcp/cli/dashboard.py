"""`alya-mcp dashboard`: the local web page for approvals, activity and settings."""

import sys

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.settings import Settings

UNUSABLE = 2


@click.command(short_help="Decide, watch and look in a browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="any free one",
              help="The port of 127.0.0.1 to serve on.")  # fmt: skip
@click.option("--no-open", is_flag=True, help="Print the link and open no browser.")
@output_option
def dashboard(port: int, no_open: bool, output: OutputFormat) -> int:
    """Serve a page on this machine alone: approve calls, watch what runs and what it costs, look at pictures,
    search the audit log, edit the policy, see what works. Ends with Ctrl-C.

    The link that is printed signs one browser in, once and within five minutes. While a dashboard runs, this
    command prints another link to it.

    Exit codes: 0 a link to a running dashboard, 2 it can't be served, 130 ended by Ctrl-C.
    """
    from alya_mcp.dashboard.serving import CantServe, new_link, open_browser, running_at, serve

    settings = Settings.from_environment()

    def tell(at: int) -> None:
        link = new_link(settings, at)
        if output == "json":
            show_json({"url": link, "port": at})
        else:
            click.echo(link)
        sys.stdout.flush()
        if not no_open and open_browser(settings, link):
            say("It opens in your browser; the link is good once.")
        else:
            say("Open the link in your browser; it is good once, within five minutes.")

    try:
        there = running_at(settings)
        if there is not None:
            tell(there)
            return 0
        serve(settings, port, tell)
    except CantServe as error:
        say(f"Error: {error}")
        return UNUSABLE
    except OSError as error:
        say(f"Error: the dashboard's files in ALYA_HOME can't be used: {error.strerror or error}")
        return UNUSABLE
    return 0
