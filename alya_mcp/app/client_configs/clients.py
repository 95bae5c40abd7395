"""The ten clients that alya-mcp can add itself to: where their configuration stands, and its shape.

Source: the documentation of each client, as of November 2026.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from alya_mcp.runtime.paths import expanded

Format = Literal["json", "toml", "yaml"]

NAME: Final = "alya-mcp"
"""The name under which a client knows this server."""

_STORE_PACKAGE: Final = "Claude_pzs8sxrjxfjjc"
"""Claude Desktop from the Microsoft Store; Windows redirects its roaming folder into the package's."""


@dataclass(frozen=True, slots=True)
class System:
    """What decides where files stand: `sys.platform`, the environment, and the user's home folder."""

    platform: str
    variables: Mapping[str, str]
    home: Path

    @classmethod
    def here(cls) -> "System":
        """This system and its user."""
        return cls(sys.platform, os.environ, expanded("~"))

    def folder(self, variable: str, *otherwise: str) -> Path:
        """The absolute folder that `variable` names, else one below the home folder."""
        named = self.variables.get(variable, "")
        return Path(named) if named and expanded(named).is_absolute() else self.home.joinpath(*otherwise)

    @property
    def application_data(self) -> Path:
        """Where applications keep their configuration."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.folder("APPDATA", "AppData", "Roaming")
        return self.folder("XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a client starts a server."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientApp:
    """A client: `key` is the member of its configuration that holds the servers, by their names.

    `places` are the files that the configuration may be, the one to write to first. `comments` and
    `trailing_commas` tell whether it reads these in JSON. `then` is what the user does after the server was
    added, `gone` after it was removed.
    """

    name: str
    title: str
    format: Format
    key: str
    places: Callable[[System], Sequence[Path]]
    comments: bool = False
    trailing_commas: bool = False
    typed: bool = False
    then: str
    gone: str

    def entry(self, launch: Launch) -> dict[str, Any]:
        """The server as this client's configuration has it."""
        environment = dict(launch.environment or {})
        if self.name == "goose":
            return {
                "name": NAME, "type": "stdio", "enabled": True, "cmd": launch.command,
                "args": list(launch.arguments), "envs": environment, "timeout": 300,
            }  # fmt: skip
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        entry |= {"command": launch.command, "args": list(launch.arguments)}
        return entry | {"env": environment} if environment else entry

    @property
    def environment_key(self) -> str:
        """The member of an entry that holds its variables."""
        return "envs" if self.name == "goose" else "env"

    def launch(self, entry: object) -> Launch | None:
        """How an entry starts its server; None for one without a command."""
        if not isinstance(entry, dict):
            return None
        held = cast("dict[str, Any]", entry)
        command = held.get("cmd" if self.name == "goose" else "command")
        if isinstance(command, dict):  # Zed's older form: {"path", "args", "env"}
            held = cast("dict[str, Any]", command)
            command = held.get("path")
        if not isinstance(command, str) or not command:
            return None
        arguments = held.get("args")
        environment = held.get(self.environment_key)
        return Launch(
            command,
            tuple(map(str, cast("list[Any]", arguments))) if isinstance(arguments, list) else (),
            {name: str(value) for name, value in cast("dict[str, Any]", environment).items()}
            if isinstance(environment, dict)
            else None,
        )

    def starts_us(self, name: str, entry: object) -> bool:
        """Whether a server is this one, by its name or by what it runs."""
        launch = self.launch(entry)
        words = (name,) if launch is None else (name, launch.command, *launch.arguments)
        return any(NAME in word or "alya_mcp" in word for word in words)


def _claude_desktop(system: System) -> Sequence[Path]:
    file = Path("Claude") / "claude_desktop_config.json"
    roaming = system.application_data / file
    if system.platform != "win32":
        return (roaming,)
    package = system.folder("LOCALAPPDATA", "AppData", "Local") / "Packages" / _STORE_PACKAGE
    store = package / "LocalCache" / "Roaming" / file
    return (store, roaming) if package.is_dir() else (roaming,)


