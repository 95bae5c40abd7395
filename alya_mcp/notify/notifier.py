"""Sends waiting questions over every channel, takes the answers, and ends when no question waits."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from alya_mcp.errors import Failure
from alya_mcp.gate import SqliteState, StateError
from alya_mcp.gate.approvals import KeptQuestion, Status
from alya_mcp.notify.notice import Notice, notice
from alya_mcp.notify.tokens import redeem, token
from alya_mcp.notify.way import CantNotify, NotifyWay

LOOK_SECONDS: Final = 0.5
LINGER_SECONDS: Final = 3.0
_PAUSES: Final = (2.0, 5.0, 15.0, 30.0, 60.0)
_WORDS: Final = {"yes": "Approved.", "no": "Denied."}
_STATUS_WORDS: Final[Mapping[Status, str]] = {
    "pending": "",
    "approved": "Approved.",
    "denied": "Denied.",
    "used": "Approved.",
    "expired": "Expired.",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotifierPace:
    """Waiting times in seconds: between checks of the state, before the end, and after failures."""

    look: float = LOOK_SECONDS
    linger: float = LINGER_SECONDS
    pauses: Sequence[float] = _PAUSES


class Notifier:
    """Sends by `ways`; with `arguments`, or without them where the user withholds those."""

    def __init__(
        self,
        state: SqliteState,
        ways: Sequence[NotifyWay],
        *,
        arguments: bool = True,
        pace: NotifierPace | None = None,
    ) -> None:
        self._state = state
        self._ways = ways
        self._arguments = arguments
        self._pace = NotifierPace() if pace is None else pace
        self._sent: dict[str, list[tuple[NotifyWay, Notice]]] = {}

    async def run(self) -> None:
        """Run until no question has been waiting for a while.

        Raises:
            StateError: the questions can't be read.
        """
        trouble: StateError | None = None
        async with anyio.create_task_group() as group:
            for way in self._ways:
                group.start_soon(self._listen, way)
            idle = 0.0
            while idle < self._pace.linger and trouble is None:
                try:
                    waiting = await self._look(group)
                except StateError as error:
                    trouble = error  # raised below, outside the group that would wrap it
                else:
                    idle = 0.0 if waiting else idle + self._pace.look
                    await anyio.sleep(self._pace.look)
            group.cancel_scope.cancel()
        if trouble is not None:
            raise trouble

    async def _look(self, group: anyio.abc.TaskGroup) -> bool:
        """Send what is new, settle what waits no more; whether anything waits."""
        kept = await self._all()
        statuses: dict[str, Status] = {asked.id: status for asked, status in kept}
        for asked, status in kept:
            if status == "pending" and asked.id not in self._sent:
                self._sent[asked.id] = []
                for way in self._ways:
                    group.start_soon(self._send, way, asked)
        for name in list(self._sent):
            how = statuses.get(name, "expired")
            if how != "pending":
                await self._settle(self._sent.pop(name), _STATUS_WORDS[how])
        return bool(self._sent)

    async def _send(self, way: NotifyWay, asked: KeptQuestion) -> None:
        try:
            yes, no = await anyio.to_thread.run_sync(
                lambda: (
                    token(self._state, asked, way.name, "yes"),
                    token(self._state, asked, way.name, "no"),
                )
            )
        except StateError as error:
            _log.error("a question was not sent by %s: %s", way.name, error)
            return
        told = notice(asked, yes, no, arguments=self._arguments)
        for number in itertools.count():  # a network may be away for longer than a few tries
            if asked.id not in self._sent:
                return
            self._sent[asked.id].append((way, told))  # before: a reply may be lost, not the message
            try:
                await way.send(told)
            except (CantNotify, Failure) as error:
                if asked.id in self._sent:
                    self._sent[asked.id].remove((way, told))
                log = _log.info if number else _log.warning
                log("a question was not sent by %s: %s", way.name, error)
                await self._pause(number)
            except Exception:  # noqa: BLE001 - a bug in one way costs no other way
                _log.exception("a question was not sent by %s", way.name)
                return
            else:
                return

    async def _listen(self, way: NotifyWay) -> None:
        failed = 0
        while True:
            if not any(each is way for sent in self._sent.values() for each, _ in sent):
                await anyio.sleep(self._pace.look)
                continue
            try:
                await way.listen(lambda given: self._redeem(way, given))
                failed = 0
            except (CantNotify, Failure) as error:
                if not failed:
                    _log.warning("answers can't be read by %s: %s", way.name, error)
                await self._pause(failed)
                failed += 1
            except Exception:  # noqa: BLE001 - a bug in one way costs no other way
                _log.exception("answers can't be read by %s", way.name)
                await self._pause(failed)
                failed += 1

    async def _pause(self, failed: int) -> None:
        """Wait after one failure more than `failed`."""
        await anyio.sleep(self._pace.pauses[min(failed, len(self._pace.pauses) - 1)])

    async def _redeem(self, way: NotifyWay, given: str) -> str | None:
        try:
            answered = await anyio.to_thread.run_sync(redeem, self._state, way.name, given)
        except StateError as error:
            _log.error("an answer was not written: %s", error)
            return None
        return None if answered is None else _WORDS[answered[1]]

    async def _settle(self, sent: Sequence[tuple[NotifyWay, Notice]], words: str) -> None:
        for way, told in sent:
            try:
                with anyio.move_on_after(15):
                    await way.settled(told, words)
            except (CantNotify, Failure) as error:
                _log.info("a question that waits no more stays as it is at %s: %s", way.name, error)

    async def _all(self) -> Sequence[tuple[KeptQuestion, Status]]:
        return await anyio.to_thread.run_sync(self._state.approvals.all)
