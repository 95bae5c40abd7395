"""The command line `alya-mcp`: its commands and their exit codes.

Exit codes that every command shares: 2 for wrong usage (and for a file that can't be read), 130 after Ctrl-C.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final, NoReturn

import click

from alya_mcp import __version__
from alya_mcp.cli.output import say
from alya_mcp.settings import SettingsError

INTERRUPTED = 130
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@click.command()
@click.option("--policy", metavar="FILE", help="The policy to obey.")
def serve(policy: str | None) -> NoReturn:
    """Serve MCP over standard input and output; a client starts this."""
    from alya_mcp.cli.serve import main

    main([] if policy is None else ["--policy", policy])


_MODULES: Final = {
    "call": "call",
    "tools": "tools",
    "policy": "policy",
    "approvals": "approvals",
    "dashboard": "dashboard",
    "stop": "stop",
    "resume": "stop",
    "grants": "grants",
    "audit": "audit",
    "decisions": "decisions",
    "gems": "gems",
    "antiques": "antiques",
    "youtube": "youtube",
    "model": "model",
    "engine": "engine",
    "install": "install",
    "uninstall": "install",
    "doctor": "doctor",
    "serve": "main",
}
"""The module of `alya_mcp.cli` that has each command."""


class _Commands(Mapping[str, click.Command]):
    """The commands, each imported when it is first looked up: all of them take 0.2 s."""

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __getitem__(self, name: str) -> click.Command:
        return getattr(import_module(f"alya_mcp.cli.{_MODULES[name]}"), name)


class _InOrder(click.Group):
    """Commands in the order in which users need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base class's signature
        return list(self.commands)


@click.group(
    cls=_InOrder,
    commands=_Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command, alya-mcp serves MCP over standard input and output, as clients start it.",
)
@click.version_option(__version__, prog_name="alya-mcp", message="%(prog)s %(version)s")
def group() -> None:
    """Tools for agents behind a policy gate; images by FLUX.1-schnell on your own GPU."""


def main(placeholders: Mapping[str, str]) -> NoReturn:
    """Run the command that the process's arguments name, and end the process.

    `placeholders` are the variables that a client left unfilled, for `doctor`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(placeholders)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_output()
        status = 1
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _leave_output()
        click.echo(f"Error: nothing more can be written: {error.strerror}", err=True)
        status = 2
    sys.exit(status)


def _leave_output() -> None:
    """Lead standard output nowhere, so that what is left of it raises nothing at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(placeholders: Mapping[str, str]) -> int:
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        return group.main(prog_name="alya-mcp", standalone_mode=False, color=colour, obj=placeholders) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SettingsError as error:
        say(f"Error: {error}")
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return INTERRUPTED
