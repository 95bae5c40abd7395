"""What the dashboard's pages show and do."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from browser_stand_in import HOST, Browser
from gate_support import a_call, echo, outcome_of, policy
from s3_servers import rclone

from alya_mcp.app.presence import CallProgress, Presence, running_servers
from alya_mcp.app.stop import is_stopped
from alya_mcp.dashboard.app import build
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.sign_in import Links
from alya_mcp.gate import ApprovalNeeded, Audit, Gate
from alya_mcp.settings import Settings
from alya_mcp.storage import open_store
from alya_mcp.storage.store import Upload
from alya_mcp.tools import NAMES
from alya_mcp.tools.images.repeat_index import Known

pytestmark = pytest.mark.anyio

RULES = {
    "image_gen": {"rate_limit": {"max": 2, "window": "hour", "scope": "grant"}},
    "web_search": {"action": "require_approval", "reason": "It sends words out"},
    "polymarket_edge": {"action": "deny"},
}


def a_gate(services: Services) -> Gate:
    settings = services.settings
    return Gate(policy(RULES), services.state, Audit(settings.audit_folder, services.state))


async def until(user: Browser, path: str, words: str) -> None:
    """Look at a page until it says so."""
    for _ in range(1000):
        if words in (await user.get(user.path + path)).text:
            return
        await anyio.sleep(0.03)
    raise AssertionError(f"{path} never says {words!r}")


async def test_a_question_is_approved_by_a_form_and_the_call_runs_once(
    user: Browser, services: Services
) -> None:
    gate = a_gate(services)
    call = a_call("web_search", {"query": "ferry times", "limit": 5})
    with pytest.raises(ApprovalNeeded) as needed:
        await gate.call(call, echo)
    page = await user.get(f"{user.path}/")
    for shown in (
        "web_search",
        "It sends words out",
        "&#34;ferry times&#34;",
        ">5<",
        "/tools/web_search/action",
    ):
        assert shown in page.text
    answered = await user.submit(page, f"/approvals/{needed.value.id}/yes")
    assert answered.status == 303
    after = await user.get(answered.header("location"))
    assert "Approved" in after.text
    assert "answered here" in after.text
    assert await outcome_of(gate, call) == "ok"
    assert isinstance(needed.value.id, str)
    late = await user.submit(page, f"/approvals/{needed.value.id}/no")
    assert late.header("location").endswith("said=late")
    services.index.refresh()
    row = services.index.running(0) or None
    assert row is None
    record = await user.get(f"{user.path}/audit/{gate_chain(services)}/2")
    assert "user&#39;s yes" in record.text or "user's yes" in record.text
    assert "dashboard" in record.text
    gate.close()


def gate_chain(services: Services) -> str:
    return next(services.settings.audit_folder.iterdir()).name.split("-")[1]


async def test_the_switch_stops_and_resumes(user: Browser, services: Services) -> None:
    page = await user.get(f"{user.path}/spend")
    assert (await user.submit(page, "/stop")).status == 303
    assert is_stopped(services.settings)
    page = await user.get(f"{user.path}/")
    assert "Every call is denied" in page.text
    assert (await user.submit(page, "/resume")).status == 303
    assert not is_stopped(services.settings)


async def test_denials_money_and_what_is_left_are_shown(user: Browser, services: Services) -> None:
    gate = a_gate(services)
    services.settings.home.joinpath("policy.json").write_text(
        json.dumps({"version": "1", "default": "deny", "tools": RULES})
    )
    for number in range(3):
        await outcome_of(gate, a_call("image_gen", {"n": number}, price=0.25))
    await outcome_of(gate, a_call("polymarket_edge"))
    services.index.refresh()
    now = await user.get(f"{user.path}/")
    assert "polymarket_edge" in now.text
    assert "/tools/image_gen/rate_limit" in now.text
    spend = await user.get(f"{user.path}/spend?over=hour")
    figures = re.findall(r"<dt>(\w+)</dt><dd>([^<]*)</dd>", spend.text)
    assert figures == [("Calls", "2"), ("Denied", "2"), ("Failed", "0"), ("Metered", "$0.50")]
    assert "<svg" in spend.text
    await until(user, "/spend?over=nonsense", "2 of 2 used")  # the policy file has to stand for a moment
    gate.close()


async def test_what_is_left_of_limits_per_session_is_shown_while_their_server_runs(
    user: Browser, services: Services
) -> None:
    rules: dict[str, Any] = {
        "image_gen": {"rate_limit": {"max": 4, "window": 300}, "budget": {"max_usd": 1, "window": 600}},
        "web_search": {"limits": [{"counter": "n", "max": 9, "window": 60, "amount": "args.n"}]},
    }
    rules["image_gen"]["budget"]["scope"] = rules["web_search"]["limits"][0]["scope"] = "session"
    document = {"tools": rules, "all_tools": {"rate_limit": {"max": 50, "window": "hour"}}}
    settings = services.settings
    (settings.home / "policy.json").write_text(json.dumps({"version": "1", "default": "deny", **document}))
    gate = Gate(policy(rules), services.state, Audit(settings.audit_folder, services.state))
    presence = Presence(settings.home, "aaaaaaaaaaaa")
    presence.begin()
    for session in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):  # the second one's server has ended
        for number in range(3):
            call = a_call("image_gen", {"n": number}, price=0.25, session=session)
            await gate.call(call, echo, failed=lambda result: result["echo"]["n"] == 0)
        await outcome_of(gate, a_call("web_search", {"n": 2}, session=session))
    services.index.refresh()
    await until(user, "/spend", "local, session aaaaaaaa")
    spend = (await user.get(f"{user.path}/spend")).text
    assert spend.count("session aaaaaaaa") == 4
    for words in ("3 of 4 used", "$0.50 of $1.00 used", "4 of 50 used", "At most 9 of args.n"):
        assert words in spend
    assert "bbbbbbbb" not in spend
    presence.close()
    gate.close()


async def test_a_running_drawing_shows_its_preview_until_it_ends(user: Browser, services: Services) -> None:
    gate = a_gate(services)
    presence = Presence(services.settings.home, "aaaaaaaaaaaa")
    presence.begin()
    call = a_call("image_gen", session="aaaaaaaaaaaa")

    async def drawing(_arguments: object) -> dict[str, Any]:
        told = CallProgress(50, 100, "Step 1 of 4", b"a small JPEG")
        presence.progress(str(call.request), told)
        services.index.refresh()
        page = await user.get(f"{user.path}/")
        (path,) = re.findall(r'class="preview" src="([^"]+)"', page.text)
        preview = await user.get(path)
        assert (preview.status, preview.header("content-type")) == (200, "image/jpeg")
        assert preview.text.encode() == told.preview
        presence.end(str(call.request))
        assert (await user.get(path)).status == 404
        return {}

    await gate.call(call, drawing)
    presence.close()
    gate.close()


async def test_the_log_is_searched_and_a_record_explained(user: Browser, services: Services) -> None:
    gate = a_gate(services)
    for tool in ("image_gen", "polymarket_edge", "image_gen"):
        await outcome_of(gate, a_call(tool, {"prompt": "kept from the log"}))
    services.index.refresh()
    found = await user.get(f"{user.path}/audit?tool=image_gen&decision=allow")
    assert "2 calls" in found.text
    assert found.text.count('<span class="tag allow">allow</span>') == 2
    none = await user.get(f"{user.path}/audit?tool=nothing&since=never&until=2026-01-01T00:00&before=x-y")
    assert "No call fits" in none.text
    assert "since is &#39;never&#39;" in none.text
    record = await user.get(f"{user.path}/audit/{gate_chain(services)}/3")
    for shown in ("/tools/polymarket_edge/action", "intact", "values are never kept"):
        assert shown in record.text
    assert "kept from the log" not in record.text
    assert (await user.get(f"{user.path}/audit/0000/1")).status == 404
    assert (await user.get(f"{user.path}/audit/0000/{2**63}")).status == 404
    assert (await user.get(f"{user.path}/audit?before={'9' * 5000}-{'9' * 5000}")).status == 200
    await until(user, "/audit", "nothing was changed")
    whole = await user.get(f"{user.path}/audit")
    assert (await user.submit(whole, "/audit/verify")).status == 303
    gate.close()


async def test_an_edited_policy_is_checked_compared_replayed_and_saved_whole(
    user: Browser, services: Services, alya_home: Path
) -> None:
    file = alya_home / "policy.json"
    file.write_text(json.dumps({"version": "1", "default": "deny", "tools": RULES}, indent=2))
    gate = a_gate(services)
    await outcome_of(gate, a_call("image_gen"))
    page = await user.get(f"{user.path}/policy")
    for name in NAMES:
        assert name in page.text
    wrong = await user.submit(page, "/policy/check", text='{"version": "1",\n "default": "alow"}')
    assert "line 2, column 13" in wrong.text
    assert "/policy/save" not in wrong.text
    rules = {**RULES, "image_gen": {"action": "deny"}}
    text = json.dumps({"version": "1", "default": "deny", "tools": rules}, indent=2)
    checked = await user.submit(page, "/policy/check", text=text.replace("\n", "\r\n"))
    assert "1 otherwise" in checked.text
    assert 'class="out"' in checked.text
    saved = await user.submit(checked, "/policy/save")
    assert saved.header("location").endswith("/policy?saved=1")
    assert file.read_text() == text
    stale = await user.submit(checked, "/policy/save", text=text.replace("deny", "allow", 1))
    assert "changed by somebody else" in stale.text
    assert file.read_text() == text
    gate.close()


async def test_the_tools_are_sorted_into_a_policy_that_loads(
    user: Browser, services: Services, alya_home: Path
) -> None:
    page = await user.get(f"{user.path}/policy/begin?preset=strict")
    choices = {
        f"sort-{name}": sort for name, sort in zip(NAMES, ("allow", "limit", "ask", "hide"), strict=False)
    }
    checked = await user.submit(page, "/policy/begin", **choices, **{f"hour-{NAMES[1]}": "7"})
    assert "can be used" in checked.text
    assert (await user.submit(checked, "/policy/save")).status == 303
    document = json.loads((alya_home / "policy.json").read_text())
    assert document["hide"] == [NAMES[3]]
    assert document["tools"][NAMES[1]]["rate_limit"]["max"] == 7
    assert document["tools"][NAMES[2]] == {"action": "require_approval"}
    assert document["tools"][NAMES[4]] == {"action": "deny"}


async def test_a_picture_is_shown_linked_and_deleted(
    user: Browser, services: Services, alya_home: Path
) -> None:
    from alya_mcp.images.encode import encode
    from alya_mcp.images.engine import Picture

    drawn = Picture(
        pixels=bytes(64 * 64 * 3), width=64, height=64, seed=77, steps=4, model="m", notice=None, timings={}
    )
    file = encode(drawn, "png", {"seed": "77", "steps": "4", "model": "alya-sketch"})
    path = alya_home / "images" / "2026-12-01" / f"{file.sha256}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(file.data)
    gallery = await user.get(f"{user.path}/pictures")
    assert "Seed 77" in gallery.text
    name = re.search(r"/pictures/([0-9a-f]{24})\"", gallery.text)
    assert name is not None
    page = await user.get(f"{user.path}/pictures/{name[1]}")
    assert "alya-sketch" in page.text
    shown = await user.get(f"{user.path}/pictures/{name[1]}/file")
    assert shown.header("content-type") == "image/png"
    assert (await user.submit(page, "/again", prompt=" ", seed="77")).text.count("A prompt has") == 1
    assert (await user.submit(page, "/again", prompt="x", seed="-1")).text.count("A seed is") == 1
    linked = await user.submit(page, "/link", expires="3600")
    assert re.search(r"http://127\.0\.0\.1:\d+/images/2026-12-01/", linked.text)
    assert (await user.submit(page, "/delete")).status == 303
    assert not path.exists()
    assert (await user.get(f"{user.path}/pictures/{name[1]}")).status == 404
    assert (await user.get(f"{user.path}/pictures/{name[1]}/file")).status == 404


async def test_a_picture_in_s3_is_deleted_there_and_stays_known_while_that_fails(
    alya_home: Path, tmp_path: Path, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"\x89PNG of a fox"
    sha256 = hashlib.sha256(data).hexdigest()
    upload = Upload(
        data=data, key=f"2026-12-01/{sha256}.png", content_type="image/png", filename="alya-7.png"
    )
    with rclone(tmp_path / "s3") as server:
        for name, value in server.credentials().items():
            monkeypatch.setenv(name, value)
        settings = Settings(home=alya_home, s3_bucket=server.bucket, s3_endpoint_url=server.url)
        store = open_store(settings)
        key = (await store.put(upload, expires_in=60)).key
        await store.aclose()
        (stored,) = (tmp_path / "s3" / server.bucket).rglob(f"{sha256}.png")
        services = Services(settings)
        known = Known(
            key=key, sha256=sha256, size=len(data), content_type="image/png", width=64, height=64,
            model="alya-sketch", notice=None, preview=b"\xff\xd8 small",
        )  # fmt: skip
        services.repeats.remember({"grant": "local", "prompt": "a fox", "seed": 7, "steps": 4}, known)
        user = Browser(build(services, links, (HOST,)))
        await user.sign_in(links.make())
        gallery = await user.get(f"{user.path}/pictures")
        name = re.search(r"/pictures/([0-9a-f]{24})\"", gallery.text)
        assert name is not None
        path = f"{user.path}/pictures/{name[1]}"
        assert (await user.get(f"{path}/preview")).header("content-type") == "image/jpeg"
        assert (await user.get(f"{path}/file")).status == 404
        page = await user.get(path)
        linked = await user.submit(page, "/link", expires="3600")
        assert server.url in linked.text

        with monkeypatch.context() as wrong:
            wrong.setenv("AWS_SECRET_ACCESS_KEY", "no-secret-of-the-tests")
            refused = await user.submit(page, "/delete")
        assert 'role="alert"' in refused.text
        assert stored.exists()
        assert (await user.get(path)).status == 200
        assert (await user.submit(page, "/delete")).status == 303
        assert not stored.exists()
        assert (await user.get(path)).status == 404
        assert name[1] not in (await user.get(f"{user.path}/pictures")).text
        services.close()


async def test_a_first_run_has_every_page(user: Browser) -> None:
    for path, words in (
        ("/", "Nothing waits"),
        ("/spend", "Nothing was called"),
        ("/pictures", "No picture was drawn yet"),
        ("/audit", "No call fits"),
        ("/policy", "packaged"),
    ):
        page = await user.get(user.path + path)
        assert page.status == 200
        assert words in page.text


async def test_a_state_that_cannot_be_read_is_told_in_words(user: Browser, alya_home: Path) -> None:
    (alya_home / "state.sqlite").write_bytes(b"this is no database, and long enough to be looked at" * 50)
    page = await user.get(f"{user.path}/")
    assert page.status == 200
    assert 'role="alert"' in page.text


def test_a_server_shows_that_it_runs_and_how_far_its_calls_are(tmp_path: Path) -> None:
    assert running_servers(tmp_path) == {}
    presence = Presence(tmp_path, "abc")
    presence.begin()
    drawing = CallProgress(20, 100, "drawing", b"\xff\xd8 small")
    presence.progress("7", drawing)
    assert running_servers(tmp_path) == {"abc": {"7": drawing}}
    presence.end("7")
    presence.close()
    assert running_servers(tmp_path) == {}
    (tmp_path / "servers" / "killed.lock").touch()
    (tmp_path / "servers" / "killed.json").write_text('{"1": [0, 1, "x"]}')
    assert running_servers(tmp_path) == {}
    assert list((tmp_path / "servers").iterdir()) == []
