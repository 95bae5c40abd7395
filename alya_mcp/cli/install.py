"""`alya-mcp install` and `uninstall`: this server in the configuration of a client."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.app.client_configs.clients import CLIENTS, NAME, ClientApp, Launch, System
from alya_mcp.cli.output import Command, OutputFormat, can_ask, output_option, say, show_json
from alya_mcp.gate.documents.document import is_text
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings, SettingsError

if TYPE_CHECKING:
    from alya_mcp.install.change import FileChange
    from alya_mcp.install.installer import Installer

UNUSABLE = 1
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHOOSE_STATE = ("ALYA_HOME", "ALYA_POLICY", "ALYA_GRANT")
_CLIENT = click.Choice(sorted(CLIENTS))


def _common(command: Command) -> Command:
    command = output_option(command)
    command = click.option("--print", "printed", is_flag=True,
                           help="Print the file as it would be, and write nothing.")(command)  # fmt: skip
    command = click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                           help="The configuration file (default: the client's own).")(command)  # fmt: skip
    return click.argument("client", type=_CLIENT, metavar="CLIENT")(command)


@click.command(short_help="Add this server to a client's configuration.")
@_common
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE",
              help="A variable for the server; repeatable. No other variable is copied.")  # fmt: skip
@click.option("--link", is_flag=True, help="Print a link that adds the server at a click instead.")
def install(
    client: str,
    config: Path | None,
    printed: bool,
    output: OutputFormat,
    variables: Sequence[str],
    link: bool,
) -> int:
    """Add this server to the configuration of CLIENT, under the name alya-mcp.

    CLIENT is claude-code, claude-desktop, codex, cursor, gemini, goose, lm-studio, vscode, windsurf or zed.
    The change is one insertion: comments, order and layout of the file stay. It is backed up first, and an
    entry that is there is only corrected. On a terminal the change is shown and asked for.

    Exit codes: 0 done or nothing to do, 1 the file can't be used and is as it was, 2 unknown client or
    wrong usage.
    """
    from alya_mcp.install.command import NoCommand, launch

    environment = _environment(variables)
    try:
        command = launch(environment)
    except NoCommand as error:
        say(f"Error: {error}")
        return UNUSABLE
    if link:
        return _link(CLIENTS[client], command, output)
    _tell_of_state(environment)
    return _edit(client, config, printed, output, lambda installer: installer.adding(command), command)


@click.command(short_help="Take this server out of a client's configuration.")
@_common
def uninstall(client: str, config: Path | None, printed: bool, output: OutputFormat) -> int:
    """Take this server out of the configuration of CLIENT.

    A file that nothing else changed since gets its old bytes back; one that was made for this server goes.

    Exit codes: 0 done or nothing to do, 1 the file can't be used and is as it was, 2 unknown client or
    wrong usage.
    """
    return _edit(client, config, printed, output, lambda installer: installer.removing(), None)


def _link(client: ClientApp, command: Launch, output: OutputFormat) -> int:
    from alya_mcp.install.links import NoLink, link

    try:
        address = link(client, command)
    except NoLink as error:
        raise click.UsageError(f"{error}.") from None
    if output == "json":
        show_json({"client": client.name, "link": address})
    else:
        click.echo(address)
    return 0


def _edit(
    name: str,
    config: Path | None,
    printed: bool,
    output: OutputFormat,
    propose: "Callable[[Installer], FileChange]",
    command: Launch | None,
) -> int:
    from alya_mcp.app.client_configs.documents import Unusable
    from alya_mcp.install.installer import Done, Installer

    client = CLIENTS[name]
    file = expanded(config).absolute() if config else client.places(System.here())[0]
    installer = Installer(Settings.from_environment().home, client, file)
    try:
        change = propose(installer)
        if printed:
            return _print(change, name, output)
        if change.changes and can_ask() and not _agreed(change):
            done = Done(file, None, changed=False)
        else:
            done = installer.apply(change)
    except Unusable as error:
        say(f"Error: {error}")
        return UNUSABLE
    if output == "json":
        backup = None if done.backup is None else str(done.backup)
        show_json({"client": name, "file": str(file), "backup": backup, "changed": done.changed})
    _tell(client, change, done.changed, done.backup, command)
    return 0


def _print(change: "FileChange", name: str, output: OutputFormat) -> int:
    if output == "json":
        text = None if change.after is None else change.after.decode()
        show_json(
            {"client": name, "file": str(change.config.file), "backup": None, "changed": False, "text": text}
        )
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(change.after or b"")
    return 0


def _agreed(change: "FileChange") -> bool:
    """Show a change and ask for it."""
    before, after = ((data or b"").decode().splitlines() for data in (change.config.data, change.after))
    shown = tilde(change.config.file)
    say("\n".join(unified_diff(before, after, shown, shown, lineterm="", n=1)))
    return click.confirm(f"Change {shown}?", err=True)


def _tell(
    client: ClientApp, change: "FileChange", changed: bool, backup: Path | None, command: Launch | None
) -> None:
    shown = tilde(change.config.file)
    if not change.changes:
        held = f"starts {NAME} already" if command else f"doesn't start {NAME}"
        say(f"{client.title} {held}: nothing to change in {shown}.")
    elif not changed:
        say("Nothing was changed.")
    else:
        kept = f" Its old content is in {tilde(backup)}." if backup else ""
        then = client.then if command else client.gone
        say(f"{'Removed' if change.after is None else 'Changed'} {shown}.{kept} {then}")
    if command is None:
        return
    if unread := change.config.unread:
        say(f"{shown} has {unread}, which {client.title} may not read.")
    for name in change.config.ours:
        if name != NAME:
            say(f"{shown} starts alya-mcp as {name} too; take that entry out, or it runs twice.")


def _environment(variables: Sequence[str]) -> dict[str, str]:
    """The variables of the command line.

    Raises:
        click.UsageError: one isn't a pair, is repeated, or has a value that the server would refuse.
    """
    given: dict[str, str] = {}
    for each in variables:
        name, equals, value = each.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise click.UsageError(f"--env takes NAME=VALUE, not {name[:60]!r}.")
        if not is_text(value) or "\0" in value:
            raise click.UsageError(f"--env gives {name} a value that is not text in UTF-8.")
        if name in given:
            raise click.UsageError(f"--env gives {name} twice; give it once.")
        given[name] = value
    try:
        Settings.from_environment({"HOME": str(expanded("~")), **given})
    except SettingsError as error:
        raise click.UsageError(f"--env: {error}.") from None
    return given


def _tell_of_state(environment: dict[str, str]) -> None:
    for name in _CHOOSE_STATE:
        if os.environ.get(name) and name not in environment:
            say(f"{name} is set here, but not for the server; to give it: --env {name}=...")
