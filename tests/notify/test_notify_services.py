"""One way by itself, against a service that refuses, and the desktop against a program that shows it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import notify_services as services
import pytest
from loopback_source import LoopbackSource, Reply, running

from alya_mcp.errors import Unavailable
from alya_mcp.net.client import Http
from alya_mcp.notify.desktop import Desktop
from alya_mcp.notify.main import open_ways
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.ntfy import Ntfy
from alya_mcp.notify.slack import Slack
from alya_mcp.notify.telegram import Telegram
from alya_mcp.notify.way import CantNotify, NotifyWay
from alya_mcp.notify.webhook import Webhook
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio

NOTICE = Notice(
    id="q1",
    title="draw: approve?",
    text="prompt: a fox",
    tool="draw",
    caller="local",
    rule="/tools/draw",
    expires=2e9,
    yes="yes-token",
    no="no-token",
    withheld=False,
)
ANSWERS = f"/{services.TOPIC}-answers/json"


async def redeem(given: str) -> str | None:
    raise AssertionError(f"{given!r} was taken for an answer")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[tuple[LoopbackSource, Http]]:
    with running() as source:
        urls = dict.fromkeys(("ntfy", "telegram", "slack"), source.url) | {"webhook": f"{source.url}/hook"}
        http = Http(Settings(home=tmp_path, source_urls=urls))
        yield source, http
        await http.aclose()


def ways(http: Http) -> dict[str, NotifyWay]:
    return {
        "ntfy": Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", "ntfy-token", every=0),
        "telegram": Telegram(http, services.BOT, str(services.CHAT), wait=0),
        "slack": Slack(http, "xoxb-test", services.CHANNEL, services.USER, every=0),
        "webhook": Webhook(http, services.SECRET, every=0),
    }


@pytest.mark.parametrize(
    ("name", "reply", "said"),
    [
        ("ntfy", Reply({"error": "forbidden"}, 403), "403"),
        ("telegram", Reply({"ok": False}, 401), "ALYA_TELEGRAM_TOKEN"),
        ("telegram", Reply({"ok": False}, 403), "ALYA_TELEGRAM_CHAT"),
        ("telegram", Reply("[" * 100_000), "200"),
        ("slack", Reply({"ok": False, "error": "channel_not_found"}), "channel_not_found"),
        ("slack", Reply("<html>"), "200"),
        ("slack", Reply({"ok": True}), "Slack"),
        ("webhook", Reply("", 404), "404"),
    ],
)
async def test_a_question_that_a_service_refuses_was_not_sent(
    at: tuple[LoopbackSource, Http], name: str, reply: Reply, said: str
) -> None:
    source, http = at
    source.bad_day = reply
    with pytest.raises(CantNotify, match=said) as told:
        await ways(http)[name].send(NOTICE)
    assert not any(secret in str(told.value) for secret in (services.BOT, services.TOPIC, "xoxb-test"))


@pytest.mark.parametrize(
    ("name", "path", "reply"),
    [
        ("ntfy", ANSWERS, Reply("", 429)),
        ("telegram", f"/bot{services.BOT}/getUpdates", Reply({"parameters": {"retry_after": 60}}, 429)),
        ("slack", "/conversations.replies", Reply("", 429, {"Retry-After": "60"})),
    ],
)
async def test_a_service_that_wants_a_pause_is_not_asked_meanwhile(
    at: tuple[LoopbackSource, Http], name: str, path: str, reply: Reply
) -> None:
    source, http = at
    services.Slack(source)
    way = ways(http)[name]
    if name == "slack":
        await way.send(NOTICE)  # its threads are what is read
    source.on(path, reply)
    with pytest.raises((CantNotify, Unavailable)):
        await way.listen(redeem)
    asked = source.count(path)
    with pytest.raises(Unavailable):
        await way.listen(redeem)
    assert source.count(path) == asked > 0


async def test_what_is_no_answer_is_passed_over(at: tuple[LoopbackSource, Http]) -> None:
    source, http = at
    services.Slack(source)
    source.on(ANSWERS, "[" * 100_000 + '\n{"event": "message", "id": 7, "message": 7}\n')
    source.on(
        f"/bot{services.BOT}/getUpdates", {"ok": True, "result": [{"update_id": 1, "callback_query": {}}]}
    )
    source.on(f"/bot{services.BOT}/sendMessage", {"ok": True, "result": "sent"})
    source.on("/hook", Reply({"token": 7}), Reply("[" * 100_000), Reply("", 202), Reply("", 410))
    each = ways(http)
    for name in ("ntfy", "telegram", "slack"):
        source.on("/conversations.replies", {"ok": True, "messages": {"odd": 1}})
        source.on("/", {"event": "message"})
        await each[name].send(NOTICE)
        await each[name].listen(redeem)
    for _ in range(4):
        await each["webhook"].send(NOTICE)
        await each["webhook"].listen(redeem)
    asked = len(source.asked)
    await each["telegram"].settled(NOTICE, "Denied.")  # its message has no number to edit it by
    await Slack(http, "xoxb-test", "C", "U").settled(NOTICE, "Denied.")  # sent by an earlier process
    assert len(source.asked) == asked
    assert source.asked[0].headers["authorization"] == "Bearer ntfy-token"


async def test_a_button_that_telegram_cant_confirm_still_answers(at: tuple[LoopbackSource, Http]) -> None:
    source, http = at
    chat = services.Telegram(source)
    chat.press("yes-token")
    source.on(f"/bot{services.BOT}/answerCallbackQuery", Reply({"ok": False}, 400))
    given: list[str] = []

    async def take(token: str) -> str:
        given.append(token)
        return "Approved."

    await ways(http)["telegram"].listen(take)
    assert given == ["yes-token"]


async def test_a_webhook_may_name_another_place_for_its_answer(at: tuple[LoopbackSource, Http]) -> None:
    source, http = at
    source.on("/hook", Reply("", 202, {"Location": f"{source.url}/later"}))
    source.on("/later", Reply({"token": "yes-token"}))
    given: list[str] = []

    async def take(token: str) -> None:
        given.append(token)

    way = ways(http)["webhook"]
    await way.send(NOTICE)
    await way.listen(take)
    assert given == ["yes-token"]


async def test_the_desktop_shows_the_tool_without_its_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CantNotify, match="libnotify-bin"):
        await Desktop().send(NOTICE)
    program = tmp_path / "notify-send"
    for status, shown in ((0, True), (1, False)):
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/shown"\nexit {status}\n')
        program.chmod(0o755)
        if shown:
            await Desktop().send(NOTICE)
        else:
            with pytest.raises(CantNotify):
                await Desktop().send(NOTICE)
    words = (tmp_path / "shown").read_text()
    assert "draw" in words
    assert "fox" not in words
    assert "token" not in words
    program.write_text("no program")
    with pytest.raises(CantNotify):
        await Desktop().send(NOTICE)
    with anyio.move_on_after(0) as ended:
        await Desktop().listen(redeem)  # no answer comes this way
    assert ended.cancelled_caught
    await Desktop().settled(NOTICE, "Denied.")


async def test_each_way_that_the_settings_name_is_opened(tmp_path: Path) -> None:
    variables: dict[str, Any] = {
        "ALYA_HOME": str(tmp_path),
        "ALYA_NOTIFY": "desktop ntfy telegram slack webhook",
        "ALYA_NTFY_TOPIC": services.TOPIC,
        "ALYA_TELEGRAM_TOKEN": services.BOT,
        "ALYA_TELEGRAM_CHAT": "1",
        "ALYA_SLACK_TOKEN": "xoxb-test",
        "ALYA_SLACK_CHANNEL": "C1",
        "ALYA_SLACK_USER": "U1",
        "ALYA_WEBHOOK_URL": "https://hooks.example/alya",
        "ALYA_WEBHOOK_SECRET": services.SECRET,
    }
    settings = Settings.from_environment(variables)
    http = Http(settings)
    assert [way.name for way in open_ways(settings, http)] == variables["ALYA_NOTIFY"].split()
    await http.aclose()
