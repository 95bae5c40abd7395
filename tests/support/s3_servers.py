"""Real S3 servers for tests: rclone, quick to start, and OpenStack Swift, strict about everything.

`python tests/s3_servers.py install` puts Swift into its own environment ahead of a test run.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alya_mcp.runtime.locks import exclusive

SWIFT_VERSION = "2.38.3"
_START_SECONDS = 60.0
_INSTALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server. `bucket` exists on it; `region` is the only one that it accepts, where it minds."""

    name: str
    url: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def credentials(self) -> dict[str, str]:
        """The environment variables that give access."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


@contextmanager
def rclone(folder: Path) -> Generator[S3Server]:
    """`rclone serve s3` over `folder`, with one bucket."""
    program = Path(sys.executable).with_name("rclone")
    (folder / "pictures").mkdir(parents=True)
    access_key, secret_key = "AKRCLONETEST", "rclone-secret-of-the-tests"
    keys = f"{access_key},{secret_key}"
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [program, "serve", "s3", "--config", "", "--addr", "127.0.0.1:0", "--auth-key", keys, folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    with _ended_after(process):
        url = _announced(process, log, r"Starting s3 server on \[(http://127\.0\.0\.1:\d+)/\]")
        yield S3Server(
            name="rclone", url=url, bucket="pictures", access_key=access_key, secret_key=secret_key
        )


@contextmanager
def swift(folder: Path, region: str = "eu-north-7") -> Generator[S3Server]:
    """OpenStack Swift with its S3 interface in one process, data in `folder`, with one bucket."""
    folder.mkdir(parents=True)
    secret_key = "swift-secret-of-the-tests"
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [swift_python(), Path(__file__).with_name("swift_server.py"), folder, secret_key, region],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    with _ended_after(process):
        url = _announced(process, log, r"listening on (http://127\.0\.0\.1:\d+)")
        server = S3Server(
            name="swift",
            url=url,
            bucket="pictures",
            access_key="test:tester",
            secret_key=secret_key,
            region=region,
        )
        make_bucket(server, server.bucket)
        yield server


def swift_python() -> Path:
    """The interpreter of Swift's own environment, which is made when it isn't there."""
    here = Path(__file__).resolve().parents[2]
    cache = Path(os.environ.get("ALYA_TEST_CACHE") or here / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = cache / f"swift-{SWIFT_VERSION}-py{version}"
    python = environment / "bin" / "python"
    if not (environment / "complete").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(cache / f"{environment.name}.lock", wait=_INSTALL_SECONDS):
            if not (environment / "complete").exists():
                _install_swift(environment, python)
    return python


def _install_swift(environment: Path, python: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    packages = [f"swift=={SWIFT_VERSION}", "setuptools<81"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    (environment / "complete").touch()


def make_bucket(server: S3Server, bucket: str) -> None:
    """Make a bucket on `server`."""
    client(server).create_bucket(Bucket=bucket)


def client(server: S3Server):
    """A plain boto3 client of `server`."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def _announced(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """The address that the server writes to its log, once it answers there."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace")
        found = re.search(pattern, said)
        if found and _answers(found[1]):
            return found[1]
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}:\n{said[-4000:]}")
        time.sleep(0.02)
    raise RuntimeError(f"the server didn't start within {_START_SECONDS:g} s:\n{log.read_text()[-4000:]}")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError:
        return False
    return True


@contextmanager
def _ended_after(process: subprocess.Popen[bytes]) -> Generator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.stdout.write(f"{swift_python()}\n")
