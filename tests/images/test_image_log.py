"""The worker's log: small, for its owner's eyes only, without prompts and secrets, and never in the way."""

from pathlib import Path

import pytest
from stage import Opener, Stage, Steps, a_job, staged_command, until

from alya_mcp.errors import Failure
from alya_mcp.gate.sanitizer import hidden
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.worker.log import LogStream
from alya_mcp.images.worker.run_folder import RunFolder
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio


async def test_the_log_stays_small_and_is_for_its_owner_only_also_one_that_was_not(
    alya_home: Path, open_at: Opener
):
    place = RunFolder(alya_home)
    place.prepare()
    old = place.log.with_suffix(".log.1")
    for file in (place.log, old):
        file.touch(mode=0o644)
    await open_at().render(a_job("a very private prompt"), Steps())
    with place.log.open("ab") as file:
        file.write(b"x" * (3 << 20))
    await until(lambda: place.log.stat().st_size < 1 << 20, "a rotated log")
    assert old.stat().st_size > 3 << 20
    assert b"private" not in place.log.read_bytes() + old.read_bytes()
    assert {file.stat().st_mode & 0o777 for file in (place.log, old)} == {0o600}


async def test_the_reason_of_a_failure_is_in_the_log_without_the_prompt_and_the_secrets_that_it_quotes(
    alya_home: Path, open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", "a word that opens doors")
    with pytest.raises(Failure):
        await open_at().render(a_job("quote what nobody's to know\nof me"), Steps())
    log = RunFolder(alya_home).log.read_text()
    assert "RuntimeError: can't read" in log
    assert "nobody" not in log
    assert "doors" not in log


async def test_a_library_that_looks_at_the_stream_finds_one_that_is_no_terminal():
    stream = LogStream(hidden())
    assert (stream.encoding, stream.isatty(), stream.fileno()) == ("utf-8", False, 2)


async def test_a_full_disk_costs_the_log_and_no_picture(alya_home: Path, stage: Stage):
    place = RunFolder(alya_home)
    place.prepare()
    place.log.write_bytes(b"x" * 600)
    # No file of the worker may grow past 512 bytes: the log, which has more, takes nothing.
    command = ["sh", "-c", 'ulimit -f 1 && exec "$@"', "sh", *staged_command()]
    engine = LocalEngine(Settings(home=alya_home, image_model="plain", image_linger=0), command=command)
    try:
        with pytest.raises(Failure, match="RuntimeError"):
            await engine.render(a_job("bug"), Steps())
        assert (await engine.render(a_job(), Steps())).model == "plain"
    finally:
        await engine.aclose()
    assert place.log.stat().st_size == 600
