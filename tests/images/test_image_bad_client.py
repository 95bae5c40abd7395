"""A client that holds the key and misbehaves: it loses its connection, and nobody else anything."""

import asyncio
import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from stage import Opener, Stage, Steps, a_job, connection, on_the_wire, status_when, until
from staged_worker import HEAVY

from alya_mcp import __version__
from alya_mcp.images.wire.frames import pack, read, unpack
from alya_mcp.images.wire.messages import PROTOCOL
from alya_mcp.images.worker.greeting import Hello, RefusedError, introduce, welcome
from alya_mcp.images.worker.run_folder import RunFolder, WorkerAddress

pytestmark = pytest.mark.anyio

GOOD: dict[str, Any] = unpack(on_the_wire(a_job())).head
BAD: list[dict[str, Any]] = [
    {},
    {**GOOD, "type": ["draw"]},
    {"type": "dance"},
    {"type": "status"},
    {"type": "cancel", "id": math.inf},
    {"type": "status", "id": "1"},
    *({name: value for name, value in GOOD.items() if name != lacking} for lacking in ("job", "terms", "id")),
    {**GOOD, "extra": 1},
    {**GOOD, "terms": None},
    {**GOOD, "client": "c" * 65},
    {**GOOD, "again": 1},
    *({**GOOD, "job": job} for job in (None, "a red circle", [], {}, {**GOOD["job"], "extra": 1})),
    *(
        {**GOOD, "job": {**GOOD["job"], **wrong}}
        for wrong in (
            {"prompt": 7},
            {"prompt": ["a"]},
            {"seed": "7"},
            {"seed": True},
            {"steps": 1.5},
            {"width": math.nan},
            {"strength": "1"},
            {"references": {}},
            {"references": ["a"]},
            *({"references": [{"name": "a", "data": size}]} for size in (5, -1, True, "a", None)),
        )
    ),
    *(
        {**GOOD, "spent": value, "terms": {**GOOD["terms"], name: value}}
        for name in ("idle", "linger", "deadline", "model")
        for value in (math.nan, math.inf, -1, 10**400, True, None, [])
    ),
]


def frame(text: bytes, payload: int = 0) -> bytes:
    return len(text).to_bytes(4) + payload.to_bytes(4) + text


async def test_a_frame_that_is_wrong_costs_the_one_who_sent_it_its_connection_and_nothing_else(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    await engine.warm()
    frames = [
        *(frame(json.dumps(head).encode()) for head in BAD),
        frame(json.dumps({**GOOD, "spent": 7}).replace("7", "1e999").encode()),
        frame(b"[]"),
        frame(b"["),
        frame(b"[" * 100_000),
        frame(b"\xff"),
        frame(b"", 1 << 27),
        pack(GOOD, b"a file that nobody told of"),
        pack({"type": "status", "id": 1}, b"a file"),
        b"\xff" * 8,
    ]
    for number, each in enumerate(frames):
        async with connection(alya_home) as (reader, writer):
            writer.write(each)
            with pytest.raises((EOFError, ConnectionError)), anyio.fail_after(60):
                pytest.fail(f"frame {number} was answered: {(await read(reader)).head}")
    address = RunFolder(alya_home).read_address()
    assert address is not None
    reader, writer = await asyncio.open_unix_connection(address.unix)
    writer.write(frame(b'{"nonce": "\\ud800", "proof": "\\ud800"}'))
    await reader.read()
    writer.close()
    await writer.wait_closed()
    assert (await engine.render(a_job(), Steps())).model == "plain"
    assert "Traceback" not in RunFolder(alya_home).log.read_text()


async def test_a_client_without_the_key_gets_nothing_out_of_the_worker(
    alya_home: Path, open_at: Opener, stage: Stage
):
    engine = open_at()
    await engine.render(a_job(), Steps())
    stage.forget()
    address = RunFolder(alya_home).read_address()
    assert address is not None
    reader, writer = await asyncio.open_unix_connection(address.unix)
    own = Hello(version=__version__, protocol=PROTOCOL, pid=os.getpid())
    with pytest.raises(RefusedError):
        await introduce(reader, writer, b"k" * 32, own)
    writer.write(on_the_wire(a_job()))
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert (await engine.status()).clients == 1
    assert not stage.was_at("encode")


async def test_nothing_is_asked_of_a_process_that_listens_there_without_the_key(
    alya_home: Path, open_at: Opener
):
    place = RunFolder(alya_home)
    place.prepare()
    place.ensure_key()
    heard: list[bytes] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(RefusedError):
            await welcome(reader, writer, b"k" * 32, Hello(version=__version__, protocol=PROTOCOL, pid=1))
        writer.write(pack({"proof": "", "version": __version__, "protocol": PROTOCOL, "pid": 1}))
        heard.append(await reader.read())
        writer.close()

    path = place.new_socket_path()
    async with await asyncio.start_unix_server(attend, path):
        place.write_address(WorkerAddress(pid=os.getpid(), unix=str(path)))
        assert "another key" in ((await open_at().status()).why or "")
        await until(lambda: heard, "the end of the connection")
    assert heard == [b""]


async def test_a_client_that_asks_and_never_reads_is_let_go_before_its_pictures_fill_the_memory(
    alya_home: Path, open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAGE_UNREAD", "30000000")
    engine = open_at()
    await engine.warm()
    async with connection(alya_home) as (_, writer):
        for number in range(4):
            job = {**GOOD["job"], "width": 2048, "height": 2048}
            writer.write(pack({**GOOD, "id": number, "job": job}))
        status = await status_when(engine, lambda status: status.clients == 1)
    assert status.memory is not None
    assert status.memory["resident"] < HEAVY
    assert "doesn't read" in RunFolder(alya_home).log.read_text()
