"""How long a picture takes into and out of each store, beside the least that it could take.

    python scripts/bench/stores.py [--rounds 30] [--megabytes 1.5] [--swift] [--output json]

The least is measured in the same run: for the local store a plain file, written and synced to the disk; for
S3 boto3's own put_object and generate_presigned_url. "again" is what a picture asked for once more takes:
finding it in the index, and a fresh link.
"""

import argparse
import hashlib
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/support"))

import s3_servers  # pyright: ignore[reportMissingImports]

from alya_mcp.settings import Settings
from alya_mcp.storage import launcher as process
from alya_mcp.storage import open_store
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.store import Store, Stored, Upload, image_key
from alya_mcp.tools.images.repeat_index import Known, RepeatIndex, RepeatKey

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians in milliseconds."""

    store: str
    first_put: float
    put: float
    least_put: float
    get: float
    least_get: float
    again: float

    def text(self) -> str:
        return (
            f"{self.store:8}  {self.first_put:9.1f}  {self.put:7.2f}  {self.least_put:7.2f}  "
            f"{self.put / self.least_put:5.2f}  {self.get:7.2f}  {self.least_get:7.2f}  "
            f"{self.get / self.least_get:5.2f}  {self.again:7.2f}"
        )


HEADER = "store     first put      put    least  ratio      get    least  ratio    again"


def upload(number: int, size: int) -> Upload:
    data = number.to_bytes(8, "big") + os.urandom(size - 8)
    return Upload(
        data=data,
        key=image_key(hashlib.sha256(data).hexdigest(), "png", datetime.now(UTC).date()),
        content_type="image/png",
        filename="bench.png",
    )


async def timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = await work()
    return (time.perf_counter() - start) * 1e3, result


def timed_now(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def get(url: str) -> bytes:
    with OPENER.open(url) as answer:
        return answer.read()


async def measure(
    name: str,
    store: Store,
    index: RepeatIndex,
    rounds: int,
    size: int,
    least: Callable[[Upload], tuple[Callable[[], object], Callable[[], object]]],
) -> Row:
    """Alternate the store's own way and the least way, so that both see the same machine."""
    first, _ = await timed(lambda: store.put(upload(0, size), expires_in=600))
    puts: list[float] = []
    gets: list[float] = []
    least_puts: list[float] = []
    least_gets: list[float] = []
    agains: list[float] = []
    for number in range(1, rounds + 1):
        ours = upload(number, size)
        took, stored = await timed(lambda ours=ours: store.put(ours, expires_in=600))
        puts.append(took)
        gets.append(timed_now(partial(get, stored.url)))
        question = {"prompt": "bench", "seed": number}
        index.remember(question, known(ours, stored))
        took, linked = await timed(partial(again, store, index, question))
        assert linked is not None
        agains.append(took)
        put_least, get_least = least(upload(-number & 0xFFFF, size))
        least_puts.append(timed_now(put_least))
        least_gets.append(timed_now(get_least))
    await store.aclose()
    index.close()
    return Row(
        store=name,
        first_put=first,
        put=statistics.median(puts),
        least_put=statistics.median(least_puts),
        get=statistics.median(gets),
        least_get=statistics.median(least_gets),
        again=statistics.median(agains),
    )


def known(item: Upload, stored: Stored) -> Known:
    """What is remembered of a picture, with a preview of the usual size."""
    return Known(
        key=stored.key,
        sha256="",
        size=len(item.data),
        content_type=item.content_type,
        width=1024,
        height=1024,
        model="bench",
        notice=None,
        preview=os.urandom(150_000),
    )


async def again(store: Store, index: RepeatIndex, question: RepeatKey) -> Stored | None:
    found = await anyio.to_thread.run_sync(index.find, question)
    assert found is not None
    return await store.link(found.key, size=found.size, filename="bench.png", expires_in=600)


async def local(rounds: int, size: int) -> Row:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)

        def least(item: Upload) -> tuple[Callable[[], object], Callable[[], object]]:
            path = home / item.key.replace("/", "-")
            return lambda: write_synced(path, item.data), path.read_bytes

        try:
            return await measure(
                "local", open_store(Settings(home=home)), RepeatIndex(home), rounds, size, least
            )
        finally:
            folder = StoreFolder(home)
            key, noted = folder.key(), folder.listener()
            running = process.ask(key, noted.port) if key and noted else None
            if key and running:
                process.stop(key, running)


async def s3(server: s3_servers.S3Server, rounds: int, size: int) -> Row:
    os.environ.update(server.credentials())
    client = s3_servers.client(server)

    def least(item: Upload) -> tuple[Callable[[], object], Callable[[], object]]:
        where = {"Bucket": server.bucket, "Key": f"least/{item.key}"}

        def put() -> None:
            client.put_object(Body=item.data, **where)
            client.generate_presigned_url("get_object", Params=where, ExpiresIn=600)

        def fetch() -> None:
            client.get_object(**where)["Body"].read()

        return put, fetch

    with tempfile.TemporaryDirectory() as name:
        settings = Settings(
            home=Path(name), s3_bucket=server.bucket, s3_endpoint_url=server.url, s3_region=server.region
        )
        try:
            return await measure(
                server.name, open_store(settings), RepeatIndex(settings.home), rounds, size, least
            )
        finally:
            client.close()


async def run(rounds: int, size: int, with_swift: bool) -> list[Row]:
    rows = [await local(rounds, size)]
    with tempfile.TemporaryDirectory() as name:
        with s3_servers.rclone(Path(name) / "rclone") as server:
            rows.append(await s3(server, rounds, size))
        if with_swift:
            with s3_servers.swift(Path(name) / "swift") as server:
                rows.append(await s3(server, rounds, size))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the stores.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--megabytes", type=float, default=1.5)
    parser.add_argument("--swift", action="store_true", help="also OpenStack Swift, installed on first use")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    rows = anyio.run(run, given.rounds, int(given.megabytes * 1e6), given.swift)
    if given.output == "json":
        print(json.dumps([{name: getattr(row, name) for name in row.__slots__} for row in rows]))
        return
    print(f"{given.megabytes:g} MB, median of {given.rounds}, ms")
    print(HEADER)
    for row in rows:
        print(row.text())


if __name__ == "__main__":
    main()
