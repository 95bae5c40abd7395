"""What pages do while they are open: streams of changed parts, checks and drawings in the background."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from browser_stand_in import Browser
from gate_support import a_call, outcome_of, policy
from raw_client import PATIENCE

from alya_mcp.app.stop import stop_calls
from alya_mcp.dashboard.live import MOST_STREAMS
from alya_mcp.dashboard.services import Services
from alya_mcp.gate import Audit, Gate
from alya_mcp.images.encode import encode
from alya_mcp.images.engine import Picture

pytestmark = pytest.mark.anyio

FRAME = {"switch", "waiting"}


@pytest.mark.parametrize(
    ("page", "own"),
    [
        ("now", set()),
        ("spend", set()),
        ("policy", set()),
        ("pictures?from=0", {"gallery", "drawing"}),
        ("audit", {"whole", "indexing"}),
    ],
)
async def test_a_page_that_stays_open_is_told_what_changed(
    user: Browser, services: Services, page: str, own: set[str]
) -> None:
    told: list[str] = []

    def heard(parts: dict[str, str]) -> bool:
        if parts.keys() >= FRAME | own and not told:
            told.append(parts["switch"])
            stop_calls(services.settings)
        return bool(told) and parts["switch"] != told[0]

    parts = await user.listen(f"{user.path}/live/{page}", heard)
    assert "resume" in parts["switch"]


async def test_more_pages_than_the_dashboard_serves_are_refused(user: Browser) -> None:
    full, done = anyio.Event(), anyio.Event()
    listening: set[int] = set()

    async def one(number: int) -> None:
        async def take(_: bytes) -> None:
            listening.add(number)
            if len(listening) == MOST_STREAMS:
                full.set()

        await user.ask("GET", f"{user.path}/live/audit", b"", {"sec-fetch-site": "same-origin"}, take, done)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(MOST_STREAMS):
                group.start_soon(one, number)
            await full.wait()
            assert (await user.get(f"{user.path}/live/audit")).status == 503
            done.set()
    await user.listen(f"{user.path}/live/audit", bool)  # each that left makes room for another


async def test_health_shows_what_doctor_finds(
    user: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALYA_IMAGE_DEADLINE", "soon")  # the checks end where the settings can't be read
    page = await user.get(f"{user.path}/health")
    parts = await user.listen(
        f"{user.path}/live/health", lambda parts: "ALYA_IMAGE_DEADLINE" in parts.get("checks", "")
    )
    assert "checks" in parts
    first = services.health.checks
    assert [(check.id, check.state) for check in first if check.part == "settings"] == [
        ("settings_invalid", "fail")
    ]
    assert (await user.submit(page, "/health/again")).status == 303
    await user.listen(f"{user.path}/live/health", lambda _: services.health.checks is not first)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets a shell script stand for `alya-mcp call`; there is none before the first."""
    file = tmp_path / "program"
    monkeypatch.setattr(sys, "executable", str(file))

    def write(script: str) -> None:
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return write


async def test_a_drawing_is_shown_until_it_is_done_or_says_why_it_failed(
    user: Browser, services: Services, program: Callable[[str], None], tmp_path: Path
) -> None:
    runs = services.drawing
    assert runs.begin("a fox", 0)  # no program yet
    await user.listen(f"{user.path}/live/pictures", lambda _: runs.jobs()[0].state != "drawing")
    refused = json.dumps({"content": [{"type": "text", "text": "No pictures today"}], "isError": True})
    for seed, script in (
        (1, f"cat > {tmp_path}/asked"),
        (2, f"cat > /dev/null; echo '{refused}'; exit 1"),
        (3, "cat > /dev/null; echo no JSON; exit 1"),
    ):
        program(script)
        assert runs.begin("a fox", seed)
        await user.listen(f"{user.path}/live/pictures", lambda _: runs.jobs()[0].state != "drawing")
    assert json.loads((tmp_path / "asked").read_bytes()) == {"prompt": "a fox", "seed": 1}
    assert [(job.seed, job.state) for job in runs.jobs()] == [
        (3, "failed"), (2, "failed"), (1, "done"), (0, "failed"),
    ]  # fmt: skip
    assert runs.jobs()[1].why == "No pictures today"
    assert "No pictures today" in (await user.get(f"{user.path}/pictures")).text


def test_two_drawings_run_at_once_and_none_outlives_the_dashboard(
    services: Services, program: Callable[[str], None]
) -> None:
    program("exec sleep 600")
    runs = services.drawing
    assert [runs.begin("a fox", seed) for seed in (1, 2, 3)] == [True, True, False]
    runs.close()  # though they may only be starting
    assert {job.state for job in runs.jobs()} == {"failed"}


async def test_a_picture_that_went_meanwhile_has_no_link_and_is_drawn_again(
    user: Browser, services: Services, program: Callable[[str], None], alya_home: Path
) -> None:
    drawn = Picture(
        pixels=bytes(64 * 64 * 3), width=64, height=64, seed=7, steps=4, model="m", notice=None, timings={}
    )
    file = encode(drawn, "png", {"seed": "7", "steps": "4", "model": "alya-sketch"})
    path = alya_home / "images" / "2026-12-01" / f"{file.sha256}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(file.data)
    (name,) = re.findall(r"/pictures/([0-9a-f]{24})\"", (await user.get(f"{user.path}/pictures")).text)
    at = f"{user.path}/pictures/{name}"
    page = await user.get(at)
    assert (await user.get(f"{at}/preview")).header("content-type") == "image/png"
    assert "http://" not in (await user.submit(page, "/link", expires="7")).text
    program("exec sleep 600")
    for _ in range(2):
        assert (await user.submit(page, "/again", prompt="a fox", seed="7")).status == 303
    assert (await user.submit(page, "/again", prompt="a fox", seed="7")).status == 200
    assert [job.state for job in services.drawing.jobs()] == ["drawing", "drawing"]
    path.unlink()
    assert (await user.submit(page, "/link", expires="3600")).status == 404
    assert (await user.submit(page, "/delete")).status == 303


async def test_a_log_that_cannot_be_read_is_told(user: Browser, services: Services) -> None:
    gate = Gate(policy({}), services.state, Audit(services.settings.audit_folder, services.state))
    await outcome_of(gate, a_call("image_gen"))
    services.index.refresh()
    (file,) = services.settings.audit_folder.glob("*.jsonl")
    chain = file.name.split("-")[1]
    assert (await user.get(f"{user.path}/audit/{chain}/1")).status == 200
    gate.close()
    file.unlink()
    file.mkdir()
    assert (await user.get(f"{user.path}/audit/{chain}/1")).status == 500
    services.start()
    await user.listen(f"{user.path}/live/audit", lambda _: services.index_trouble is not None)
    page = await user.get(f"{user.path}/audit")
    assert (page.status, file.name in page.text) == (200, True)
