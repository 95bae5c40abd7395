"""The store, the YouTube connection and the configurations of clients, in words."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from alya_mcp.app.diagnostics.check import Words
from alya_mcp.runtime.paths import tilde
from alya_mcp.storage.status import StoreStatus, status_words

_CONNECT = "Run: alya-mcp youtube connect"


def store(status: StoreStatus) -> Words:
    """The store can be used."""
    return Words(status_words(status))


def store_failing(status: StoreStatus) -> Words:
    """The store can't be used."""
    return Words(status_words(status), "Fix what it names; docs/storage.md explains each error.")


def secret_in_links(variable: str) -> Words:
    """Every link to a picture shows a secret."""
    return Words(
        f"the secret in {variable} is a part of every link (its key id, bucket, address or prefix)",
        "Set another one: anyone who has a link may know this one.",
    )


# -- YouTube ----------------------------------------------------------------------------------------


def youtube(channel: str | None) -> Words:
    """A channel is connected; its title where YouTube told it."""
    return Words(f"connected to {channel or 'a channel that YouTube did not name'}")


def youtube_not_connected() -> Words:
    """An OAuth client is set, and no channel is connected."""
    return Words("no channel is connected", _CONNECT)


def youtube_other_client() -> Words:
    """The token belongs to another OAuth client."""
    return Words("the channel was connected with another OAuth client", _CONNECT)


def youtube_unusable(reason: str) -> Words:
    """A channel is connected, and no OAuth client is set that can use it."""
    return Words(f"a channel is connected, and can't be used: {reason}", "Set them again.")


def youtube_unreadable(reason: str) -> Words:
    """What is kept of the connection can't be read."""
    return Words(reason, _CONNECT)


# -- clients: `client` is the client's name, `title` the one that people read -----------------------


def client_starts(file: Path, server: str, command: str) -> Words:
    """The client's configuration starts this server."""
    return Words(f"{tilde(file)} starts {tilde(command)} as {server}")


def client_without_command(file: Path, server: str, client: str) -> Words:
    """The server has no command."""
    return Words(f"{tilde(file)}: the server {server} has no command", _install(client))


def client_command_not_a_path(file: Path, server: str, command: str, client: str, title: str) -> Words:
    """The command is a name that the client has to look for."""
    return Words(
        f"{tilde(file)}: the command of {server} is {command}, which {title} may not find",
        f"A program that is started from the desktop has a short PATH. {_install(client)}",
    )


def client_command_missing(file: Path, server: str, command: str, client: str) -> Words:
    """The command can't be run."""
    found = f"{tilde(file)}: the command of {server} is {tilde(command)}, which doesn't exist or can't be run"
    return Words(found, _install(client))


def client_state_elsewhere(server: str, home: Path, looked_at: Path) -> Words:
    """The server keeps its state in another folder than the one that was looked at."""
    return Words(
        f"the server {server} keeps its state in {tilde(home)}; this looked at {tilde(looked_at)}",
        "For its audit log, approvals and grants, put before each command: "
        f"ALYA_HOME={shlex.quote(str(home))}",
    )


def client_settings_invalid(server: str, reason: str) -> Words:
    """The server doesn't start with the variables that its configuration sets."""
    return Words(f"{server} doesn't start with its variables: {reason}", "Correct them there.")


def client_file_unusable(reason: str, title: str) -> Words:
    """The client can't use its configuration."""
    return Words(reason, f"Correct it: {title} can't use it as it is.")


def client_file_has(file: Path, what: str, title: str) -> Words:
    """Something in the configuration that the client may not read."""
    found = f"{tilde(file)} has {what}, which {title} may not read"
    return Words(found, "Take it out: the client may ignore the whole file.")


def clients_without(titles: Sequence[str]) -> Words:
    """Clients that are here and don't start this server, where others do."""
    return Words(_without(titles))


def clients_all_without(clients: Sequence[str], titles: Sequence[str]) -> Words:
    """Clients that are here and don't start this server, and none does."""
    return Words(_without(titles), _install(clients[0]))


def clients_none() -> Words:
    """No client's configuration is here."""
    return Words("no client's configuration is here; `alya-mcp install CLIENT` writes one")


def _install(client: str) -> str:
    return f"Run: alya-mcp install {client}"


def _without(titles: Sequence[str]) -> str:
    return f"not known to {', '.join(titles)}"
