"""The user's own webhook: the question as signed JSON, the answer in the response or where that points.

The body is signed as `X-Alya-Signature: sha256=HMAC(secret, timestamp + "." + body)` in hexadecimal, with
`X-Alya-Timestamp` in seconds since 1970. The answer is `{"token": "..."}` with one of the two tokens of the
question: in the response to it (200), or later at the address that a 202 names in `Location`, which is asked,
signed in the same way with an empty body, until it answers 200 or 410.
"""

import hashlib
import hmac
import json
import time
from typing import Any, Final

import anyio

from alya_mcp.gate.approvals import Way
from alya_mcp.net.client import Http
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.way import CantNotify, Redeem
from alya_mcp.settings.notifiers import WEBHOOK

LOOK_SECONDS: Final = 3.0


class Webhook:
    """Posts to the user's address; `secret` signs."""

    name: Way = "webhook"

    def __init__(self, http: Http, secret: str, *, every: float = LOOK_SECONDS) -> None:
        self._http = http
        self._secret = secret.encode()
        self._every = every
        self._at: dict[str, str] = {}
        self._tokens: list[str] = []

    async def send(self, notice: Notice) -> None:
        """See `NotifyWay`."""
        told: dict[str, Any] = {
            "type": "question",
            "id": notice.id,
            "tool": notice.tool,
            "caller": notice.caller,
            "rule": notice.rule,
            "text": notice.text,
            "expires": round(notice.expires),
            "tokens": {"approve": notice.yes, "deny": notice.no},
        }
        await self._ask("POST", "", json.dumps(told).encode(), notice.id)

    async def listen(self, redeem: Redeem) -> None:
        """See `NotifyWay`."""
        await anyio.sleep(self._every)
        for question, address in list(self._at.items()):
            await self._ask("GET", address, b"", question)
        while self._tokens:
            await redeem(self._tokens.pop(0))

    async def settled(self, notice: Notice, words: str) -> None:
        """See `NotifyWay`."""
        self._at.pop(notice.id, None)
        told = {"type": "settled", "id": notice.id, "text": words}
        await self._ask("POST", "", json.dumps(told).encode(), notice.id, answers=False)

    async def _ask(self, method: str, path: str, body: bytes, question: str, *, answers: bool = True) -> None:
        stamp = str(int(time.time()))
        digest = hmac.new(self._secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"X-Alya-Timestamp": stamp, "X-Alya-Signature": f"sha256={digest}"}
        if body:
            headers["Content-Type"] = "application/json"
        answer = await self._http.exchange(
            WEBHOOK, method, path, content=body or None, headers=headers, deadline=30
        )
        if answer.status == 202 and answers:
            if location := answer.headers.get("location"):
                self._at[question] = location if "://" in location else self._absolute(location)
            return
        self._at.pop(question, None)
        if answer.status == 200 and answers:
            self._tokens.extend(_token(answer.body))
        elif answer.status not in {200, 202, 204, 410}:
            raise CantNotify(f"the webhook answers {answer.status}")

    def _absolute(self, location: str) -> str:
        from urllib.parse import urljoin

        return urljoin(self._http.address_of(WEBHOOK), location)


def _token(body: bytes) -> list[str]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return []
    match found:
        case {"token": str(token)}:
            return [token]
        case _:
            return []
