"""The checkout's own environment in .venv: made when missing, brought up to date when outdated."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
STAMP = FOLDER / "alya-mcp.stamp"


def ready(*, tests: bool) -> Path:
    """Make the environment fit this checkout and return its Python.

    `tests` adds what the tests and checks need. The versions are those of constraints.txt.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 is
        sys.exit(f"alya-mcp needs Python 3.11 or later; this is {sys.version.split()[0]} ({sys.executable})")
    python = FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = _fingerprint(tests)
    if (
        STAMP.exists()
        and python.exists()
        and STAMP.read_text(encoding="ascii") in {wanted, _fingerprint(tests=True)}
    ):
        return python
    if not python.exists():
        print(f"making an environment in {FOLDER.name}", file=sys.stderr)
        venv.create(FOLDER, with_pip=True)
    print("installing what alya-mcp needs (some minutes the first time)", file=sys.stderr)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", "pip>=25.1"], check=True, cwd=ROOT)
    groups = ["--group", "dev"] if tests else []
    subprocess.run([*install, "-c", "constraints.txt", "-e", ".[all]", *groups], check=True, cwd=ROOT)
    STAMP.write_text(wanted, encoding="ascii")
    return python


def variables() -> dict[str, str]:
    """The environment's variables for a child that imports much: bytecode is kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _fingerprint(tests: bool) -> str:
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(content + bytes([tests])).hexdigest()
