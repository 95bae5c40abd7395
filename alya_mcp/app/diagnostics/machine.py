"""Python, the packages, the environment and the folder of alya-mcp's state."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from alya_mcp import __version__
from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.words import machine as words
from alya_mcp.images.environment.folder import EngineFolder
from alya_mcp.images.environment.packages import PACKAGES, packages_here, require_packages
from alya_mcp.runtime.installation import this_installation
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings import Settings, unknown_variables

_OLDEST = (3, 11)
_BASE = ("mcp", "anyio", "pydantic", "click", "platformdirs")
_LEAST_FREE = 500_000_000
"""Bytes: about 250 pictures, the log and the audit of a busy day."""


def python() -> Iterator[Check]:
    """The interpreter and the packages of the base install."""
    number, program = platform.python_version(), Path(sys.executable)
    if sys.version_info < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        yield fail(
            "python",
            words.python_too_old,
            version=number,
            executable=program,
            release=__version__,
            oldest=oldest,
        )
    else:
        here = f"{platform.system()} {platform.machine()}"
        yield ok(
            "python", words.python, version=number, executable=program, release=__version__, platform=here
        )
    versions = _versions(_BASE)
    command = this_installation().command()
    if missing := [name for name in _BASE if name not in versions]:
        yield fail("packages", words.packages_missing, missing=missing, command=command)
    elif not versions["mcp"].startswith("2."):
        yield fail(
            "packages",
            words.packages_unsuitable,
            versions=versions,
            needed="mcp 2.3 or a later 2.x",
            command=command,
        )
    else:
        yield ok("packages", words.packages, versions=versions)


def unfilled(placeholders: Mapping[str, str]) -> Iterator[Check]:
    """The variables that a client left as its own placeholder."""
    for variable, text in sorted(placeholders.items()):
        yield warn("settings", words.placeholder, variable=variable, placeholder=text)


def environment(settings: Settings, variables: Mapping[str, str]) -> Iterator[Check]:
    """Variables that nothing reads, and whose token the grant's is."""
    set_here = [name for name in settings.describe() if variables.get(name, "").strip()]
    yield ok("settings", words.settings, variables=set_here)
    for name, near in unknown_variables(variables).items():
        yield warn("settings", words.setting_unknown, variable=name, nearest=near)
    if settings.grant is not None:
        yield _grant(settings)


def _grant(settings: Settings) -> Check:
    from alya_mcp.gate import StateError
    from alya_mcp.toolkit.caller import calling_grant

    try:
        grant = calling_grant(settings)
    except StateError as error:
        return fail("grant", words.grant_unreadable, reason=str(error))
    if grant is None:
        return fail("grant", words.grant_unknown)
    return ok("grant", words.grant, label=grant.label, grant=grant.id)


def home(settings: Settings) -> Iterator[Check]:
    """Whether the folder of the state can be written, and how much room there is."""
    folder = settings.home
    standing = next(each for each in (folder, *folder.parents) if _is_there(each))
    if not standing.is_dir():
        yield fail("home", words.home_not_a_folder, path=standing)
        return
    try:
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        yield fail("home", words.home_unwritable, folder=folder, reason=reason, nearest=standing)
        return
    free = shutil.disk_usage(standing).free
    if free < _LEAST_FREE:
        yield warn("home", words.home_little_room, folder=folder, free=free, least=_LEAST_FREE)
    else:
        yield ok("home", words.home if standing == folder else words.home_absent, folder=folder, free=free)
    if sys.platform != "win32" and standing == folder and folder.stat().st_mode & 0o022:
        yield fail("home", words.home_open_to_others, folder=folder)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def extras(settings: Settings) -> Iterator[Check]:
    """The parts that are installed separately."""
    yield _image_engine(settings)
    if find_spec("boto3") is not None:
        yield ok("s3 extra", words.s3_package, versions=_versions(["boto3"]))
    elif settings.s3_bucket is not None:
        yield fail("s3 extra", words.s3_package_missing, advice=this_installation().advice("s3"))
    else:
        yield ok("s3 extra", words.s3_package_not_needed)


def _image_engine(settings: Settings) -> Check:
    """What draws: this environment, or the one that `alya-mcp engine install` made."""
    from alya_mcp.errors import Failure

    if packages_here():
        return ok("image engine", words.image_packages, versions=_versions(PACKAGES[:3]), folder=None)
    folder = EngineFolder(settings.home)
    try:
        require_packages("image_gen", settings.home)
    except Failure as failure:
        command = f"{this_installation().program} engine install"
        return warn("image engine", words.image_packages_missing, reason=str(failure), command=command)
    installed = folder.read()
    found = {} if installed is None else {"torch": installed.torch, "diffusers": installed.diffusers}
    return ok("image engine", words.image_packages, versions=found, folder=folder.folder)


def hub_cache(variables: Mapping[str, str]) -> Path:
    """The folder where Hugging Face's libraries keep downloaded models, by their own rules."""
    if given := variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE"):
        return expanded(given)
    if given := variables.get("HF_HOME"):
        return expanded(given) / "hub"
    cache = expanded(variables.get("XDG_CACHE_HOME") or Path("~", ".cache"))
    return cache / "huggingface" / "hub"


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those that are installed."""
    found: dict[str, str] = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version("pillow" if package == "PIL" else package)
    return found
