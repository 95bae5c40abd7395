"""The command by which a client starts this installation; it stays valid.

Desktop programs have a short PATH, so the command is absolute. What `uvx` made lies in uv's cache and goes
when that is cleaned: there the command is uv's own, which makes it again.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from alya_mcp.app.client_configs.clients import NAME, Launch
from alya_mcp.runtime.frozen import started_file
from alya_mcp.runtime.installation import Installation, this_installation

_SCRIPT: Final = f"{NAME}.exe" if os.name == "nt" else NAME


class NoCommand(Exception):
    """There is no command that stays valid. The text says what to install instead."""


def launch(environment: Mapping[str, str], prefix: Path = Path(sys.prefix)) -> Launch:
    """How a client starts this installation, with `environment` set; `prefix` is its Python environment.

    Raises:
        NoCommand: it is in a cache, and there is no uv to start it again.
    """
    here = this_installation(prefix)
    match here.kind:
        case "binary":
            return Launch(str(started_file()), (), environment)
        case "uvx":
            return Launch(_uv(), ("tool", "run", "--from", _requirement(here), NAME), environment)
        case _:
            return _of_environment(prefix, environment)


def _of_environment(prefix: Path, environment: Mapping[str, str]) -> Launch:
    folder = prefix / ("Scripts" if os.name == "nt" else "bin")
    script = folder / _SCRIPT
    if not script.is_file():
        return Launch(sys.executable, ("-m", "alya_mcp"), environment)
    exposed = shutil.which(NAME)  # ~/.local/bin/alya-mcp of a uv tool or pipx: the shorter of two ways
    if exposed and Path(exposed).is_absolute() and Path(exposed).resolve() == script.resolve():
        return Launch(exposed, (), environment)
    return Launch(str(script), (), environment)


def _uv() -> str:
    named = os.environ.get("UV", "")  # uv tells its children where it is
    found = named if named and Path(named).is_file() else shutil.which("uv")
    if found is None:
        raise NoCommand(
            "alya-mcp runs from uv's cache, which may be cleaned any time, and uv itself can't be found. "
            "Install it as a tool first: uv tool install alya-mcp"
        )
    return str(Path(found).absolute())


def _requirement(here: Installation) -> str:
    """What uv installs: this version, with its extras, or the file or folder that it was made from."""
    extras = f"[{','.join(sorted(here.extras))}]" if here.extras else ""
    try:
        found = distribution(NAME)
    except PackageNotFoundError:
        return f"{NAME}{extras}"
    import json
    from urllib.parse import unquote, urlsplit
    from urllib.request import url2pathname

    text = found.read_text("direct_url.json")
    address = str(json.loads(text).get("url", "")) if text else ""
    if address.startswith("file:"):
        return f"{url2pathname(unquote(urlsplit(address).path))}{extras}"
    return f"{NAME}{extras} @ {address}" if address else f"{NAME}{extras}=={found.version}"