def _zed(system: System) -> Sequence[Path]:
    if system.platform == "win32":
        return (system.application_data / "Zed" / "settings.json",)
    if system.platform == "darwin":
        return (system.home / ".config" / "zed" / "settings.json",)
    return (system.application_data / "zed" / "settings.json",)


def _goose(system: System) -> Sequence[Path]:
    if system.platform == "win32":
        return (system.application_data / "Block" / "goose" / "config" / "config.yaml",)
    return (system.folder("XDG_CONFIG_HOME", ".config") / "goose" / "config.yaml",)


def _lm_studio(system: System) -> Sequence[Path]:
    usual = system.home / ".lmstudio" / "mcp.json"
    older = system.home / ".cache" / "lm-studio" / "mcp.json"
    return (older, usual) if older.parent.is_dir() and not usual.parent.is_dir() else (usual, older)


_RESTART = "Quit {} and start it again."
_SESSIONS = "Sessions of {} that are open keep the server until they end."

CLIENTS: Final[Mapping[str, ClientApp]] = {
    client.name: client
    for client in (
        ClientApp(name="claude-desktop", title="Claude Desktop", format="json", key="mcpServers",
               places=_claude_desktop, then=_RESTART.format("Claude Desktop"),
               gone=_RESTART.format("Claude Desktop")),
        ClientApp(name="claude-code", title="Claude Code", format="json", key="mcpServers", typed=True,
               places=lambda system: (system.folder("CLAUDE_CONFIG_DIR") / ".claude.json",),
               then="Start a new session of Claude Code; /mcp shows the server.",
               gone=_SESSIONS.format("Claude Code")),
        ClientApp(name="cursor", title="Cursor", format="json", key="mcpServers",
               comments=True, trailing_commas=True,
               places=lambda system: (system.home / ".cursor" / "mcp.json",), then=_RESTART.format("Cursor"),
               gone=_RESTART.format("Cursor")),
        ClientApp(name="vscode", title="VS Code", format="json", key="servers", typed=True,
               comments=True, trailing_commas=True,
               places=lambda system: (system.application_data / "Code" / "User" / "mcp.json",),
               then="VS Code asks whether you trust the server when it first starts it.",
               gone="If VS Code still runs the server, reload its window."),
        ClientApp(name="windsurf", title="Windsurf", format="json", key="mcpServers",
               places=lambda system: (system.home / ".codeium" / "windsurf" / "mcp_config.json",),
               then=_RESTART.format("Windsurf"),
               gone=_RESTART.format("Windsurf")),
        ClientApp(name="zed", title="Zed", format="json", key="context_servers", places=_zed,
               comments=True, trailing_commas=True,
               then="Zed starts the server by itself.", gone="Zed stops the server by itself."),
        ClientApp(name="codex", title="Codex", format="toml", key="mcp_servers",
               places=lambda system: (system.folder("CODEX_HOME", ".codex") / "config.toml",),
               then="Start a new session of Codex; /mcp shows the server.", gone=_SESSIONS.format("Codex")),
        ClientApp(name="gemini", title="Gemini CLI", format="json", key="mcpServers", comments=True,
               places=lambda system: (system.folder("GEMINI_CLI_HOME") / ".gemini" / "settings.json",),
               then="Start a new session of Gemini CLI in a folder that it trusts; /mcp shows the server.",
               gone=_SESSIONS.format("Gemini CLI")),
        ClientApp(name="goose", title="Goose", format="yaml", key="extensions", places=_goose,
               then="Start a new session of Goose.", gone=_SESSIONS.format("Goose")),
        ClientApp(name="lm-studio", title="LM Studio", format="json", key="mcpServers", places=_lm_studio,
               then="LM Studio loads the server by itself; switch it on in a chat.",
               gone="LM Studio drops the server by itself."),
    )
}  # fmt: skip
"""Each client by the name that the command line has for it."""
