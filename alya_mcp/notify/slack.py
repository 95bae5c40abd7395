"""Slack: a message by a bot, answered in its thread by one person (https://docs.slack.dev/reference/methods).

Slack's buttons need an address that Slack can reach, and no port is opened here: the answer is a line that is
copied from the message into its thread.
"""

import json
from typing import Any, Final, cast
from urllib.parse import urlencode

import anyio

from alya_mcp.gate.approvals import Way
from alya_mcp.net.client import Http
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.way import CantNotify, Redeem
from alya_mcp.settings.notifiers import SLACK

LONGEST: Final = 3500
"""Characters of the question; Slack cuts a message off after 4,000."""
LOOK_SECONDS: Final = 4.0


class Slack:
    """Writes into `channel`, and takes answers from `user` alone."""

    name: Way = "slack"

    def __init__(
        self, http: Http, token: str, channel: str, user: str, *, every: float = LOOK_SECONDS
    ) -> None:
        self._http = http
        self._secrets = {"Authorization": f"Bearer {token}"}
        self._channel = channel
        self._user = user
        self._every = every
        self._threads: dict[str, tuple[str, str]] = {}

    async def send(self, notice: Notice) -> None:
        """See `NotifyWay`."""
        text = _escaped(notice.text)
        if len(text) <= LONGEST:
            lines = f"`{notice.yes}` approves\n`{notice.no}` denies"
            text = f"{text}\n\nAnswer in this thread with one of these words alone:\n{lines}"
        else:
            text = f"{_escaped(notice.title)} Too long to be shown here. {_escaped(notice.elsewhere)}"
        message = {"channel": self._channel, "text": text, "unfurl_links": False, "parse": "none"}
        sent = await self._call("chat.postMessage", message)
        match sent:
            case {"ts": str(thread), "channel": str(channel)}:
                self._threads[notice.id] = (channel, thread)
            case _:
                raise CantNotify("Slack doesn't say where the message stands, so answers can't be read")

    async def listen(self, redeem: Redeem) -> None:
        """See `NotifyWay`."""
        await anyio.sleep(self._every)
        for channel, thread in list(self._threads.values()):
            found = await self._read(
                "conversations.replies", {"channel": channel, "ts": thread, "limit": "100"}
            )
            replies = found.get("messages")
            for reply in cast("list[Any]", replies) if isinstance(replies, list) else []:
                match reply:
                    case {"user": self._user, "text": str(text), "ts": str(ts)} if ts != thread:
                        await redeem(text.strip().strip("`").strip())
                    case _:
                        continue

    async def settled(self, notice: Notice, words: str) -> None:
        """See `NotifyWay`."""
        if (there := self._threads.pop(notice.id, None)) is not None:
            channel, thread = there
            await self._call("chat.postMessage", {"channel": channel, "thread_ts": thread, "text": words})

    async def _call(self, method: str, values: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        content = json.dumps(values).encode()
        answer = await self._http.exchange(
            SLACK, "POST", f"/{method}", content=content, headers=headers, secrets=self._secrets, deadline=15
        )
        return self._result(method, answer.status, answer.body, answer.headers.get("retry-after", ""))

    async def _read(self, method: str, values: dict[str, str]) -> dict[str, Any]:
        path = f"/{method}?{urlencode(values)}"
        answer = await self._http.exchange(SLACK, "GET", path, secrets=self._secrets, deadline=15)
        return self._result(method, answer.status, answer.body, answer.headers.get("retry-after", ""))

    def _result(self, method: str, status: int, body: bytes, wait: str) -> dict[str, Any]:
        if status == 429:
            self._http.pause(SLACK, float(wait) if wait.isdecimal() else 30)
            raise CantNotify("Slack wants a pause")
        try:
            found: object = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        match found:
            case {"ok": True}:
                return cast("dict[str, Any]", found)
            case {"error": str(error)}:
                raise CantNotify(f"Slack refuses {method}: {error[:60]}")
            case _:
                raise CantNotify(f"Slack answers {status} to {method}; try again later")


def _escaped(text: str) -> str:
    """Text without markup and mentions: Slack reads `<...>` and `&`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
