"""ntfy: a push notification with buttons; the answer comes back by a second topic (https://docs.ntfy.sh)."""

import json
import time
from typing import Any, Final, cast

import anyio

from alya_mcp.gate.approvals import Way
from alya_mcp.net.client import Http
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.way import CantNotify, Redeem
from alya_mcp.settings.notifiers import NTFY

LONGEST: Final = 3500
"""Bytes of a message: ntfy takes 4,096 and makes a file of what is longer."""
LOOK_SECONDS: Final = 5.0
"""How often answers are looked for; ntfy.sh lets a visitor ask every 5 s."""
_MARGIN_SECONDS: Final = 30


class Ntfy:
    """Sends to `topic` and reads answers from `answers`; `token` signs in where the server wants it."""

    name: Way = "ntfy"

    def __init__(
        self, http: Http, topic: str, answers: str, token: str | None, *, every: float = LOOK_SECONDS
    ) -> None:
        self._http = http
        self._topic = topic
        self._answers = answers
        self._secrets = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._every = every
        self._since = str(int(time.time()) - _MARGIN_SECONDS)

    async def send(self, notice: Notice) -> None:
        """See `NotifyWay`."""
        whole = len(notice.text.encode()) <= LONGEST
        message: dict[str, Any] = {
            "topic": self._topic,
            "title": notice.title,
            "message": notice.text if whole else f"Too long to be shown here. {notice.elsewhere}",
            "tags": ["raised_hand"],
            "priority": 4,
        }
        if whole:  # a yes is for what was shown
            base = self._http.address_of(NTFY)
            message["actions"] = [
                {
                    "action": "http",
                    "label": label,
                    "url": f"{base}/{self._answers}",
                    "method": "POST",
                    "body": token,
                    "clear": True,
                }
                for label, token in (("Approve", notice.yes), ("Deny", notice.no))
            ]
        answer = await self._http.exchange(
            NTFY, "POST", "/", content=json.dumps(message).encode(), secrets=self._secrets, deadline=15,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        if answer.status != 200:
            raise CantNotify(f"ntfy answers {answer.status}; see that its topic and token are right")

    async def listen(self, redeem: Redeem) -> None:
        """See `NotifyWay`."""
        await anyio.sleep(self._every)
        answer = await self._http.exchange(
            NTFY, "GET", f"/{self._answers}/json", {"poll": "1", "since": self._since},
            secrets=self._secrets, deadline=15,
        )  # fmt: skip
        if answer.status == 429:
            self._http.pause(NTFY, 60)
        if answer.status != 200:
            raise CantNotify(f"ntfy answers {answer.status} where answers are looked for")
        for line in answer.body.splitlines():
            message = _message(line)
            if message.get("event") != "message":
                continue
            if isinstance(name := message.get("id"), str) and name.isalnum():
                self._since = name
            if isinstance(text := message.get("message"), str):
                await redeem(text.strip())

    async def settled(self, notice: Notice, words: str) -> None:
        """A notification that was sent stays; its buttons do nothing any more."""


def _message(line: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
