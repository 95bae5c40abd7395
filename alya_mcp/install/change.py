"""The change to a client's configuration: adding or removing this server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, Literal, cast

from alya_mcp.app.client_configs.clients import NAME, ClientApp, Format, Launch
from alya_mcp.app.client_configs.documents import BOM, ConfigFile, Unusable, parse, servers_in
from alya_mcp.install import json_text, toml_text, yaml_text

Kind = Literal["insert", "replace", "remove"]

_WRITERS: Final[Mapping[Format, ModuleType]] = {"json": json_text, "toml": toml_text, "yaml": yaml_text}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A change of a file: `after` are its new bytes, None if it is to be deleted."""

    config: ConfigFile
    after: bytes | None
    kind: Kind

    @property
    def changes(self) -> bool:
        """Whether the file changes."""
        return self.after != self.config.data


def with_server(config: ConfigFile, launch: Launch) -> FileChange:
    """The file with this server in it, started by `launch`.

    An entry that is there keeps what else the user wrote into it, variables too that `launch` doesn't set.

    Raises:
        Unusable: the file isn't what the client reads, or takes no such change.
    """
    servers = config.servers
    entry = config.client.entry(launch)
    if NAME not in servers:
        return FileChange(config, _changed(config, "insert", entry), "insert")
    held = servers[NAME]
    merged = _merged(config.client, cast("dict[str, Any]", held) if isinstance(held, dict) else {}, entry)
    if merged == held:
        return FileChange(config, config.data, "replace")
    return FileChange(config, _changed(config, "replace", merged), "replace")


def without_server(config: ConfigFile, *, made_key: bool, made_file: bool) -> FileChange:
    """The file without this server and without what was created for it.

    `made_key` tells that the table of servers was made for it, `made_file` the whole file.

    Raises:
        Unusable: as in `with_server`.
    """
    if NAME not in config.servers:
        return FileChange(config, config.data, "remove")
    after = _changed(config, "remove", None, emptied=made_key)
    if made_file and not parse(after.decode().removeprefix(BOM), config.client.format, config.file):
        return FileChange(config, None, "remove")
    return FileChange(config, after, "remove")


def _merged(client: ClientApp, held: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    variables = client.environment_key
    kept = held.get(variables)
    environment = {
        **(cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}),
        **entry.get(variables, {}),
    }
    merged = {**held, **entry}
    if environment or variables in merged:
        merged[variables] = environment
    return merged


def _changed(config: ConfigFile, how: Kind, entry: dict[str, Any] | None, **more: bool) -> bytes:
    """The new bytes, read back: they hold what the old ones held, and differ in this server alone."""
    client = config.client
    writer = _WRITERS[client.format]
    words = () if entry is None else (entry,)
    try:
        text: str = getattr(writer, how)(config.text, client.key, NAME, *words, **more)
    except (ValueError, RecursionError) as error:
        raise Unusable(config.file, f"can't be changed: {error}") from None
    expected = _as_expected(config, entry)
    found = parse(text, client.format, config.file) if _readable(text, config) else None
    if found is None or _bare(found, client) != _bare(expected, client):
        what = f"is laid out in a way that takes no single change; {_by_hand(client, entry)}"
        raise Unusable(config.file, what)
    try:
        return ((BOM if config.marked else "") + text).encode()
    except UnicodeEncodeError:
        raise Unusable(
            config.file, f"has half a surrogate pair in the entry {NAME}; correct it first"
        ) from None


def _readable(text: str, config: ConfigFile) -> bool:
    try:
        parse(text, config.client.format, config.file)
    except Unusable:
        return False
    return True


def _as_expected(config: ConfigFile, entry: dict[str, Any] | None) -> dict[str, Any]:
    values = dict(config.values)
    servers = {name: server for name, server in servers_in(values, config).items() if name != NAME}
    if entry is not None:
        servers[NAME] = entry
    return {**values, config.client.key: servers}


def _bare(values: Mapping[str, Any], client: ClientApp) -> dict[str, Any]:
    """The values, a table of servers without servers as none."""
    return {key: value for key, value in values.items() if key != client.key or value}


def _by_hand(client: ClientApp, entry: dict[str, Any] | None) -> str:
    if entry is None:
        return f"take {NAME} out of {client.key} by hand"
    if client.format == "json":
        return f"add to {client.key} by hand: {json.dumps({NAME: entry}, ensure_ascii=False)}"
    alone = _WRITERS[client.format].insert("", client.key, NAME, entry)
    return f"add to {client.key} by hand; as a file of its own it would be:\n{alone}"
