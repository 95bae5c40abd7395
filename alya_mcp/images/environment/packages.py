"""The location of the image engine's packages, and commands that run modules there."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from os.path import exists
from pathlib import Path
from typing import Final

from alya_mcp.errors import EngineNotInstalled, NotConfigured
from alya_mcp.images.environment.folder import EngineFolder
from alya_mcp.runtime.installation import this_installation
from alya_mcp.runtime.python_process import ChildModule, command_of, module_command
from alya_mcp.settings import Settings

PACKAGES: Final = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "safetensors",
    "numpy",
    "PIL",
    "psutil",
)
"""Modules that must be importable where pictures are drawn."""
_OF_THE_BASE: Final = frozenset({"platformdirs"})
"""Requirements of the base package that the drawing processes need too."""
_EXTRA: Final = re.compile(r"(?:\s+and\s+)?extra == ['\"](\w+)['\"]")
_NAME: Final = re.compile(r"[\w.-]+")


def packages_here() -> bool:
    """Whether this process's own environment can draw; imports nothing."""
    return all(find_spec(name) is not None for name in PACKAGES)


class PackagesHere:
    """`packages_here` for repeated use.

    A package that was found is checked at its place, and searched again if it has gone. One that wasn't found
    is searched each time, so that a package installed meanwhile is noticed.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._names = PACKAGES if names is None else names
        self._files: tuple[str, ...] = ()

    def __call__(self) -> bool:
        """Whether this process's own environment can draw; imports nothing."""
        if self._files and all(map(exists, self._files)):
            return True
        self._files = ()
        found: list[str] = []
        for name in self._names:
            spec = find_spec(name)
            if spec is None:
                return False
            # No file has the empty name, so a package without a file is searched again.
            found.append(spec.origin or "")
        self._files = tuple(found)
        return True


def packages_anywhere(home: Path) -> bool:
    """Whether this process's environment, or the one of `home`, can draw."""
    return packages_here() or EngineFolder(home).read() is not None


def require_packages(what: str, home: Path, here: Callable[[], bool] = packages_here) -> None:
    """Check that pictures can be drawn, for `what`. `here` says whether this environment can.

    Raises:
        EngineNotInstalled: no environment has the packages.
        NotConfigured: those of `home` are for another version.
    """
    if here():
        return
    installed = EngineFolder(home).read()
    if installed is None:
        raise EngineNotInstalled(what)
    if set(installed.requirements) != set(requirements()):
        raise NotConfigured(
            f"The image engine was installed by alya-mcp {installed.made_by}, and this version needs other "
            f"packages. Bring it up to date: {this_installation().program} engine install"
        )


def image_command(module: ChildModule, *arguments: str, home: Path | None = None) -> list[str]:
    """The command line that runs `module` where the packages are: here, or in the environment of `home`.

    `home` is that of the process's environment when None.

    Raises: as `require_packages`.
    """
    if packages_here():
        return module_command(module, *arguments)
    place = Settings.from_environment().home if home is None else home
    require_packages("Drawing", place)
    return command_of(EngineFolder(place).python, "--run-module", module, *arguments)


def requirements() -> tuple[str, ...]:
    """The requirements of an environment that draws: the `image` extra and shared base requirements.

    Raises:
        NotConfigured: this copy of alya-mcp has no such metadata.
    """
    try:
        stated = requires("alya-mcp") or []
    except PackageNotFoundError:
        stated = []
    found = tuple(_chosen(stated))
    if not any(each.startswith("torch") for each in found):
        raise NotConfigured(
            "This copy of alya-mcp doesn't say what the image engine is made of: it lacks its own metadata. "
            "Install alya-mcp again"
        )
    return found


def _chosen(stated: list[str]) -> Iterator[str]:
    for requirement in stated:
        extra = _EXTRA.search(requirement)
        name = _NAME.match(requirement)
        if extra is None and name is not None and name.group().lower() in _OF_THE_BASE:
            yield requirement
        elif extra is not None and extra.group(1) == "image":
            yield _EXTRA.sub("", requirement).rstrip().rstrip(";").rstrip()


def constraints() -> Path | None:
    """The constraints file with the versions that this release was tested with, or None."""
    package = Path(__file__).parents[2]
    found = (each / "constraints.txt" for each in (package, package.parent))
    return next((each for each in found if each.is_file()), None)
