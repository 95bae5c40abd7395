"""The way alya-mcp was installed, and the command that adds an extra to that installation."""

import json
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import unquote, urlsplit

from alya_mcp.runtime.frozen import is_frozen, started_file
from alya_mcp.runtime.paths import tilde

Kind = Literal["binary", "bundle", "uv tool", "uvx", "pipx", "pip", "uv"]

EXTRAS: Final = {
    "image": "diffusers",
    "s3": "boto3",
    "aws-login": "awscrt",
    "ray": "ray",
    "web": "ddgs",
    "video": "imageio_ffmpeg",
    "voices": "onnxruntime",
}
"""Each extra, and a module that is there when it is installed."""

_UV_CACHE: Final = frozenset({"archive-v0", "environments-v2"})
"""Folders of uv's cache in which `uvx` keeps environments."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation: what made it, what it was made from, and the extras that it has.

    `requirement` is what the installer was given, without extras: `alya-mcp`, a file's name, or `.` for a
    checkout, in which the command is then to be run; `editable` tells that the checkout itself is used.
    """

    kind: Kind
    requirement: str
    editable: bool
    extras: frozenset[str]

    def command(self, *extras: str) -> str:
        """The command that adds `extras`, and names those that are there: some installers drop them."""
        wanted = [name for name in EXTRAS if name in self.extras or name in extras]
        named = f"[{','.join(wanted)}]" if wanted else ""
        what = f"{'-e ' if self.editable else ''}'{self.requirement}{named}'"
        return {
            "binary": f"uv tool install {what}",
            "bundle": f"uv tool install {what}",
            "uv tool": f"uv tool install {what}",
            "uvx": f"uvx --from {what} alya-mcp",
            "pipx": f"pipx install --force {what}",
            "uv": f"uv pip install {what}",
            "pip": f"python -m pip install {what}",
        }[self.kind]

    @property
    def program(self) -> str:
        """How the user runs `alya-mcp` of this installation from any folder."""
        match self.kind:
            case "uvx":
                return f"uvx --from '{self.requirement}' alya-mcp"
            case "uv tool" | "pipx":  # they put it on the user's PATH, which a desktop program may not have
                return "alya-mcp"
            case "bundle":  # `uv run` puts it on the PATH of the server alone
                return _path()
            case _:
                found = shutil.which("alya-mcp")
                same = found is not None and Path(found).resolve() == _script().resolve()
                return "alya-mcp" if same or not _script().exists() else _path()

    def advice(self, *extras: str) -> str:
        """The command in a sentence that says where it is to be run."""
        command = self.command(*extras)
        match self.kind:
            case "binary":
                return f"The binary can't be extended; install the package beside it: {command}"
            case "bundle":
                return f"A bundle can't be extended; install the package from its checkout: {command}"
            case "uvx":
                return f"Start it as: {command}"
            case "uv" | "pip":
                place = (
                    "in its checkout, with its environment active"
                    if self.requirement == "."
                    else ("in its environment")
                )
                return f"Run {place}: {command}"
            case _:
                place = " in its checkout" if self.requirement == "." else ""
                return f"Run{place}: {command}"


def this_installation(prefix: Path = Path(sys.prefix)) -> Installation:
    """The installation that this process runs from; `prefix` is its environment."""
    kind = _kind(prefix)
    requirement, editable = (".", False) if kind == "bundle" else _source()
    return Installation(kind, requirement, editable, frozenset(filter(_has, EXTRAS)))


def _path() -> str:
    """The program by its path, as a shell takes it."""
    if sys.platform == "win32":
        return f'& "{_script()}"'  # PowerShell prints a quoted path that nothing calls
    return re.sub(r"[^\w@%+=:,./~-]", r"\\\g<0>", tilde(_script()))


def _script() -> Path:
    """The file that the user starts: the binary, or what the installer made beside this Python."""
    if is_frozen():
        return started_file()
    windows = sys.platform == "win32"
    return Path(sys.prefix, "Scripts" if windows else "bin", "alya-mcp.exe" if windows else "alya-mcp")


def _kind(prefix: Path) -> Kind:
    if is_frozen():
        return "binary"
    if (prefix / "uv-receipt.toml").is_file():
        return "uv tool"
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx"
    if (prefix.parent / "manifest.json").is_file():  # `uv run` made it inside an MCP bundle
        return "bundle"
    if not _UV_CACHE.isdisjoint(prefix.parts):
        return "uvx"
    return "uv" if find_spec("pip") is None else "pip"


def _has(extra: str) -> bool:
    return find_spec(EXTRAS[extra]) is not None


def _source() -> tuple[str, bool]:
    """What was installed: a requirement without extras, and whether it is an editable checkout (PEP 610)."""
    try:
        text = distribution("alya-mcp").read_text("direct_url.json")
        origin = cast("dict[str, object]", json.loads(text)) if text else {}
    except (PackageNotFoundError, ValueError):
        return "alya-mcp", False
    url = origin.get("url")
    if not isinstance(url, str):
        return "alya-mcp", False
    folder = origin.get("dir_info")
    if isinstance(folder, dict):
        return ".", bool(cast("dict[str, object]", folder).get("editable"))
    return Path(unquote(urlsplit(url).path)).name or "alya-mcp", False
