"""The checkout's own environment in .venv: made when missing, mended when broken, updated when outdated."""

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
STAMP = FOLDER / "alya-mcp.stamp"
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
"""PyTorch's index of builds without CUDA; on Linux those of PyPI bring CUDA along."""

_REACH_SECONDS = 5.0


def ready(*, tests: bool) -> Path:
    """Make the environment fit this checkout and return its Python; end with a sentence when that fails.

    `tests` adds what the tests and checks need. The versions are those of constraints.txt.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 is
        sys.exit(f"alya-mcp needs Python 3.11 or later; this is {sys.version.split()[0]} ({sys.executable})")
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    fitting = {_fingerprint(tests), _fingerprint(tests=True)}
    if STAMP.exists() and STAMP.read_text(encoding="ascii") in fitting and _works(python):
        return python
    try:
        _make(python)
        _install(python, tests)
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(
            f"The environment in {FOLDER.name} could not be made: {error}.\n"
            "What pip printed above says why. Without a network nothing can be downloaded; on Debian and "
            "Ubuntu the package python3-venv has to be there. Run the same command again to go on."
        )
    STAMP.write_text(_fingerprint(tests), encoding="ascii")
    return python


def variables() -> dict[str, str]:
    """The environment's variables for a child that imports much: bytecode is kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _works(python: Path) -> bool:
    """Whether an environment has a Python that starts and its pip."""
    try:
        ran = subprocess.run([python, "-c", "import pip"], capture_output=True, check=False)
    except OSError:
        return False
    return ran.returncode == 0


def _make(python: Path) -> None:
    if _works(python):
        return
    if FOLDER.exists():
        print(f"the environment in {FOLDER.name} is broken; making it again", file=sys.stderr)
    else:
        print(f"making an environment in {FOLDER.name}", file=sys.stderr)
    venv.create(FOLDER, with_pip=True, clear=True)


def _install(python: Path, tests: bool) -> None:
    builds = _torch_builds()
    size = "1.5 GB" if builds or sys.platform == "darwin" else "5.5 GB"
    print(
        f"installing what alya-mcp needs: about {size} on the disk and some minutes, the first time",
        file=sys.stderr,
    )
    shown = [] if sys.stderr.isatty() else ["--quiet"]
    pip = [str(python), "-m", "pip", "install", *shown, "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True, cwd=ROOT)
    groups = ["--group", "dev"] if tests else []
    subprocess.run([*pip, *builds, "-c", "constraints.txt", "-e", ".[all]", *groups], check=True, cwd=ROOT)


def _torch_builds() -> list[str]:
    """Options of pip that take PyTorch's CPU build: on Linux without an NVIDIA driver, if reachable."""
    if sys.platform != "linux" or shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists():
        return []
    try:
        with urllib.request.urlopen(f"{CPU_BUILDS}/", timeout=_REACH_SECONDS):
            return ["--extra-index-url", CPU_BUILDS]
    except (OSError, ValueError):
        return []


def _fingerprint(tests: bool) -> str:
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(content + bytes([tests])).hexdigest()
