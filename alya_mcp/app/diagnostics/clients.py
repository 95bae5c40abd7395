"""Checks of client configurations: whether they start this server."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from alya_mcp.app.client_configs.clients import CLIENTS, ClientApp, Launch, System
from alya_mcp.app.client_configs.documents import Unusable, load
from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.words import integrations as words
from alya_mcp.runtime.paths import expanded
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
                yield fail(_part(client), words.client_file_unusable, reason=str(error), title=client.title)
                continue
            starts = starts or bool(ours)
            if ours and (unread := config.unread):
                yield warn(_part(client), words.client_file_has, file=file, what=unread, title=client.title)
            if config.data is not None and not ours:
                without.append(client.name)
            for name, server in ours.items():
                yield from _server(client, file, name, server)
                yield from _state(client, name, server, home)
    titles = [CLIENTS[name].title for name in without]
    if without and not starts:
        yield warn(_PART, words.clients_all_without, clients=without, titles=titles)
    elif without:
        yield ok(_PART, words.clients_without, titles=titles)
    elif not starts:
        yield ok(_PART, words.clients_none)


def _part(client: ClientApp) -> str:
    return client.title.lower()


def _server(client: ClientApp, file: Path, name: str, server: object) -> Iterator[Check]:
    part = _part(client)
    launch = client.launch(server)
    if launch is None:
        yield fail(part, words.client_without_command, file=file, server=name, client=client.name)
    elif not _is_path(launch):
        yield warn(
            part,
            words.client_command_not_a_path,
            file=file,
            server=name,
            command=launch.command,
            client=client.name,
            title=client.title,
        )
    elif shutil.which(expanded(launch.command)) is None:
        yield fail(
            part,
            words.client_command_missing,
            file=file,
            server=name,
            command=launch.command,
            client=client.name,
        )
    else:
        yield ok(part, words.client_starts, file=file, server=name, command=launch.command)


def _is_path(launch: Launch) -> bool:
    return os.sep in launch.command or bool(os.altsep and os.altsep in launch.command)


def _state(client: ClientApp, name: str, server: object, home: Path) -> Iterator[Check]:
    """Whether a server keeps its state where the commands of this shell look for it."""
    launch = client.launch(server)
    held: Mapping[str, str] = {} if launch is None else launch.environment or {}
    variables = {key: value for key, value in os.environ.items() if not key.startswith("ALYA_")}
    try:
        other = Settings.from_environment(variables | dict(held)).home
    except SettingsError as error:
        yield fail(_part(client), words.client_settings_invalid, server=name, reason=str(error))
        return
    if other != home:
        yield warn(_part(client), words.client_state_elsewhere, server=name, home=other, looked_at=home)
