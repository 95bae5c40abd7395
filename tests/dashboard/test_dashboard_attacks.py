"""Who isn't the user gets nothing from the dashboard, and can change nothing by it."""

import os
import re
import secrets
import time
from pathlib import Path

import pytest
from browser_stand_in import HOST, Browser
from gate_support import a_call, echo, policy

from alya_mcp.app.stop import is_stopped
from alya_mcp.dashboard.guard import Guard
from alya_mcp.dashboard.services import Services
from alya_mcp.dashboard.sign_in import LINK_SECONDS, SESSION_SECONDS, Links, Sessions
from alya_mcp.gate import ApprovalNeeded, Gate

pytestmark = pytest.mark.anyio

ASKS = policy({"draw": {"action": "require_approval", "reason": "It costs money"}})
SECRET = "a secret prompt"


async def asked(services: Services) -> str:
    """A question that waits; its id."""
    with pytest.raises(ApprovalNeeded) as needed:
        await Gate(ASKS, services.state).call(a_call(arguments={"prompt": SECRET}), echo)
    return needed.value.id or ""


def status(services: Services, approval: str) -> str:
    return services.state.approvals.find(approval)[1]


async def test_without_a_session_nothing_is_told_whatever_the_address(app: Guard, services: Services) -> None:
    await asked(services)
    stranger = Browser(app)
    for path in (
        "/",
        f"{app.base}/",
        f"{app.base}/audit",
        f"{app.base}/live/now",
        f"{app.base}/static/style.css",
    ):
        page = await stranger.get(path)
        assert page.status == 403
        assert SECRET not in page.text
        assert "alya-mcp dashboard" in page.text


async def test_a_name_that_was_turned_to_this_machine_is_not_served(
    user: Browser, services: Services
) -> None:
    """DNS rebinding: the page is same-origin to itself, and its cookie even is sent."""
    approval = await asked(services)
    evil = Browser(user.app, "evil.example:8000", user.cookie)
    for host in ("evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "127.0.0.1.evil.example:8000",
                 "[::1]:8000", "0.0.0.0:8000", ""):  # fmt: skip
        evil.host = host
        assert (await evil.get(f"{user.path}/")).status == 421
        assert (await evil.post(f"{user.path}/approvals/{approval}/yes", {})).status == 421
    assert status(services, approval) == "pending"


async def test_a_page_elsewhere_can_post_nothing_and_read_nothing(user: Browser, services: Services) -> None:
    approval = await asked(services)
    page = await user.get(f"{user.path}/")
    token = re.search(
        rf'approvals/{approval}/yes"><input type="hidden" name="token" value="([0-9a-f]+)"', page.text
    )
    assert token is not None
    path, form = f"{user.path}/approvals/{approval}/yes", {"token": token[1]}
    for more in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "(none)"},
        {"origin": f"https://{HOST}"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://localhost:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
        {"content-type": "multipart/form-data; boundary=x"},
    ):
        assert (await user.post(path, form, **more)).status == 403, more
    for wrong in ({}, {"token": ""}, {"token": "0" * 64}, {"token": token[1][:-1]}):
        assert (await user.post(path, wrong)).status == 403
    assert (
        await user.post(f"{user.path}/approvals/{approval}/no", form)
    ).status == 403  # another form's token
    assert (await user.post(f"{user.path}/stop", form)).status == 403
    assert (await user.get(path)).status == 405
    for site in ("cross-site", "same-site"):
        assert (await user.get(f"{user.path}/", **{"sec-fetch-site": site})).status == 403
    assert status(services, approval) == "pending"
    assert not is_stopped(services.settings)
    assert (await user.post(path, form)).status == 303
    assert status(services, approval) == "approved"


