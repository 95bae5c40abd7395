"""Checks of client configurations: whether they start this server."""

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings, SettingsError

_PART = "claude desktop"


def claude_desktop(home: Path) -> Iterator[Check]:
    """Claude Desktop's configuration file and what it says of alya-mcp; `home` is this shell's state."""
    file = claude_desktop_file(os.environ)
    shown = tilde(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        yield ok(_PART, f"no configuration at {shown}")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield fail(_PART, f"{shown} can't be read: {error}", "Make the file readable, in UTF-8.")
        return
    try:
        servers: dict[str, Any] = json.loads(text).get("mcpServers", {})
        names = [name for name, server in servers.items() if "alya-mcp" in name + json.dumps(server)]
    except (ValueError, AttributeError) as error:
        yield fail(_PART, f"{shown} is no configuration: {error}", "Mend it; Claude Desktop ignores it now.")
        return
    if not names:
        add = '"mcpServers": {"alya-mcp": {"command": "' + _command() + '"}}'
        yield warn(_PART, f"{shown} doesn't mention alya-mcp", f"Add, and restart Claude Desktop: {add}")
    for name in names:
        yield from _server(shown, name, servers[name])
        yield from _state(name, servers[name], home)


def claude_desktop_file(variables: Mapping[str, str]) -> Path:
    """Where Claude Desktop keeps its configuration on this system."""
    if sys.platform == "darwin":
        folder = expanded("~") / "Library" / "Application Support"
    elif sys.platform == "win32":
        folder = Path(variables.get("APPDATA") or expanded("~") / "AppData" / "Roaming")
    else:
        folder = Path(variables.get("XDG_CONFIG_HOME") or expanded("~") / ".config")
    return folder / "Claude" / "claude_desktop_config.json"


def _server(shown: str, name: str, server: object) -> Iterator[Check]:
    command = cast("dict[str, Any]", server).get("command") if isinstance(server, dict) else None
    if not isinstance(command, str) or not command:
        yield fail(_PART, f"{shown}: the server {name} has no command", f"Give it one: {_command()}")
    elif os.sep in command and not expanded(command).is_file():
        yield fail(
            _PART,
            f"{shown}: the command of {name} is {tilde(command)}, which doesn't exist",
            f"Use {_command()}",
        )
    elif os.sep not in command:
        yield warn(
            _PART,
            f"{shown}: the command of {name} is {command}, which Claude Desktop may not find",
            f"Write the absolute path, such as {_command()}: desktop programs have a short PATH.",
        )
    else:
        yield ok(_PART, f"{shown} starts {tilde(command)} as {name}")


def _state(name: str, server: object, home: Path) -> Iterator[Check]:
    """Whether a server keeps its state where the commands of this shell look for it."""
    held = cast("dict[str, Any]", server).get("env") if isinstance(server, dict) else None
    variables = {key: value for key, value in os.environ.items() if not key.startswith("ALYA_")}
    if isinstance(held, dict):
        variables |= {key: str(value) for key, value in cast("dict[str, Any]", held).items()}
    try:
        other = Settings.from_environment(variables).home
    except SettingsError as error:
        yield fail(_PART, f"the server {name} doesn't start with its env: {error}", "Correct it there.")
        return
    if other != home:
        yield warn(
            _PART,
            f"the server {name} keeps its state in {tilde(other)}; this looked at {tilde(home)}",
            "For its audit log, approvals and grants, put before each command: "
            f"ALYA_HOME={shlex.quote(str(other))}",
        )


def _command() -> str:
    import shutil

    return shutil.which("alya-mcp") or str(Path(sys.executable).with_name("alya-mcp"))
