"""A call that asks, sent by the notifier's own process and approved by a tap."""

from pathlib import Path
from typing import Any

import notify_services as services
import pytest
from loopback_source import running
from raw_client import Servers
from scene import ALLOW_ALL, audit_records, write_policy

from alya_mcp.settings import Settings, SettingsError

ASKS = {**ALLOW_ALL, "tools": {"alya_usage": {"action": "require_approval"}}}


def decision(result: dict[str, Any]) -> str:
    return result["_meta"]["alya/decision"]["decision"]


def test_a_question_reaches_telegram_and_a_tap_lets_the_call_run(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, ASKS)
    with running() as source:
        chat = services.Telegram(source)
        variables = {
            "ALYA_NOTIFY": "telegram",
            "ALYA_TELEGRAM_URL": source.url,
            "ALYA_TELEGRAM_TOKEN": services.BOT,
            "ALYA_TELEGRAM_CHAT": str(services.CHAT),
        }
        client = start_server(extra=variables)
        client.initialize()
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"
        services.soon(lambda: chat.messages, "the question")
        assert 'window: "day"' in chat.messages[0]["text"]
        chat.tap("Approve", chat=services.CHAT + 1)  # forwarded to somebody else
        services.soon(lambda: chat.told, "the answer to a stranger")
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"
        chat.tap("Approve")
        services.soon(lambda: len(chat.told) == 2, "the answer")
        assert chat.told == ["This button does nothing any more.", "Approved."]
        assert not client.call("alya_usage", {"window": "day"})["result"].get("isError")
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"  # it was good once
        services.soon(lambda: len(chat.messages) == 2, "the next question")
        chat.tap("Deny")
        services.soon(lambda: len(chat.edited) == 2, "the end of the buttons")
        client.close_stdin()
        assert client.exit_code() == 0
    ways = [each["answer"]["way"] for each in audit_records(alya_home) if each.get("answer")]
    assert ways == ["telegram"]
    kept = b"".join(path.read_bytes() for path in alya_home.rglob("*") if path.is_file())
    assert services.BOT.encode() not in kept


@pytest.mark.slow  # ntfy's answers are looked for every 5 s
def test_a_question_reaches_ntfy_and_a_tap_lets_the_call_run(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, ASKS)
    with running() as source:
        phone = services.Ntfy(source)
        client = start_server(
            extra={"ALYA_NOTIFY": "ntfy", "ALYA_NTFY_URL": source.url, "ALYA_NTFY_TOPIC": services.TOPIC}
        )
        client.initialize()
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"
        services.soon(lambda: phone.topics.get(services.TOPIC), "the question")
        (message,) = phone.topics[services.TOPIC]
        yes = message["actions"][0]["body"]
        for forged in ("yes", yes[:-1] + ("A" if yes[-1] != "A" else "B"), f"n{yes[1:]}"):
            phone.answer(forged)
        read = source.count(f"/{services.TOPIC}-answers/json")
        services.soon(lambda: source.count(f"/{services.TOPIC}-answers/json") >= read + 2, "a look")
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"
        phone.tap("Approve")
        services.soon(
            lambda: not client.call("alya_usage", {"window": "day"})["result"].get("isError"), "the yes"
        )
        assert decision(client.call("alya_usage", {"window": "day"})["result"]) == "ask"
        services.soon(lambda: len(phone.topics[services.TOPIC]) == 2, "the next question")
        phone.tap("Deny")
        services.soon(
            lambda: decision(client.call("alya_usage", {"window": "day"})["result"]) == "deny", "the no"
        )
        client.close_stdin()
        assert client.exit_code() == 0
    answers = [each["answer"] for each in audit_records(alya_home) if each.get("answer")]
    assert {each["way"] for each in answers} == {"ntfy"}


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"ALYA_NOTIFY": "pigeon"}, "'pigeon'"),
        ({"ALYA_NOTIFY": "telegram", "ALYA_TELEGRAM_TOKEN": "x"}, "ALYA_TELEGRAM_CHAT"),
        ({"ALYA_NOTIFY": "ntfy,slack"}, "ALYA_SLACK_USER"),
        ({"ALYA_NOTIFY": "ntfy", "ALYA_NTFY_TOPIC": "a b"}, "ALYA_NTFY_TOPIC"),
        (
            {"ALYA_NOTIFY": "webhook", "ALYA_WEBHOOK_URL": "a.example", "ALYA_WEBHOOK_SECRET": "x"},
            "ALYA_WEBHOOK_URL",
        ),
    ],
)
def test_a_way_that_lacks_what_it_needs_is_refused_at_the_start(
    variables: dict[str, str], wrong: str
) -> None:
    with pytest.raises(SettingsError, match=wrong):
        Settings.from_environment({"ALYA_HOME": "/tmp/x", **variables})


def test_tokens_of_notifications_are_secrets() -> None:
    settings = Settings.from_environment(
        {"ALYA_HOME": "/tmp/x", "ALYA_NOTIFY": "ntfy desktop", "ALYA_NTFY_TOPIC": "topic-of-mine"}
    )
    assert settings.notify == ("ntfy", "desktop")
    assert "topic-of-mine" not in str(settings.describe().values())
