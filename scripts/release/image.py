"""The container image, built from a release's wheel and used as a client does; see check.py."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "localhost/alya-mcp:check"
LARGEST = 200_000_000
"""Bytes of the image's files, unpacked: what Docker's catalogue shows."""


def builder() -> str | None:
    """The first of docker, podman and buildah that works here; buildah needs no daemon."""
    for name in ("docker", "podman", "buildah"):
        if (
            shutil.which(name)
            and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0
        ):
            return name
    return None


def build(name: str, wheel: Path, folder: Path) -> None:
    """Build the image with nothing of the checkout in its context but what the Dockerfile copies."""
    (folder / "dist").mkdir(parents=True)
    shutil.copy(wheel, folder / "dist")
    shutil.copy(ROOT / "constraints.txt", folder)
    dockerfile = ROOT / "packaging" / "image" / "Dockerfile"
    said = ["--build-arg", f"WHEEL=dist/{wheel.name}", "-f", str(dockerfile), "-t", TAG, str(folder)]
    _run([name, "bud" if name == "buildah" else "build", *said])


def size(name: str) -> int:
    """Bytes of the image that was built."""
    if name != "buildah":
        return int(_run([name, "image", "inspect", "--format", "{{.Size}}", TAG]))
    with _container() as container:
        root = _run(["buildah", "mount", container])
        return int(_run(["du", "-sb", root]).split()[0])


@contextmanager
def entry_point(name: str, home: Path) -> Iterator[list[str]]:
    """What starts the server in a container of the image, with its own user, and `home` for its state."""
    home.chmod(0o777)  # the image's user isn't this one
    if name != "buildah":
        yield [name, "run", "-i", "--rm", "--network=none", "-v", f"{home}:/data", TAG]
        return
    config = json.loads(_run([name, "inspect", "--type", "image", TAG]))["OCIv1"]["config"]
    with _container() as container:
        # For buildah the image's own volume at /data comes before one that is given.
        state = ["-v", f"{home}:/state", "-e", "ALYA_HOME=/state"]
        yield [name, "run", *state, container, "--", *config["Entrypoint"]]


@contextmanager
def _container() -> Iterator[str]:
    name = _run(["buildah", "from", "--pull-never", TAG])
    try:
        yield name
    finally:
        _run(["buildah", "rm", name])


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
