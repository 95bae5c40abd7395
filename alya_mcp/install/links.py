"""One-click install links, with the same entry as in the client's configuration."""

import base64
import json
from typing import Final
from urllib.parse import quote, urlencode

from alya_mcp.app.client_configs.clients import NAME, ClientApp, Launch

LINKED: Final = ("cursor", "goose", "lm-studio", "vscode")
"""The clients that have such links."""
_ABOUT: Final = "Images and tools behind a policy gate"


class NoLink(Exception):
    """The client doesn't support install links, or not with this command. The text says why."""


def link(client: ClientApp, launch: Launch) -> str:
    """The install link for this server, started by `launch`.

    Raises:
        NoLink: the client has no links, or takes no such command in one.
    """
    entry = client.entry(launch)
    match client.name:
        case "cursor":
            return f"cursor://anysphere.cursor-deeplink/mcp/install?{_named(entry)}"
        case "lm-studio":
            return f"lmstudio://add_mcp?{_named(entry)}"
        case "vscode":
            return f"vscode:mcp/install?{quote(_json({'name': NAME, **entry}), safe='')}"
        case "goose":
            return _goose(launch)
        case _:
            raise NoLink(f"{client.title} has no links that add a server; {', '.join(LINKED)} have")


def _goose(launch: Launch) -> str:
    """Goose takes the programs of a short list; of ours it is uvx, and its secrets are asked for."""
    words = ("tool", "run")
    if launch.arguments[:2] != words:
        raise NoLink(
            "Goose takes no command of this machine in a link, only uvx; `alya-mcp install goose` edits its "
            "configuration, and a link comes from: uvx alya-mcp install goose --link"
        )
    fields = [("cmd", "uvx"), *(("arg", word) for word in launch.arguments[2:])]
    fields += [("id", NAME), ("name", NAME), ("description", _ABOUT)]
    fields += [("env", f"{name}={name}") for name in launch.environment or {}]
    return f"goose://extension?{urlencode(fields, quote_via=quote)}"


def _named(entry: object) -> str:
    config = base64.b64encode(_json(entry).encode()).decode()
    return urlencode({"name": NAME, "config": config}, quote_via=quote)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
