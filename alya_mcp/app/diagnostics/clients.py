"""Checks of client configurations: whether they start this server."""

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from alya_mcp.app.client_configs.clients import CLIENTS, Client, Launch, System
from alya_mcp.app.client_configs.documents import Unusable, load
from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings, SettingsError

_PART = "clients"


def clients(home: Path, system: System | None = None) -> Iterator[Check]:
    """Every configuration of a known client and what it says of alya-mcp; `home` is this shell's state."""
    here = system or System.here()
    without: list[str] = []
    starts = False
    for client in CLIENTS.values():
        for file in dict.fromkeys(client.places(here)):
            try:
                config = load(client, file)
                ours = config.ours
            except Unusable as error:
                yield fail(_part(client), str(error), f"Correct it: {client.title} can't use it as it is.")
                continue
            starts = starts or bool(ours)
            if ours and (unread := config.unread):
                detail = f"{tilde(file)} has {unread}, which {client.title} may not read"
                yield warn(_part(client), detail, "Take it out: the client may ignore the whole file.")
            if config.data is not None and not ours:
                without.append(client.name)
            for name, server in ours.items():
                yield from _server(client, file, name, server)
                yield from _state(client, name, server, home)
    if without and not starts:
        names = ", ".join(CLIENTS[name].title for name in without)
        yield warn(_PART, f"not known to {names}", f"Run: alya-mcp install {without[0]}")
    elif without:
        yield ok(_PART, f"not known to {', '.join(CLIENTS[name].title for name in without)}")
    elif not starts:
        yield ok(_PART, "no client's configuration is here; `alya-mcp install CLIENT` writes one")


def _part(client: Client) -> str:
    return client.title.lower()


def _server(client: Client, file: Path, name: str, server: object) -> Iterator[Check]:
    part, shown = _part(client), tilde(file)
    launch = client.launch(server)
    remedy = f"Run: alya-mcp install {client.name}"
    if launch is None:
        yield fail(part, f"{shown}: the server {name} has no command", remedy)
    elif not _is_path(launch):
        detail = f"{shown}: the command of {name} is {launch.command}, which {client.title} may not find"
        yield warn(part, detail, f"Desktop programs have a short PATH. {remedy}")
    elif shutil.which(expanded(launch.command)) is None:
        detail = (
            f"{shown}: the command of {name} is {tilde(launch.command)}, which doesn't exist or can't be run"
        )
        yield fail(part, detail, remedy)
    else:
        yield ok(part, f"{shown} starts {tilde(launch.command)} as {name}")


def _is_path(launch: Launch) -> bool:
    return os.sep in launch.command or bool(os.altsep and os.altsep in launch.command)


def _state(client: Client, name: str, server: object, home: Path) -> Iterator[Check]:
    """Whether a server keeps its state where the commands of this shell look for it."""
    launch = client.launch(server)
    held: Mapping[str, str] = {} if launch is None else launch.environment or {}
    variables = {key: value for key, value in os.environ.items() if not key.startswith("ALYA_")}
    try:
        other = Settings.from_environment(variables | dict(held)).home
    except SettingsError as error:
        yield fail(_part(client), f"{name} doesn't start with its variables: {error}", "Correct them there.")
        return
    if other != home:
        yield warn(
            _part(client),
            f"the server {name} keeps its state in {tilde(other)}; this looked at {tilde(home)}",
            "For its audit log, approvals and grants, put before each command: "
            f"ALYA_HOME={shlex.quote(str(other))}",
        )
