"""Encodes a picture in the image engine's environment, for a process without Pillow and NumPy.

The input is a line of JSON and the pixels, the output a line of JSON, the file and its preview. Previews are
scaled down in the same way, one after the other.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import Unavailable
from alya_mcp.images.encode import Encoded, Format, encode_with_preview, shrunk
from alya_mcp.images.engine import Picture
from alya_mcp.images.environment.packages import image_command, require_packages
from alya_mcp.runtime.frozen import for_other_programs
from alya_mcp.runtime.installation import this_installation

_SECONDS: Final = 120.0
_PACKAGES: Final = ("PIL", "numpy")
"""What has to be importable where files are made; with Ray, a server needs no more than these."""


def require_file_packages(home: Path) -> None:
    """See that files can be made, before anything is drawn.

    Raises:
        EngineNotInstalled: the packages are nowhere.
        NotConfigured: those of `home` are for another version.
    """
    require_packages("image_gen", home, _makes_files_here)


def _makes_files_here() -> bool:
    return all(find_spec(name) is not None for name in _PACKAGES)


def make_file(
    picture: Picture,
    format: Format,  # noqa: A002
    provenance: Mapping[str, str],
    home: Path,
) -> tuple[Encoded, bytes]:
    """Like `encode_with_preview`, in this process or in the environment of `home`'s image engine.

    Raises:
        EngineNotInstalled: neither environment has the packages.
        Unavailable: the other process failed.
    """
    if _makes_files_here():
        return encode_with_preview(picture, format, provenance)
    require_packages("image_gen", home)
    asked = {
        "width": picture.width,
        "height": picture.height,
        "format": format,
        "provenance": dict(provenance),
    }
    told, files = _elsewhere(asked, picture.pixels, home)
    size = int(told["size"])
    encoded = Encoded(
        data=files[:size],
        content_type=told["contentType"],
        suffix=told["suffix"],
        sha256=told["sha256"],
    )
    return encoded, files[size:]


def shrink(previews: Sequence[bytes], home: Path) -> Sequence[bytes]:
    """Scale `previews` down to the pixels and bytes of one in total, in the process that `make_file` uses.

    Raises:
        EngineNotInstalled, Unavailable: as `make_file` does.
    """
    if _makes_files_here():
        return [shrunk(each, len(previews)) for each in previews]
    require_packages("image_gen", home)
    told, files = _elsewhere({"previews": [len(each) for each in previews]}, b"".join(previews), home)
    return _cut(files, told["sizes"])


def _elsewhere(asked: Mapping[str, Any], data: bytes, home: Path) -> tuple[dict[str, Any], bytes]:
    """Run the other process; its JSON answer and the files."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and code
            image_command("alya_mcp.images.file_process", home=home),
            input=json.dumps(asked).encode() + b"\n" + data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=for_other_programs(os.environ),
        )
        head, _, files = ended.stdout.partition(b"\n")
        return json.loads(head), files
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", None) or b""
        sys.stderr.write(said.decode(errors="replace"))
        raise Unavailable(
            "The picture was drawn, but its file can't be made: the image engine's environment doesn't run. "
            f"The user can make it again: {this_installation().program} engine install"
        ) from error


def _cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The parts of `data` that have these sizes."""
    ends = list(accumulate(sizes, initial=0))
    return [data[begin:end] for begin, end in pairwise(ends)]


def main() -> None:
    """Answer the one request on standard input."""
    asked: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    if "previews" in asked:
        given = _cut(sys.stdin.buffer.read(), asked["previews"])
        small = [shrunk(each, len(given)) for each in given]
        _answer({"sizes": [len(each) for each in small]}, *small)
        return
    picture = Picture(
        pixels=sys.stdin.buffer.read(),
        width=asked["width"],
        height=asked["height"],
        seed=0,
        steps=0,
        model="",
        notice=None,
        timings={},
    )
    file, small = encode_with_preview(picture, asked["format"], asked["provenance"])
    told = {
        "size": len(file.data),
        "contentType": file.content_type,
        "suffix": file.suffix,
        "sha256": file.sha256,
    }
    _answer(told, file.data, small)


def _answer(told: Mapping[str, Any], *files: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + b"".join(files))
    sys.stdout.buffer.flush()
