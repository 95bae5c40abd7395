"""A client's configuration file, read: its text, its values and the servers in it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.app.client_configs import jsonc
from alya_mcp.app.client_configs.clients import ClientApp, Format
from alya_mcp.runtime.paths import tilde

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest file that is read; Claude Code keeps much beside its servers in the same file."""
BOM: Final = "\ufeff"


class Unusable(Exception):
    """A configuration file can't be used. Its text names the file and what is wrong, for the user."""

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{tilde(file)} {what}")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A client's file as it is now: `data` are its bytes, None where there is none."""

    client: ClientApp
    file: Path
    data: bytes | None

    @property
    def text(self) -> str:
        """The text without a byte order mark.

        Raises:
            Unusable: it is not UTF-8.
        """
        try:
            return (self.data or b"").decode("utf-8").removeprefix(BOM)
        except UnicodeDecodeError as error:
            raise Unusable(self.file, f"is not UTF-8 (byte {error.start + 1}); save it as UTF-8") from None

    @property
    def marked(self) -> bool:
        """Whether it begins with a byte order mark."""
        return (self.data or b"").startswith(BOM.encode())

    @property
    def servers(self) -> Mapping[str, Any]:
        """The servers by their names.

        Raises:
            Unusable: the text is not what the client reads.
        """
        return servers_in(self.values, self)

    @property
    def ours(self) -> Mapping[str, Any]:
        """The servers that are this one, under whatever name; `Unusable`."""
        return {name: entry for name, entry in self.servers.items() if self.client.starts_us(name, entry)}

    @property
    def unread(self) -> str | None:
        """The first comment or trailing comma that the client doesn't read in JSON, in words; `Unusable`."""
        if self.client.format != "json" or not self.text.strip():
            return None
        text = jsonc.read(self.text)
        found = [(at, "a comment") for at in text.comments if not self.client.comments]
        found += [(at, "a trailing comma") for at in text.trailing_commas if not self.client.trailing_commas]
        if not found:
            return None
        at, what = min(found)
        return f"{what} ({jsonc.place(self.text, at)})"

    @property
    def values(self) -> dict[str, Any]:
        """All that stands in the file; nothing for a file that is empty or not there; `Unusable`."""
        return parse(self.text, self.client.format, self.file)


def load(client: ClientApp, file: Path) -> ConfigFile:
    """Read `file`, which may be missing.

    Raises:
        Unusable: it can't be read, or is too large.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return ConfigFile(client, file, None)
    except OSError as error:
        raise Unusable(file, f"can't be read: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise Unusable(file, f"has {len(data):,} bytes; at most {LARGEST:,} are read")
    return ConfigFile(client, file, data)


def servers_in(values: Mapping[str, Any], config: ConfigFile) -> Mapping[str, Any]:
    """The servers that `values`, read of `config`, hold; `Unusable` if they aren't a table."""
    client = config.client
    held = values.get(client.key, {})
    if held is None and client.format == "yaml":
        return {}
    if not isinstance(held, dict):
        raise Unusable(config.file, f"has a {client.key!r} that is not a table of servers; correct it first")
    return cast("dict[str, Any]", held)


def parse(text: str, kind: Format, file: Path) -> dict[str, Any]:
    """The values of a text; `Unusable` names `file` and what is wrong with it."""
    if not text.strip():
        return {}
    try:
        value: object = _readers[kind](text)
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())
        raise Unusable(file, f"is not valid {kind.upper()}: {words}") from None
    if value is None and kind == "yaml":  # nothing but comments
        return {}
    if not isinstance(value, dict):
        raise Unusable(file, f"is not a configuration: its {kind.upper()} is not a table")
    return cast("dict[str, Any]", value)


def _yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _json(text: str) -> object:
    return jsonc.read(text).root.value


_readers: Final[Mapping[Format, Callable[[str], object]]] = {
    "json": _json,
    "toml": tomllib.loads,
    "yaml": _yaml,
}