async def test_no_page_can_be_framed_sniffed_cached_or_led_elsewhere(user: Browser) -> None:
    for path in ("/", "/audit", "/policy", "/static/live.js", "/nothing"):
        page = await user.get(user.path + path)
        policy_of_page = page.header("content-security-policy")
        assert "frame-ancestors 'none'" in policy_of_page
        assert "default-src 'none'" in policy_of_page
        assert "unsafe" not in policy_of_page
        assert page.header("x-frame-options") == "DENY"
        assert page.header("x-content-type-options") == "nosniff"
        assert page.header("referrer-policy") == "same-origin"
        assert page.header("cross-origin-resource-policy") == "same-origin"
        assert path.startswith("/static") or page.header("cache-control") == "no-store"
        assert not re.search(
            r"<script>|<style| style=| on\w+=|https?://(?!127\.0\.0\.1|www\.w3\.org)", page.text
        )


async def test_a_link_signs_in_once_and_not_for_long(app: Guard, links: Links, alya_home: Path) -> None:
    token = links.make()
    first, second = Browser(app), Browser(app)
    prefetch = await first.get(f"/open/{token}", **{"sec-purpose": "prefetch"})
    assert prefetch.status == 403
    assert (await first.ask("HEAD", f"/open/{token}", b"", {})).status == 403
    signed_in = await first.sign_in(token)
    assert signed_in.status == 200
    cookie = signed_in.header("set-cookie")
    for word in ("HttpOnly", "SameSite=strict", f"Path={app.base}/"):
        assert word in cookie
    assert token not in cookie
    assert (await second.sign_in(token)).status == 403
    assert (await second.get(f"{app.base}/")).status == 403
    assert (await first.get(f"{app.base}/")).status == 200
    late = links.make()
    folder = alya_home / "dashboard" / "links"
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert late not in file.name
    old = time.time() - LINK_SECONDS - 1
    os.utime(file, (old, old))
    assert (await second.sign_in(late)).status == 403


async def test_guesses_find_neither_link_nor_session_nor_path(
    app: Guard, links: Links, user: Browser
) -> None:
    links.make()
    stranger = Browser(app)
    guesses = [secrets.token_urlsafe(32) for _ in range(300)]
    for guess in (*guesses, "", ".", "..", "../../state.sqlite", "%2e%2e", "x" * 5000):
        assert (await stranger.get(f"/open/{guess}")).status in {403, 404}
    name = user.cookie.partition("=")[0]
    for guess in (*guesses, "", "None", user.cookie.partition("=")[2][:-1]):
        stranger.cookie = f"{name}={guess}"
        assert (await stranger.get(f"{app.base}/")).status == 403
    stranger.cookie = user.cookie  # without the path it isn't even sent by a browser
    for guess in (*guesses[:50], "", app.base[1:-1]):
        assert (await stranger.get(f"/{guess}/")).status == 403


async def test_a_session_ends_by_signing_out_by_time_and_when_others_take_its_place(
    user: Browser, links: Links
) -> None:
    page = await user.get(f"{user.path}/")
    assert (await user.submit(page, "/sign-out")).status == 200
    assert (await user.get(f"{user.path}/")).status == 403
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.begin()
    assert sessions.find(first) is not None
    for _ in range(8):
        sessions.begin()
    assert sessions.find(first) is None
    last = sessions.begin()
    now[0] = SESSION_SECONDS
    assert sessions.find(last) is None


async def test_a_form_that_is_too_large_or_odd_is_not_taken(user: Browser) -> None:
    path = f"{user.path}/stop"
    for body in (b"token=" + b"x" * (5 << 20), b"token=%ff%fe", b"\xff\xfe", b"&".join([b"a=b"] * 500)):
        assert (await user.post(path, body)).status == 403
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        assert (await user.ask(method, path, b"", {})).status == 405


async def test_arguments_and_names_from_outside_are_text_on_every_page(
    user: Browser, services: Services
) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\u200b"
    gate = Gate(policy({"draw": {"action": "require_approval", "reason": evil}}), services.state)
    with pytest.raises(ApprovalNeeded):
        await gate.call(a_call(arguments={evil: evil}, grant=evil[:60]), echo)
    page = await user.get(f"{user.path}/")
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert "\u202e" not in page.text
    assert "\\u202e\\u200b" in page.text
