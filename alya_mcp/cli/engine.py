"""`alya-mcp engine`: the environment that draws, for installations that come without PyTorch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.environment.folder import EngineFolder, Installed

FAILED = 1
_PATIENCE = 60.0
"""Seconds that the worker may take to finish its pictures."""


@click.group()
def engine() -> None:
    """Install what draws pictures, see it, and remove it."""


@engine.command(short_help="Install PyTorch and what else draws pictures.")
@click.option(
    "--build",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="PyTorch's build: auto (what this machine has), cpu, cu130 or another name of uv's "
    "--torch-backend, or index for what the package index gives.",
)
@click.option("--python", metavar="PYTHON", help="The Python to use: a path, or a version such as 3.12.")
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take all packages from this folder, without a network.",
)
@output_option
def install(build: str, python: str | None, wheels: Path | None, output: OutputFormat) -> int:
    """Make an environment in ALYA_HOME with PyTorch, diffusers and transformers, in which pictures are drawn.

    It is for the one binary and for installations without the image extra, and needs 1.1 GB, with CUDA
    5 GB. uv makes it: the one on PATH, or one that is fetched from PyPI and checked. Where there is no
    Python 3.11 to 3.14, uv fetches one too. Stop it whenever you like: the same command goes on with what
    came whole. An environment of an older version is brought up to date.

    \b
    Examples:
      alya-mcp engine install
      alya-mcp engine install --build cpu
      alya-mcp engine requirements > engine.txt     # on a machine with a network:
      pip download -r engine.txt -d wheels          #   fill a folder, carry it over, then
      alya-mcp engine install --wheels wheels

    Exit codes: 0 it is installed, 1 it isn't, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.images.environment.folder import EngineFolder
    from alya_mcp.images.environment.install import EngineRequest, fits
    from alya_mcp.images.environment.install import install as make

    home = Settings.from_environment().home
    wanted = EngineRequest(build=build, python=python, wheels=wheels.absolute() if wheels else None)
    folder = EngineFolder(home)
    try:
        installed = folder.read()
        changed = python is not None or not fits(installed, wanted)
        if changed:
            if installed is not None:
                _send_worker_away(home)
            installed = make(home, wanted, say)
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    except KeyboardInterrupt:
        say("What came whole is kept; the same command goes on from there.")
        raise
    if installed is not None:
        _show(installed, folder, output, changed=changed)
    return 0


@engine.command(short_help="Show what is installed.")
@output_option
def status(output: OutputFormat) -> int:
    """Show the environment that draws, its size, and whether this version can use it.

    Exit codes: 0 pictures can be drawn, 1 nothing is installed or it is for another version.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.images.environment.folder import EngineFolder
    from alya_mcp.images.environment.packages import packages_here, require_packages

    home = Settings.from_environment().home
    folder = EngineFolder(home)
    problem: str | None = None
    try:
        require_packages("image_gen", home)
    except Failure as failure:
        problem = str(failure)
    installed = folder.read()
    if output == "json":
        show_json(
            {
                "usable": problem is None,
                "ownEnvironment": packages_here(),
                "problem": problem,
                **_described(installed, folder),
            }
        )
    else:
        if packages_here():
            click.echo("alya-mcp's own environment has the image extra, and draws there.")
        if installed is not None:
            _table(installed, folder)
        if problem is not None:
            say(problem)
    return 0 if problem is None else FAILED


@engine.command(short_help="Remove what engine install made.")
@output_option
def remove(output: OutputFormat) -> int:
    """Remove the environment and everything that was fetched for it; pictures and models stay.

    Exit codes: 0 nothing is left, 1 something can't be removed.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.images.environment.folder import EngineFolder
    from alya_mcp.images.environment.install import remove as take_away
    from alya_mcp.images.environment.packages import packages_here

    home = Settings.from_environment().home
    try:
        if EngineFolder(home).read() is not None and not packages_here():
            _send_worker_away(home)
        freed = take_away(home)
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    if output == "json":
        show_json({"removed": freed > 0, "bytes": freed})
    else:
        click.echo(f"Removed {freed / 1e9:.1f} GB." if freed else "There was nothing to remove.")
    return 0


@engine.command(short_help="List the packages, for pip download.")
def requirements() -> int:
    """Print what the environment is made of as a requirements file, uv included, for `pip download`.

    Exit codes: 0 printed, 1 this copy doesn't say.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.images.environment.packages import constraints
    from alya_mcp.images.environment.packages import requirements as needed
    from alya_mcp.images.environment.uv import VERSION

    try:
        for requirement in (*needed(), f"uv=={VERSION}"):
            click.echo(requirement)
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    if (tested := constraints()) is not None:
        click.echo(f"-c {tested.as_uri()}")  # a path may hold spaces
    return 0


def _send_worker_away(home: Path) -> None:
    import anyio

    from alya_mcp.images.worker.leaving import send_away

    anyio.run(send_away, home, _PATIENCE)


def _show(installed: "Installed", folder: "EngineFolder", output: OutputFormat, *, changed: bool) -> None:
    if output == "json":
        show_json({"changed": changed, **_described(installed, folder)})
        return
    _table(installed, folder)
    click.echo("The image engine is installed." if changed else "The image engine was installed already.")


def _described(installed: "Installed | None", folder: "EngineFolder") -> dict[str, object]:
    if installed is None:
        return {"installed": False}
    return {
        "installed": True,
        "folder": str(folder.folder),
        "bytes": folder.size(),
        "python": installed.python,
        "torch": installed.torch,
        "diffusers": installed.diffusers,
        "build": installed.build,
        "madeBy": installed.made_by,
    }


def _table(installed: "Installed", folder: "EngineFolder") -> None:
    show_table(
        [
            ("folder", tilde(folder.folder)),
            ("size", f"{folder.size() / 1e9:.1f} GB"),
            ("Python", installed.python),
            ("torch", f"{installed.torch} (build: {installed.build})"),
            ("diffusers", installed.diffusers),
            ("installed by", f"alya-mcp {installed.made_by}"),
        ]
    )
