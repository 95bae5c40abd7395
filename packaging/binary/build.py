"""Make the one binary: python packaging/binary/build.py OUT [--wheel FILE].

Freezes alya-mcp with boto3, and without PyTorch, for the system and the Python that this runs on: Linux,
macOS or Windows. Python has to be a shared library, as installers and distributions have it. A C compiler is
needed; on Windows it comes as a package. OUT gets `alya-mcp` (`alya-mcp.exe`), which needs no Python.

`--wheel` freezes that wheel, by default it is this checkout, in a temporary environment.
"""

import argparse
import hashlib
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "alya-mcp.exe" if os.name == "nt" else "alya-mcp"
LIMIT = 40_000_000
"""Bytes: more than a person should have to download for a server without PyTorch."""
IN_USE = "in-use"
"""The file that a running program holds a lock on (platform.h, alya_mcp.runtime.frozen)."""
_SAME_EVERY_TIME = {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "1767225600"}


def main() -> int:
    reader = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    reader.add_argument("out", type=Path)
    reader.add_argument("--wheel", type=Path)
    given = reader.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="alya-mcp-binary-") as name:
        work = Path(name)
        program = freeze(work, given.wheel or ROOT)
        archive = packed(program)
        compiled = compile_launcher(work, archive, (given.out / NAME).absolute())
    size = compiled.stat().st_size
    print(f"{compiled.name}: {size:,} bytes; unpacked {len(archive):,}")
    if size > LIMIT:
        sys.exit(f"that is more than {LIMIT:,} bytes")
    return 0


def freeze(work: Path, source: Path) -> Path:
    """Install `source` with what freezes it, and freeze it; the folder with the program."""
    environment = work / "env"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    run([*pip, *constraints, "-r", str(HERE / "requirements.txt"), f"{source}[s3]"])
    command = [str(python), "-P", "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    folders = ["--distpath", str(work / "dist"), "--workpath", str(work / "build")]
    run([*command, *folders, str(HERE / "alya-mcp.spec")])
    return work / "dist" / "alya-mcp"


def packed(program: Path) -> bytes:
    """The files of `program` as a tar archive that depends on nothing but their names and content."""
    (program / IN_USE).touch()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(program.rglob("*")):
            entry = archive.gettarinfo(path, path.relative_to(program).as_posix())
            entry.mtime = entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            if entry.islnk():  # two names of one file; the launcher knows plain files only
                entry.type, entry.size = tarfile.REGTYPE, path.stat().st_size
            if entry.isfile():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
    return buffer.getvalue()


def compile_launcher(work: Path, archive: bytes, to: Path) -> Path:
    """Compile the launcher with `archive` in it, packed."""
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 9}]
    payload = work / "payload"
    payload.write_bytes(lzma.compress(archive, lzma.FORMAT_ALONE, filters=filters))
    digest = hashlib.sha256(payload.read_bytes()).hexdigest()[:16]
    if os.name == "nt":
        python = work / "env" / "Scripts" / "python.exe"
        compiler = [str(python), "-m", "ziglang", "cc", "-target", "x86_64-windows-gnu"]
    else:
        compiler = os.environ.get("CC", "cc").split()
    defined = {
        "PAYLOAD": f'"{payload.as_posix()}"',
        "PAYLOAD_DIGEST": f'"{digest}"',
        "UNPACKED_SIZE": f"{len(archive)}u",
        "UNPACKED_CRC": f"{zlib.crc32(archive)}u",
    }
    words = [f"-D{name}={value}" for name, value in defined.items()]
    run([*compiler, "-std=gnu11", "-O2", *words, str(HERE / "launcher.c"), "-o", str(to)])
    return to


def run(command: list[str]) -> None:
    """Run `command`; its failure is the end."""
    ended = subprocess.run(command, check=False, env={**os.environ, **_SAME_EVERY_TIME})
    if ended.returncode:
        sys.exit(f"{' '.join(command[:4])} ... failed with status {ended.returncode}")


if __name__ == "__main__":
    sys.exit(main())
