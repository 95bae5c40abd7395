"""What the tests of the stores share: pictures, what a link answers, and the end of a store process."""

import hashlib
import random
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from raw_client import eventually
from s3_servers import S3Server

from alya_mcp.settings import Settings
from alya_mcp.storage import launcher as process
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.store import Upload, image_key

DAY = date(2026, 11, 22)
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def picture(seed: int = 0, size: int = 70_000, filename: str = "a harbour.png") -> Upload:
    """Bytes that no store looks into, named as a PNG."""
    data = b"\x89PNG\r\n\x1a\n" + random.Random(seed).randbytes(size)
    return Upload(
        data=data,
        key=image_key(hashlib.sha256(data).hexdigest(), ".png", DAY),
        content_type="image/png",
        filename=filename,
    )


def kept(home: Path, upload: Upload) -> bytes | None:
    """What is in the file of a picture that was kept in `home`, or None."""
    path = home / "images" / upload.key
    return path.read_bytes() if path.exists() else None


def fetch(url: str, method: str = "GET", **headers: str) -> Answer:
    """What `url` answers, whatever the status."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=sent)
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())


def store_process(home: Path) -> process.StoreHealth | None:
    """What the running store process of `home` says of itself."""
    folder = StoreFolder(home)
    key, noted = folder.key(), folder.listener()
    return process.ask(key, noted.port) if key and noted else None


def end_store_process(home: Path) -> None:
    """End the store process of `home`, if it runs."""
    running = store_process(home)
    key = StoreFolder(home).key()
    if running and key:
        process.stop(key, running)
        eventually(lambda: store_process(home) is None, "the end of the store process")


def settings_for(server: S3Server, home: Path, *, prefix: str = "") -> Settings:
    return Settings(
        home=home,
        s3_bucket=server.bucket,
        s3_endpoint_url=server.url,
        s3_region=server.region,
        s3_prefix=prefix,
    )
