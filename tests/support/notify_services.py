"""ntfy, Telegram, Slack and a webhook of one's own, played on the loopback interface with their quirks."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loopback_source import Asked, LoopbackSource, Reply

TOPIC = "alya-test-topic"
BOT = "123:secret-bot-token"
CHAT = 4711
CHANNEL, USER = "C123", "U123"
SECRET = "webhook-secret"


@dataclass
class Ntfy:
    """Topics of messages; a publication over 4,096 bytes becomes a file, as on the real server."""

    source: LoopbackSource
    topics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.source.on("/", self._published)
        self.source.on(f"/{TOPIC}-answers", self._posted)
        self.source.on(f"/{TOPIC}-answers/json", self._polled)

    def tap(self, label: str, message: int = -1) -> None:
        """Press a button of a message, as the phone does: its request, word for word."""
        action = next(a for a in self.topics[TOPIC][message]["actions"] if a["label"] == label)
        assert (action["action"], action["method"]) == ("http", "POST")
        assert action["url"] == f"{self.source.url}/{TOPIC}-answers"
        self.answer(action["body"])

    def answer(self, text: str) -> None:
        self._keep(f"{TOPIC}-answers", {"message": text})

    def _published(self, asked: Asked) -> Reply:
        message = asked.json
        if len(message["message"].encode()) > 4096:
            self.refused.append("a file instead of a message")
        if len(message.get("actions", [])) > 3:
            self.refused.append("actions")
        self._keep(message["topic"], message)
        return Reply({"id": "x", "event": "message"})

    def _posted(self, asked: Asked) -> Reply:
        self.answer(asked.body.decode())
        return Reply({"event": "message"})

    def _polled(self, asked: Asked) -> Reply:
        """Those since an id or a time; an id that nobody knows brings all, as on the real server."""
        assert asked.query["poll"] == "1"
        found = self.topics.get(f"{TOPIC}-answers", [])
        ids = [each["id"] for each in found]
        since = asked.query["since"]
        rest = found[ids.index(since) + 1 :] if since in ids else found
        lines = [{"event": "open", "id": "o"}, *rest, {"event": "keepalive"}]
        return Reply("".join(json.dumps(each) + "\n" for each in lines) + "not json\n[]\n")

    def _keep(self, topic: str, message: dict[str, Any]) -> None:
        self.number += 1
        kept = {**message, "id": f"m{self.number}", "time": int(time.time()), "event": "message"}
        self.topics.setdefault(topic, []).append(kept)


@dataclass
class Telegram:
    """A bot's chat. Updates come again until a later offset confirms them."""

    source: LoopbackSource
    messages: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    trouble: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        for method, answer in (
            ("sendMessage", self._sent), ("getUpdates", self._polled), ("editMessageText", self._edited),
            ("answerCallbackQuery", self._answered),
        ):  # fmt: skip
            self.source.on(f"/bot{BOT}/{method}", self._or_trouble(answer))

    def tap(self, label: str, message: int = -1, chat: int = CHAT) -> None:
        (row,) = self.messages[message]["reply_markup"]["inline_keyboard"]
        data = next(button["callback_data"] for button in row if button["text"] == label)
        assert len(data.encode()) <= 64
        self.press(data, chat)

    def press(self, data: str, chat: int = CHAT) -> None:
        number = 900 + len(self.updates)
        pressed = {"id": str(number), "from": {"id": 1}, "message": {"chat": {"id": chat}}, "data": data}
        self.updates.append({"update_id": number, "callback_query": pressed})

    def _or_trouble(self, answer: Callable[[Asked], Reply]) -> Callable[[Asked], Reply]:
        return lambda asked: self.trouble.pop(0) if self.trouble else answer(asked)

    def _sent(self, asked: Asked) -> Reply:
        assert asked.json["chat_id"] == str(CHAT)
        if (refused := self._too_long(asked)) is not None:
            return refused
        self.messages.append(asked.json)
        return Reply({"ok": True, "result": {"message_id": len(self.messages)}})

    def _polled(self, asked: Asked) -> Reply:
        offset = asked.json["offset"]
        return Reply(
            {"ok": True, "result": [each for each in self.updates if each.get("update_id", offset) >= offset]}
        )

    def _answered(self, asked: Asked) -> Reply:
        self.told.append(asked.json["text"])
        return Reply({"ok": True, "result": True})

    def _edited(self, asked: Asked) -> Reply:
        if (refused := self._too_long(asked)) is not None:
            return refused
        self.edited.append(asked.json["text"])
        return Reply({"ok": True, "result": True})

    def _too_long(self, asked: Asked) -> Reply | None:
        if len(asked.json["text"].encode("utf-16-le")) <= 2 * 4096:
            return None
        self.refused.append(asked.path.rpartition("/")[2])
        return Reply({"ok": False, "error_code": 400, "description": "Bad Request: MESSAGE_TOO_LONG"}, 400)


@dataclass
class Slack:
    """One channel with threads; errors come with status 200, and what is over 4,000 characters is cut off."""

    source: LoopbackSource
    messages: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source.on("/chat.postMessage", self._posted)
        self.source.on("/conversations.replies", self._read)

    def reply(self, text: str, user: str = USER) -> None:
        self.replies.append({"user": user, "text": text, "ts": f"2.{len(self.replies)}"})

    def _posted(self, asked: Asked) -> Reply:
        if asked.headers["authorization"] != "Bearer xoxb-test":
            return Reply({"ok": False, "error": "invalid_auth"})
        if len(asked.json["text"]) > 4000:
            self.refused.append("the end of a message")
        self.messages.append(asked.json)
        return Reply({"ok": True, "channel": CHANNEL, "ts": "1.0"})

    def _read(self, asked: Asked) -> Reply:
        assert asked.query["ts"] == "1.0"
        parent = {"user": "UBOT", "text": "the question", "ts": "1.0"}
        return Reply({"ok": True, "messages": [parent, *self.replies]})


@dataclass
class Webhook:
    """Checks every signature. Answers 202 with a place to look, where `decide` puts an answer."""

    source: LoopbackSource
    questions: list[dict[str, Any]] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    settled: list[dict[str, Any]] = field(default_factory=list)
    at_once: bool = False

    def __post_init__(self) -> None:
        self.source.on("/hook", self._asked)
        self.source.on("/answers/*", self._looked)

    def decide(self, which: str) -> None:
        question = self.questions[-1]
        self.given[question["id"]] = question["tokens"][which]

    def _asked(self, asked: Asked) -> Reply:
        if not self._signed(asked):
            return Reply({"error": "signature"}, 403)
        if asked.json["type"] == "settled":
            self.settled.append(asked.json)
            return Reply("", 204)
        self.questions.append(asked.json)
        if self.at_once:
            return Reply({"token": asked.json["tokens"]["approve"]})
        return Reply("", 202, {"Location": f"/answers/{asked.json['id']}"})

    def _looked(self, asked: Asked) -> Reply:
        if not self._signed(asked):
            return Reply("", 403)
        token = self.given.get(asked.path.rpartition("/")[2])
        return Reply({"token": token}) if token else Reply("", 202)

    def _signed(self, asked: Asked) -> bool:
        signed = asked.headers["x-alya-timestamp"].encode() + b"." + asked.body
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return asked.headers["x-alya-signature"] == f"sha256={digest}"


def soon(test: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until `test` holds, in a thread that isn't the event loop's."""
    ended = time.monotonic() + seconds
    while not test():
        if time.monotonic() > ended:
            raise AssertionError(f"{what} never came")
        threading.Event().wait(0.01)
