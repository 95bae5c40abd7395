"""Creates, updates and removes the image engine's own environment."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alya_mcp import __version__
from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.images.environment.folder import EngineFolder, Installed
from alya_mcp.images.environment.packages import constraints, requirements
from alya_mcp.images.environment.uv import Say, find_uv
from alya_mcp.runtime.frozen import for_other_programs, is_frozen
from alya_mcp.runtime.locks import LockTimeout, exclusive
from alya_mcp.runtime.private_files import private_folder

PYTORCH_INDEX: Final = "https://download.pytorch.org/whl/"
"""PyTorch's own index, from which uv takes builds for a machine; PyPI's for Linux include CUDA."""
INDEX: Final = "index"
FOLDER: Final = "folder"
_PYTHONS: Final = ">=3.11,<3.15"
_REACH_SECONDS: Final = 10.0
_LEAST_FREE: Final = 300_000_000
"""Free bytes below which a failure is reported as a full disk."""
_LOOK: Final = (
    "import json, platform, torch, diffusers, transformers, accelerate, PIL, numpy, psutil; "
    "print(json.dumps([platform.python_version(), torch.__version__, diffusers.__version__]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """What to install: the build of PyTorch, a Python (a path or a version), a folder of wheels.

    `build` is `auto`, `index`, or a name that uv's `--torch-backend` knows, such as `cpu` or `cu130`.
    """

    build: str = "auto"
    python: str | None = None
    wheels: Path | None = None


def fits(installed: Installed | None, wanted: EngineRequest) -> bool:
    """Whether the installed environment is what this version needs, in the requested build."""
    return (
        installed is not None
        and set(installed.requirements) == set(requirements())
        and wanted.build in {"auto", installed.build}
    )


def install(home: Path, wanted: EngineRequest, say: Say) -> Installed:
    """Create or update the environment of `home`; `uv` shows its progress on standard error.

    If it is stopped or fails, nothing counts as installed; packages that were downloaded completely are kept
    for the next attempt. No image worker may run from it meanwhile.

    Raises:
        NotConfigured: the user must do something first: free disk space, install a Python, fill the folder.
        Unavailable: the network, or another process that installs.
        Failure: uv gave up; it said why.
    """
    folder = EngineFolder(home)
    try:
        private_folder(folder.folder)
        with exclusive(folder.lock, wait=0):
            return _install(folder, wanted, say)
    except LockTimeout:
        raise Unavailable("Another process installs or removes the image engine now; wait for it") from None
    except OSError as error:
        raise NotConfigured(
            f"The image engine can't be kept in the folder that ALYA_HOME names ({error.strerror or error}). "
            "Make room, or set ALYA_HOME to a folder that can be written"
        ) from error


def remove(home: Path) -> int:
    """Remove the environment of `home` and its downloads; the bytes that were freed.

    Raises:
        Unavailable: another process installs.
        NotConfigured: files can't be removed.
    """
    folder = EngineFolder(home)
    if not folder.folder.exists():
        return 0
    try:
        with exclusive(folder.lock, wait=0):
            size = folder.size()
            folder.record.unlink(missing_ok=True)  # from here on it isn't used
            shutil.rmtree(folder.folder)
    except LockTimeout:
        raise Unavailable("Another process installs or removes the image engine now; wait for it") from None
    except OSError as error:
        raise NotConfigured(
            f"Files of the image engine can't be removed ({error.strerror or error}); it is no longer used. "
            "End programs that have them open, and run the same command again"
        ) from error
    folder.lock.unlink(missing_ok=True)
    return size


def _install(folder: EngineFolder, wanted: EngineRequest, say: Say) -> Installed:
    needed = requirements()
    uv = find_uv(folder, wanted.wheels, say)
    build = _build(wanted, say)
    folder.record.unlink(missing_ok=True)
    _make(uv, folder, wanted)
    command = ["pip", "install", "--python", str(folder.python), *needed]
    if (versions := constraints()) is not None:
        command += ["--constraint", str(versions)]
    if wanted.wheels is not None:
        command += ["--offline", "--no-index", "--find-links", str(wanted.wheels)]
    elif build != INDEX:
        command += ["--torch-backend", build]
    say("installing PyTorch, diffusers and transformers: 1.1 GB on the disk, 5 GB with CUDA")
    _run(uv, command, folder, "The packages can't be installed")
    installed = _look(folder, build, needed)
    folder.write(installed)
    shutil.rmtree(folder.downloads, ignore_errors=True)
    return installed


def _build(wanted: EngineRequest, say: Say) -> str:
    """The build to ask uv for."""
    if wanted.wheels is not None:
        return FOLDER
    if wanted.build != "auto":
        return wanted.build
    if sys.platform == "darwin":
        return INDEX  # there is only one build, in the package index
    if _reachable(PYTORCH_INDEX):
        return "auto"
    say(f"{PYTORCH_INDEX} can't be reached: PyTorch comes from the package index, on Linux with CUDA")
    return INDEX


def _reachable(address: str) -> bool:
    import httpx2

    try:
        with httpx2.Client(timeout=_REACH_SECONDS, follow_redirects=True) as client:
            return client.head(address).status_code < 400
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


def _make(uv: Path, folder: EngineFolder, wanted: EngineRequest) -> None:
    """Create a Python environment in the folder, unless there is a working one with the requested Python."""
    if wanted.python is None and _runs(folder.python):
        return
    # The binary has no interpreter to share; uv finds one, or downloads one into the folder.
    python = wanted.python or (_PYTHONS if is_frozen() else sys.executable)
    command = ["venv", "--no-project", "--clear", "--python", python, str(folder.environment)]
    if wanted.wheels is not None:
        command += ["--offline", "--no-python-downloads"]
    why = "There is no Python for the image engine (3.11 to 3.14); name one with --python"
    _run(uv, command, folder, why)


def _runs(python: Path) -> bool:
    try:
        ended = subprocess.run([str(python), "-c", ""], capture_output=True, check=False, env=_environment())  # noqa: S603
    except OSError:
        return False
    return ended.returncode == 0


def _run(uv: Path, words: Sequence[str], folder: EngineFolder, failed: str) -> None:
    """Run uv, which reports progress and errors to the user on standard error."""
    own = {"UV_PYTHON_INSTALL_DIR": str(folder.pythons), "UV_CACHE_DIR": str(folder.downloads)}
    ended = subprocess.run(  # noqa: S603 - uv, as the user's PATH or we put it there
        [str(uv), *words],
        cwd=folder.folder,  # a folder without project settings
        env={**_environment(), **own},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=False,
    )
    if ended.returncode == 0:
        return
    if shutil.disk_usage(folder.folder).free < _LEAST_FREE:
        raise NotConfigured(f"{failed}: the disk is full. Make room and run the same command again")
    raise Failure(
        f"{failed}: uv gave up with status {ended.returncode}, and said why above. What came whole is kept; "
        "run the same command again to go on"
    )


def _environment() -> dict[str, str]:
    ignored = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH"}
    return {name: value for name, value in for_other_programs(os.environ).items() if name not in ignored}


def _look(folder: EngineFolder, build: str, needed: tuple[str, ...]) -> Installed:
    """Import the packages, as the worker will.

    Raises:
        Failure: one can't be imported.
    """
    ended = subprocess.run(  # noqa: S603 - the Python that was just installed
        [str(folder.python), "-P", "-c", _LOOK],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.folder,
        env=_environment(),
    )
    try:
        told: list[Any] = json.loads(ended.stdout.splitlines()[-1])
        python, torch, diffusers = map(str, told)
    except (ValueError, IndexError):
        last = ended.stderr.strip().rpartition("\n")[2][:300] or f"exit status {ended.returncode}"
        raise Failure(f"The packages are installed, but can't be used: {last}") from None
    return Installed(
        made_by=__version__,
        python=python,
        torch=torch,
        diffusers=diffusers,
        build=build,
        requirements=needed,
    )
