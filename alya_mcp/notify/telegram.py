"""Telegram: a bot's message with inline buttons, answered by long polling (https://core.telegram.org/bots/api)."""

import json
from typing import Any, Final, cast

import anyio

from alya_mcp.gate.approvals import Way
from alya_mcp.net.client import Http
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.way import CantNotify, Redeem
from alya_mcp.settings.notifiers import TELEGRAM

LONGEST: Final = 3900
"""Characters of a message: Telegram takes 4,096 after entities, counted in UTF-16."""
WAIT_SECONDS: Final = 25


class Telegram:
    """Writes into one chat, and takes answers from that chat alone."""

    name: Way = "telegram"

    def __init__(self, http: Http, token: str, chat: str, *, wait: float = WAIT_SECONDS) -> None:
        self._http = http
        self._path = f"/bot{token}"
        self._chat = chat
        self._wait = wait
        self._offset = 0
        self._sent: dict[str, tuple[int, str]] = {}

    async def send(self, notice: Notice) -> None:
        """See `NotifyWay`."""
        whole = len(notice.text.encode("utf-16-le")) // 2 <= LONGEST
        text = notice.text if whole else f"{notice.title} Too long to be shown here. {notice.elsewhere}"
        message: dict[str, Any] = {
            "chat_id": self._chat,
            "text": text,
            "link_preview_options": {"is_disabled": True},
        }
        if whole:  # a yes is for what was shown
            buttons = (("Approve", notice.yes), ("Deny", notice.no))
            keyboard = [[{"text": label, "callback_data": token} for label, token in buttons]]
            message["reply_markup"] = {"inline_keyboard": keyboard}
        sent = await self._call("sendMessage", message)
        if isinstance(sent, dict) and isinstance(
            number := cast("dict[str, Any]", sent).get("message_id"), int
        ):
            self._sent[notice.id] = (number, text)

    async def listen(self, redeem: Redeem) -> None:
        """See `NotifyWay`."""
        wanted = {"offset": self._offset, "timeout": int(self._wait), "allowed_updates": ["callback_query"]}
        updates = await self._call("getUpdates", wanted, deadline=self._wait + 15)
        for update in cast("list[Any]", updates) if isinstance(updates, list) else []:
            match update:
                case {"update_id": int(number), "callback_query": dict()}:
                    self._offset = max(self._offset, number + 1)
                    await self._pressed(cast("dict[str, Any]", update["callback_query"]), redeem)
                case {"update_id": int(number)}:
                    self._offset = max(self._offset, number + 1)
                case _:
                    continue
        if not updates:
            await anyio.sleep(0.2)  # a server that doesn't wait isn't asked without a pause

    async def settled(self, notice: Notice, words: str) -> None:
        """See `NotifyWay`."""
        if (sent := self._sent.pop(notice.id, None)) is not None:
            number, text = sent
            edited = {"chat_id": self._chat, "message_id": number, "text": f"{text}\n\n{words}"}
            await self._call("editMessageText", edited)

    async def _pressed(self, pressed: dict[str, Any], redeem: Redeem) -> None:
        match pressed:
            case {"id": str(name), "data": str(data), "message": {"chat": {"id": int(chat)}}}:
                said = await redeem(data) if str(chat) == self._chat else None
                words = said or "This button does nothing any more."
                try:
                    await self._call("answerCallbackQuery", {"callback_query_id": name, "text": words})
                except CantNotify:
                    return  # the answer counts; the button only spins for a while
            case _:
                return

    async def _call(self, method: str, values: dict[str, Any], deadline: float = 15) -> object:
        answer = await self._http.exchange(
            TELEGRAM, "POST", f"{self._path}/{method}", content=json.dumps(values).encode(),
            headers={"Content-Type": "application/json"}, deadline=deadline,
        )  # fmt: skip
        try:
            found: object = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        match found:
            case {"ok": True}:
                return cast("dict[str, object]", found).get("result")
            case {"parameters": {"retry_after": int(seconds)}}:
                self._http.pause(TELEGRAM, seconds)
                raise CantNotify(f"Telegram wants a pause of {seconds} s")
            case _:
                advice = {
                    401: "ALYA_TELEGRAM_TOKEN is wrong or was revoked",
                    400: "see that ALYA_TELEGRAM_CHAT is right and that you have written to the bot once",
                    403: "the bot may not write to ALYA_TELEGRAM_CHAT; write to it first",
                    409: "another program asks for this bot's updates; give alya-mcp a bot of its own",
                }.get(answer.status, "try again later")
                raise CantNotify(f"Telegram answers {answer.status} to {method}: {advice}")
