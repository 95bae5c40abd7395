"""Python, the packages, the environment and the folder of alya-mcp's state."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from alya_mcp import __version__
from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.images.environment.folder import EngineFolder
from alya_mcp.images.environment.packages import PACKAGES, packages_here, require_packages
from alya_mcp.runtime.environment import unfilled as sentences_on
from alya_mcp.runtime.installation import this_installation
from alya_mcp.runtime.paths import expanded, tilde
from alya_mcp.settings import Settings, unknown_variables

_OLDEST = (3, 11)
_BASE = ("mcp", "anyio", "pydantic", "click", "platformdirs")
_LEAST_FREE = 500_000_000
"""Bytes: about 250 pictures, the log and the audit of a busy day."""


def python() -> Iterator[Check]:
    """The interpreter and the packages of the base install."""
    found = f"Python {platform.python_version()} ({tilde(sys.executable)}), alya-mcp {__version__}"
    if sys.version_info < _OLDEST:
        yield fail("python", found, "Install Python 3.11 or newer and install alya-mcp into it.")
    else:
        yield ok("python", f"{found}, {platform.system()} {platform.machine()}")
    versions = {name: _version(name) for name in _BASE}
    missing = [name for name, number in versions.items() if number is None]
    shown = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    again = f"Install alya-mcp again, with --force or --force-reinstall: {this_installation().command()}"
    if missing:
        yield fail("packages", f"missing: {', '.join(missing)}", again)
    elif not (versions["mcp"] or "").startswith("2."):
        yield fail("packages", f"{shown}; this version needs mcp 2.3 or a later 2.x", again)
    else:
        yield ok("packages", shown)


def unfilled(placeholders: Mapping[str, str]) -> Iterator[Check]:
    """The variables that a client left as its own placeholder."""
    for sentence in sentences_on(placeholders):
        yield warn("settings", sentence, "Fill it in in the client's configuration, or take it out there.")


def environment(settings: Settings, variables: Mapping[str, str]) -> Iterator[Check]:
    """Variables that nothing reads, and whose token the grant's is."""
    set_here = [name for name in settings.describe() if variables.get(name, "").strip()]
    yield ok("settings", f"set: {', '.join(set_here)}" if set_here else "all at their defaults")
    for name, near in unknown_variables(variables).items():
        meant = f"Did you mean {near}?" if near else "Remove it."
        yield warn("settings", f"{name} is set, but nothing reads it", meant)
    if settings.grant is not None:
        yield _grant(settings)


def _grant(settings: Settings) -> Check:
    from alya_mcp.gate import StateError
    from alya_mcp.toolkit.caller import calling_grant

    try:
        grant = calling_grant(settings)
    except StateError as error:
        return fail("grant", str(error), "Calls are denied until the grants can be read.")
    if grant is None:
        return fail(
            "grant",
            "ALYA_GRANT holds no token that counts: every call is denied",
            "`alya-mcp grants rotate LABEL` shows a new one; without ALYA_GRANT the caller is local.",
        )
    return ok("grant", f"{grant.label} ({grant.id})")


def home(settings: Settings) -> Iterator[Check]:
    """Whether the folder of the state can be written, and how much room there is."""
    folder = settings.home
    shown = tilde(folder)
    standing = next(each for each in (folder, *folder.parents) if _is_there(each))
    other = f"Give yourself write access to {tilde(standing)}, or set ALYA_HOME to another folder."
    if not standing.is_dir():
        yield fail("home", f"{tilde(standing)} is not a folder", "Set ALYA_HOME to a folder.")
        return
    try:
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as error:
        yield fail("home", f"{shown} can't be written: {error.strerror}", other)
        return
    free = shutil.disk_usage(standing).free
    found = f"{shown}, {free / 1e9:.1f} GB free"
    if free < _LEAST_FREE:
        yield warn("home", found, "Make room on this disk, or set ALYA_HOME to a folder on another one.")
    elif standing != folder:
        yield ok("home", f"{found}; made when first needed")
    else:
        yield ok("home", found)
    if sys.platform != "win32" and standing == folder and folder.stat().st_mode & 0o022:
        what = f"other users of this machine can write into {shown}, and so change the policy"
        yield fail("home", what, f"chmod 700 {shown}")


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
        yield ok("s3 extra", f"boto3 {_version('boto3')}")
    elif settings.s3_bucket is not None:
        yield fail(
            "s3 extra",
            "ALYA_S3_BUCKET is set, but boto3 is missing",
            this_installation().advice("s3"),
        )
    else:
        yield ok("s3 extra", "not installed, and not needed: pictures stay on this machine")


def _image_engine(settings: Settings) -> Check:
    """What draws: this environment, or the one that `alya-mcp engine install` made."""
    from alya_mcp.errors import Failure

    if packages_here():
        return ok("image engine", ", ".join(f"{name} {_version(name)}" for name in PACKAGES[:3]))
    folder = EngineFolder(settings.home)
    try:
        require_packages("image_gen", settings.home)
    except Failure as failure:
        return warn("image engine", str(failure), f"{this_installation().program} engine install")
    installed = folder.read()
    found = "" if installed is None else f"torch {installed.torch}, diffusers {installed.diffusers}"
    return ok("image engine", f"{found}, in {tilde(folder.folder)}")


def hub_cache(variables: Mapping[str, str]) -> Path:
    """The folder where Hugging Face's libraries keep downloaded models, by their own rules."""
    if given := variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE"):
        return expanded(given)
    if given := variables.get("HF_HOME"):
        return expanded(given) / "hub"
    cache = expanded(variables.get("XDG_CACHE_HOME") or Path("~", ".cache"))
    return cache / "huggingface" / "hub"


def _version(package: str) -> str | None:
    try:
        return version("pillow" if package == "PIL" else package)
    except PackageNotFoundError:
        return None
